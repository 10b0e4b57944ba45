"""For the pages of methods: one for each config, made of docstrings when the site is built."""

import ast
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from jaxhash import config as configs
from jaxhash.models import hash_network

ROOT = Path(__file__).parent.parent
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
        f"# {title.rstrip('.')}\n{rest}\n\n## Objective\n\n::: {made}.build\n\n"
        f"## Parts\n\n::: {made}\n{parts}"
    )


def builder(path: Path) -> tuple[str, str]:
    """Returns where a config's method is built: of `losses` or `shallow`, and the module there."""
    config = configs.load(str(path))
    if hash_network.is_fitted(config.model):
        return "shallow", config.model.shallow.name
    return "losses", config.loss.name


def _dedented(lines: str) -> str:
    return re.sub(r"(?m)^  ", "", lines)
