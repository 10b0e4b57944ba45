"""`list`: prints what an index holds."""

from argparse import Namespace

from jaxhash.errors import printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.catalog import UPLOADS
from jaxhash.search.commands import opening


def run(options: Namespace) -> None:
    """Prints the collections of an index: name, number of images, place, what is left out."""
    index = opening.opened(options, opening.encoder(options), create=False)
    try:
        known = catalog.read(index)
        counts = {name: index.count({catalog.COLLECTION: name}) for name in known}
        rest = index.count() - sum(counts.values())
    finally:
        index.close()
    width = max([len(name) for name in known], default=0)
    for name, collection in known.items():
        place = "added through the service" if name == UPLOADS else collection.place
        line = f"{name:{width}}  {counts[name]:>9,} images  {printable(place or 'place not known')}"
        excluded = f", without {' '.join(collection.exclude)}" if collection.exclude else ""
        print(f"{line}{printable(excluded)}")
    if rest:
        print(f"{rest:,} images of an earlier version; the next index gives them their collection")
    if not known and not rest:
        print("the index is empty")
