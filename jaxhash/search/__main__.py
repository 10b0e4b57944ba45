"""Encode a collection of images, and search it.

  python -m jaxhash.search index --workdir=runs/a --images=~/photos
  python -m jaxhash.search index --workdir=runs/a --images=table.csv
  python -m jaxhash.search index --workdir=runs/a --images=tfds:cifar10/train
  python -m jaxhash.search index --workdir=runs/a --images=tfds:cifar10/cifar10_59k
  python -m jaxhash.search query --workdir=runs/a --image=cat.jpg --k=20 --where label=cat
  python -m jaxhash.search query --workdir=runs/a --image=cat.jpg --radius=2
  python -m jaxhash.search serve --workdir=runs/a --port=8000

The index is stored in the workdir, or where --index says: another folder, or a Milvus cluster as
milvus://host:port/collection. A collection that is indexed again has only what is new or changed
encoded.
"""

import argparse
import os

from absl import logging

from jaxhash.cli import command_line
from jaxhash.cli.command_line import whole

TOKEN = "JAXHASH_TOKEN"


def parser() -> argparse.ArgumentParser:
    """Describes the commands and their options."""
    form = argparse.RawDescriptionHelpFormatter
    top = command_line.Parser("python -m jaxhash.search", description=__doc__, formatter_class=form)
    commands = top.add_subparsers(dest="command", required=True, metavar="index|query|serve")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.add_argument("--workdir", required=True, help="folder of a run, or exported encoder")
        added.add_argument("--index", help="a folder, or milvus://host:port/collection")
        return added

    index = command("index", "Encode and store new and changed images.")
    places = "folder, table (.csv, .parquet) or tfds:NAME/SPLIT; of a protocol, the database"
    index.add_argument("--images", required=True, help=places)
    index.add_argument("--prune", action="store_true", help="delete items whose image is gone")
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
        "--where", action="append", default=[], metavar="NAME=VALUE", help="only with this metadata"
    )

    serve = command("serve", "Serve a web page to search with.")
    serve.add_argument("--images", help="folder of the pictures; default: the one indexed last")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=whole(0), default=8000, help="0 takes a free one")
    serve.add_argument(
        "--token", default=os.environ.get(TOKEN), help=f"that clients must send; or ${TOKEN}"
    )
    return top


def main(arguments: list[str] | None = None) -> None:
    """Runs the command that the arguments name."""
    options = parser().parse_args(arguments)
    logging.set_verbosity(logging.ERROR)  # of libraries; warnings of Python are still shown
    from jaxhash.search import commands  # noqa: PLC0415  --help and mistyped options need no jax

    getattr(commands, options.command)(options)


def run() -> None:
    """Enters from the command line."""
    command_line.run(main, stopped="stopped; what was stored stays")


if __name__ == "__main__":
    run()
