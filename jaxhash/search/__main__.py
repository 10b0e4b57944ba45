"""Encode a collection of images, and search it.

  python -m jaxhash.search index --images=~/photos
  python -m jaxhash.search query --image=cat.jpg
  python -m jaxhash.search duplicates
  python -m jaxhash.search serve
  python -m jaxhash.search index --workdir=runs/a --images=~/photos --images=~/scans
  python -m jaxhash.search index --workdir=runs/a --images=table.csv
  python -m jaxhash.search index --workdir=runs/a --images=tfds:cifar10/train
  python -m jaxhash.search index --workdir=runs/a --images=tfds:cifar10/cifar10_59k
  python -m jaxhash.search index --images=~/photos --part=3/64 --index=part3
  python -m jaxhash.search index --merge=part1 --merge=part2 --merge=part3
  python -m jaxhash.search query --workdir=runs/a --image=cat.jpg --k=20 --where label=cat
  python -m jaxhash.search query --workdir=runs/a --image=cat.jpg --radius=2
  python -m jaxhash.search serve --workdir=runs/a --port=8000
  python -m jaxhash.search list --workdir=runs/a
  python -m jaxhash.search forget --workdir=runs/a --collection=photos
  python -m jaxhash.search backup --workdir=runs/a --to=codes.backup

Without --workdir, an encoder that comes with jaxhash is used, and the index is stored in
~/.local/share/jaxhash; with it, a network that you trained, and the index is stored in the workdir.
--index names another folder, or a Milvus cluster as milvus://host:port/collection. Each folder,
table or data set is a collection of the index; one that is indexed again has only what is new or
changed encoded.
"""

import argparse
import importlib
import os

from absl import logging

from jaxhash.cli import command_line, memory
from jaxhash.cli.command_line import whole
from jaxhash.errors import UserError

TOKEN = "JAXHASH_TOKEN"
OF_IMAGES = ("part", "collection", "exclude", "prune", "force", "features")  # flags of index
AMONG = 200  # nearest by code that --rerank puts in order
COMMANDS = {  # and the module of each
    "index": "index",
    "query": "query",
    "duplicates": "duplicates",
    "serve": "serve",
    "list": "listing",
    "forget": "forgetting",
    "backup": "backup",
    "restore": "restore",
}


