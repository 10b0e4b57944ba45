"""For the pages of methods: one for each config, made of docstrings when the site is built."""

import ast
import functools
import re
import statistics
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from jaxhash import config as configs
from jaxhash.models import hash_network
from jaxhash.report import standings, table
from jaxhash.report.seeds import Spread

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "results" / "methods" / "runs.csv"
SYSTEMS = ("dhida", "dah", "adh", "triplet_greedy", "hrmpa")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds `methods/NAME.md` for every system and baseline."""
    folder = ROOT / "configs"
    paths = [
        *(folder / f"{name}.py" for name in SYSTEMS),
        *sorted((folder / "baselines").glob("*.py")),
    ]
    for path in paths:
        files.append(File.generated(config, f"methods/{path.stem}.md", content=page(path)))
    return files


def page(path: Path) -> str:
    """Writes the page of a config: what it is, how it is run, and its objective."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, _, rest = said.partition("\n")
    # Commands are indented in a docstring; in Markdown they are fenced.
    rest = re.sub(r"(?m)(?:^  \S.*\n)+", lambda lines: f"```\n{_dedented(lines[0])}```\n", rest)
    made = "jaxhash.{}.{}".format(*builder(path))
    parts = '    options:\n      filters: ["!^_", "!^build$"]\n'
    return (
        f"# {title.rstrip('.')}\n{rest}\n\n{_measured(path)}## Objective\n\n::: {made}.build\n\n"
        f"## Parts\n\n::: {made}\n{parts}"
    )


def _measured(path: Path) -> str:
    """Writes what the method reached beside all others, or nothing where it was not run."""
    name, rows = configs.load(f"{path}:scale=frozen").name, _rows()
    own = [row for row in rows if row["name"] == name]
    if not own:
        return ""
    lines = []
    for bits in sorted({int(row["bits"]) for row in own}):
        same = [row for row in own if int(row["bits"]) == bits]
        order = standings.standings(row for row in rows if int(row["bits"]) == bits)
        place = 1 + [each.name for each in order].index(name)
        spreads = (
            Spread.of([float(row[measure]) for row in same]).text()
            for measure in standings.MEASURES
        )
        lines.append((str(bits), *spreads, f"{place} of {len(order)}", _step(same)))
    count = len({row["seed"] for row in own})
    seeds = f"{count} seeds" if count > 1 else f"seed {own[0]['seed']}"
    titles = (
        "bits",
        *standings.MEASURES.values(),
        "place by mAP",
        "images/s in training, from kept features",
    )
    return (
        "## Results\n\n"
        f"`scale=frozen`, {own[0]['dataset']}, protocol {own[0]['protocol']}, {seeds}, "
        f"weights {own[0]['weights']}, {own[0]['hardware']}; beside the others in "
        f"[Results](../results.md).\n\n{table.lay_out(titles, lines)}\n\n"
    )


def _step(rows: list[standings.Row]) -> str:
    paces = [
        float(row["train_images_per_second"]) for row in rows if row["train_images_per_second"]
    ]
    return f"{statistics.median(paces):,.0f}" if paces else "fitted"


@functools.cache
def _rows() -> list[standings.Row]:
    return standings.read(RUNS)


def builder(path: Path) -> tuple[str, str]:
    """Returns where a config's method is built: of `losses` or `shallow`, and the module there."""
    config = configs.load(str(path))
    if hash_network.is_fitted(config.model):
        return "shallow", config.model.shallow.name
    return "losses", config.loss.name


def _dedented(lines: str) -> str:
    return re.sub(r"(?m)^  ", "", lines)
