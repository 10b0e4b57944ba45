"""Write one HTML page with tables, curves and images of one or more finished runs.

  python -m jaxhash.report runs/a runs/b
  python -m jaxhash.report results/*.json --out=all.html

The main tables are written in Markdown too, under the same name with .md, and the mAP of every
system, length and seed with the settings that differ, with .csv. The page needs no other file and
no network: send it, or put it on any web server.
"""

import os
import sys
from pathlib import Path

from jaxhash.cli import command_line
from jaxhash.errors import UserError
from jaxhash.report import grids, page, systems
from jaxhash.runs import results, workdir


def main(argv: list[str]) -> None:
    """Writes the report of the runs in the arguments, whole or not at all."""
    parser = command_line.Parser("python -m jaxhash.report", description=__doc__)
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="workdir of a finished run, or a results.json, which has no images",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="PAGE.html",
        help="path of the page (%(default)s); replaced if it exists",
    )
    parser.add_argument(
        "--pictures",
        action="store_true",
        help=f"show the pictures of more than {page.MANY} runs too; fewer are always shown",
    )
    arguments = parser.parse_args(argv)
    if not arguments.runs:
        parser.error("no run given; name workdirs or results.json files")
    out = arguments.out.expanduser()
    targets = out, out.with_suffix(".md"), out.with_suffix(".csv")
    if out.suffix not in (".html", ".htm"):
        raise UserError(f"--out={out}: expected a name that ends in .html")
    for target in targets:
        _check(target)
    found = results.read(arguments.runs)
    texts = (
        page.html(found, arguments.pictures),
        page.markdown(found),
        grids.csv_text(systems.sort(found)),
    )
    for target, text in zip(targets, texts, strict=True):
        try:
            workdir.write(target, text)
        except OSError as error:
            raise UserError(f"--out={out}: {target}: {error.strerror}") from None
    print(f"see {targets[0]}, {targets[1]} for its main tables, {targets[2]} for every number")


def _check(target: Path) -> None:
    """Raises UserError where a file cannot be written."""
    folder = target.parent
    if not folder.is_dir():
        raise UserError(f"--out={target}: {folder} is no folder; make it first")
    if target.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"--out={target}: cannot be written; give another --out")


def run() -> None:
    """Enters from the command line."""
    command_line.run(lambda: main(sys.argv[1:]))


if __name__ == "__main__":
    run()