def parser() -> argparse.ArgumentParser:
    """Describes the commands and their options."""
    form = argparse.RawDescriptionHelpFormatter
    top = command_line.Parser("python -m jaxhash.search", description=__doc__, formatter_class=form)
    metavar = "|".join(COMMANDS)
    commands = top.add_subparsers(dest="command", required=True, metavar=metavar)

    def command(name: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        by = added.add_mutually_exclusive_group()
        by.add_argument("--workdir", help="folder of a run, or exported encoder")
        by.add_argument("--encoder", help="that comes with jaxhash; by default lite0")
        added.add_argument("--index", help="a folder, or milvus://host:port/collection")
        return added

    index = command("index", "Encode and store new and changed images.")
    places = "folder, table (.csv, .parquet) or tfds:NAME/SPLIT; of a protocol, the database"
    what = index.add_mutually_exclusive_group(required=True)
    what.add_argument("--images", action="append", help=f"{places}; repeatable")
    what.add_argument(
        "--merge",
        action="append",
        metavar="INDEX",
        help="join with parts made elsewhere; repeatable",
    )
    index.add_argument(
        "--part", metavar="3/64", help="encode this share alone, always the same images"
    )
    index.add_argument(
        "--collection",
        metavar="NAME",
        help="of these images, by default that of the folder; one that the index has moves here",
    )
    index.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out files and folders of this name, as in 'raw' or '*.gif', or paths; kept for "
        "the next time; repeatable",
    )
    index.add_argument(
        "--prune",
        nargs="?",
        const="some",
        choices=("some", "all"),
        help="delete items whose image is gone; all: also if they are more than a tenth",
    )
    index.add_argument("--force", action="store_true", help="encode what did not change, too")
    index.add_argument(
        "--features", action="store_true", help="store real-valued features too, for --rerank"
    )
    index.add_argument("--batch-size", type=whole(1), default=64, help="images encoded at once")
    index.add_argument(
        "--workers", type=whole(0), default=0, help="decoding processes; 0: one a core"
    )
    index.add_argument("--data-dir", help="folder of TFDS data sets")
    index.add_argument("--seed", type=whole(0), default=0, help="of a protocol's split")

    query = command("query", "Print similar images: bits that differ, id, metadata.")
    query.add_argument("--image", required=True, help="file of the picture")
    query.add_argument("--k", type=whole(1), help="number of hits; 10, or with --radius all")
    query.add_argument("--radius", type=whole(0), help="all that differ in at most this many bits")
    query.add_argument(
        "--rerank",
        type=whole(1),
        nargs="?",
        const=AMONG,
        metavar="N",
        help=f"put the N nearest by code, {AMONG}, in order by features; see index --features",
    )
    query.add_argument(
        "--where", action="append", default=[], metavar="NAME=VALUE", help="only with this metadata"
    )

    query.add_argument("--collection", metavar="NAME", help="only of this collection")
    query.add_argument("--json", action="store_true", help="print JSON: code, and a list of hits")

    duplicates = command("duplicates", "Print groups of near-duplicates; deletes nothing.")
    duplicates.add_argument(
        "--radius", type=whole(0), help="most bits that differ; by default an eighth of all"
    )
    duplicates.add_argument("--collection", metavar="NAME", help="only in this collection")
    duplicates.add_argument("--json", action="store_true", help="print JSON: groups, lists of ids")

    serve = command("serve", "Serve a web page to search with.")
    serve.add_argument(
        "--images",
        action="append",
        default=[],
        metavar="[NAME=]FOLDER",
        help="where the pictures of a collection lie, if not where they were indexed",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=whole(0), default=8000, help="0 takes a free one")
    serve.add_argument(
        "--token", default=os.environ.get(TOKEN), help=f"that clients must send; or ${TOKEN}"
    )

    command("list", "Print the collections of the index.")

    forget = command("forget", "Delete items from the index; files stay.")
    forget.add_argument(
        "--collection", metavar="NAME", help="all of it, or the ids or pattern in it"
    )
    forget.add_argument("--id", action="append", default=[], help="of an item; repeatable")
    forget.add_argument(
        "--pattern", action="append", default=[], help="of paths, as in '2019/*'; repeatable"
    )

    backup = command("backup", "Copy the index into one file, also while it is in use.")
    backup.add_argument("--to", required=True, metavar="FILE", help="that does not exist yet")
    restore = command("restore", "Put a copy made by backup in place of what the index holds.")
    restore.add_argument("--from", dest="source", required=True, metavar="FILE", help="by backup")
    return top


def main(arguments: list[str] | None = None) -> int | None:
    """Runs the command that the arguments name; returns its exit code, None for 0."""
    top = parser()
    options = top.parse_args(arguments)
    if options.command == "forget" and not (options.collection or options.id or options.pattern):
        raise UserError("forget needs --collection, --id or --pattern")
    if options.command == "index" and options.merge:
        given = [name for name in OF_IMAGES if getattr(options, name) not in (None, False, [])]
        if given:
            raise UserError(f"--{given[0]} is for --images; --merge joins indexes as they are")
    logging.set_verbosity(logging.ERROR)  # of libraries; warnings of Python are still shown
    if options.command == "index":
        memory.keep()
    # Imported late: --help and mistyped options need no jax.
    module = importlib.import_module(f"jaxhash.search.commands.{COMMANDS[options.command]}")
    return module.run(options)


def run() -> None:
    """Enters from the command line."""
    command_line.run(main, stopped="stopped; what was stored stays")


if __name__ == "__main__":
    run()
