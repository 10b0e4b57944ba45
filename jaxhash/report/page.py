"""The page of a report: one HTML file that needs no other file, and reads without its script."""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup
from PIL import Image

from jaxhash.errors import UserError
from jaxhash.report import figures, glyphs, grids, papers, summary, systems, table
from jaxhash.runs.results import AGAIN, Run

MANY = figures.MANY_RUNS  # above which long tables are folded, and pictures left out
TEMPLATES = Path(__file__).parent / "templates"
TITLE = "Deep hashing runs, side by side"
SAYS = {
    "retrieval.png": (
        "What queries found",
        "queries, each followed by the images nearest to it; solid frames are right, dashed wrong",
    ),
    "attention.png": (
        "Where the network looks",
        "pictures, each followed by what counts in it at nodes of the network, bright for much",
    ),
}


class Picture(NamedTuple):
    """An image in the page, as a data URL."""

    title: str
    alt: str
    address: str
    width: int
    height: int


def html(runs: list[Run], pictures: bool = False) -> str:
    """Writes runs as one HTML page.

    Args:
      runs: in the order of their rows.
      pictures: whether the page has the pictures of more than `MANY` runs too, which are most of
        its size.

    Raises:
      UserError: a picture of a run is damaged.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    text = environment.get_template("page.html").render(
        **_content(runs, pictures or len(runs) <= MANY),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return text.encode("utf-8", "replace").decode("utf-8")  # JSON can hold half a character


def markdown(runs: list[Run]) -> str:
    """Writes the main tables of runs as Markdown."""
    found = systems.sort(runs)
    parts = [f"# {TITLE}", *map(table.plain, remarks(runs))]
    every_run = summary.every_run(found) if len(runs) <= MANY else None
    for shown in filter(
        None, (*grids.by_length(runs), grids.varied(found), summary.over_seeds(found), every_run)
    ):
        parts += [f"## {shown.caption}", shown.markdown()]
    parts.append(f"mAP is in expectation over items at equal distance. {landmark(runs)}".strip())
    if any(run.results.get("map_at") for run in runs):
        parts.append(f"{table.DIVISION}.")
    text = "\n\n".join(parts) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")


def landmark(runs: list[Run]) -> str:
    """Describes the landmarks shown beside runs; empty where there are none."""
    sources = papers.sources(papers.find(run.results) for run in runs)
    return f"{LANDMARK} {sources}" if sources else ""


LANDMARK = (
    "A paper's number stands beside runs on its data set, by its protocol and at its k. Its "
    "weights and scale are its own: it is a landmark, and no comparison."
)


def remarks(runs: list[Run]) -> list[str]:
    """Lists what should be known before these runs are compared."""
    protocols = sorted({f"{r.results['dataset']}/{r.results['protocol']}" for r in runs})
    said = []
    if len(protocols) > 1:
        said.append(
            f"These runs follow {len(protocols)} protocols, {', '.join(protocols)}: numbers "
            "compare only within one."
        )
    splits: dict[tuple, set[str]] = {}
    for run in runs:
        key = (run.results["dataset"], run.results["protocol"], run.results["seed"])
        splits.setdefault(key, set()).add(run.results["split_checksum"])
    if any(len(checksums) > 1 for checksums in splits.values()):
        said.append(
            "Runs of the same protocol and seed have different split checksums: they did not train "
            "and search the same images."
        )
    for system in systems.sort(runs):
        for bits, same in system.by_bits().items():
            if len({run.results["seed"] for run in same}) < len(same):
                labels = ", ".join(run.label for run in same)
                said.append(
                    f"{system.label}, {bits} bits, comes more than once with one seed ({labels}): "
                    "its deviation is not one over seeds."
                )
    dirty = [run.label for run in runs if run.results["provenance"]["code"].endswith("-dirty")]
    if dirty:
        said.append(f"The code had changes that are in no commit: {', '.join(dirty)}.")
    return said


def _content(runs: list[Run], pictures: bool) -> dict[str, Any]:
    found, many = systems.sort(runs), len(runs) > MANY
    drawn = [run for run in runs if run.pictures]
    return {
        "title": TITLE,
        "many": MANY,
        "remarks": remarks(runs),
        "landmark": landmark(runs),
        "division": table.DIVISION if any(run.results.get("map_at") for run in runs) else "",
        "facts": {
            "runs": len(runs),
            "systems": len(found),
            "bits": ", ".join(map(str, figures.lengths(found))),
            "seeds": len({run.results["seed"] for run in runs}),
            "data": ", ".join(sorted({run.results["dataset"] for run in runs})),
        },
        "by_length": grids.by_length(runs),
        "varied": grids.varied(found),
        "thinned": figures.thins(found),
        "legend": [(glyphs.swatch(system.style), system.label) for system in found],
        "landmarks": glyphs.swatch(len(found), landmark=True) if _diamonds(found) else "",
        "every_run": summary.every_run(found),
        "over_seeds": summary.over_seeds(found),
        "curves": figures.against_bits(found) + figures.curves(found),
        "balance_figures": figures.balance(found),
        "balance": summary.balance(found),
        "ratios": None if many else summary.ratios(runs),
        "pictures": {
            run.label: [_picture(run, name) for name in run.pictures] for run in drawn if pictures
        },
        "no_pictures": f"Those of {len(drawn)} runs are left out; --pictures puts them in."
        if drawn
        else "None of these runs came with pictures: they lie in workdirs, not in a results.json.",
        "training": figures.training(found),
        "speed": summary.speed(runs),
        "provenance": summary.provenance(runs),
        "differences": summary.between_systems(found) if many else summary.differences(runs),
        "configs": {}
        if many
        else {run.label: json.dumps(run.results["config"], indent=2) for run in runs},
    }


def _diamonds(found: list[systems.System]) -> bool:
    """Tells whether a figure shows landmarks."""
    marks = figures.landmarks(found, "map") + figures.landmarks(found, table.BY_HITS)
    return bool(marks) and len(figures.lengths(found)) > 1


def _picture(run: Run, name: str) -> Picture:
    """Encodes an image of a run as WebP, which is smaller than its PNG."""
    path, packed = run.pictures[name], io.BytesIO()
    try:
        with Image.open(path) as image:
            image.convert("RGB").save(packed, "webp", quality=85)
            size = image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        raise UserError(f"{path}: damaged, no picture; {AGAIN}{path.parent}") from None
    address = "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()
    title, alt = SAYS[name]
    return Picture(title, f"{run.label}: {alt}", address, *size)
