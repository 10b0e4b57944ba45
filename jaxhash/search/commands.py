"""The commands of image search: index, query, serve."""

import json
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path

from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import ImageEncoder, open_encoder
from jaxhash.errors import UserError
from jaxhash.runs import workdir as workdirs
from jaxhash.search.collection import prepared, sources
from jaxhash.search.collection.collect import Report, collect
from jaxhash.search.collection.origin import Origin
from jaxhash.search.collection.workers import decode_file
from jaxhash.search.index.engines import open_index
from jaxhash.search.index.interface import Hit, Index, shown
from jaxhash.search.service.thumbnails import Pictures

FOLDER = "index"  # in the workdir: the embedded index, and notes on any
DAMAGED = "damaged.txt"
IMAGES = "images.json"  # the origin that was indexed last, to show its pictures
K = 10
NAMED = 3  # names that are printed of a long list


def index(options: Namespace) -> None:
    """Encodes what is new or changed in a collection, and prints a summary."""
    workdir = Path(options.workdir).expanduser()
    encoder = open_encoder(workdir)
    data_dir = options.data_dir or encoder.data_dir
    origin = sources.find(options.images, data_dir, options.seed)
    print(f"{len(origin.entries):,} images in {origin.name}, codes of {encoder.identity()}")
    _tell_left_out(origin)
    notes = workdir / FOLDER
    store = _open(options, encoder, create=True)
    start = time.monotonic()
    try:
        notes.mkdir(exist_ok=True)
        images = origin.name if origin.root is None else str(origin.root)
        kept = data_dir and str(Path(data_dir).expanduser().resolve())
        workdirs.write(notes / IMAGES, json.dumps([images, kept]))
        report = collect(
            origin,
            store,
            compiled(encoder, options.batch_size),
            size=encoder.size,
            channels=encoder.channels,
            batch_size=options.batch_size,
            workers=options.workers,
            prune=options.prune,
        )
        count = store.count()
    finally:
        store.close()
    lines = [f"{id}\t{why}\n" for id, why in report.damaged]
    workdirs.write(notes / DAMAGED, "".join(lines))
    _tell(report, time.monotonic() - start, notes / DAMAGED)
    print(f"the index holds {count:,} images")


def query(options: Namespace) -> None:
    """Prints images similar to a picture: distance in bits, id and metadata."""
    where = dict(_pair(text) for text in options.where)
    encoder = open_encoder(options.workdir)
    picture = decode_file(Path(options.image).expanduser(), encoder.size, encoder.channels)
    if isinstance(picture, str):
        raise UserError(f"--image={options.image}: {picture}")
    store = _open(options, encoder, create=False)
    try:
        hits = _find(store, compiled(encoder, 1)(picture[None]), options, where)
    finally:
        store.close()
    for hit in hits:
        metadata = " ".join(f"{n}={v}" for n, v in sorted(shown(hit.item.metadata).items()))
        print(f"{hit.distance:4}  {hit.item.id}  {metadata}".rstrip())
    if not hits:
        print("nothing found")


def serve(options: Namespace) -> None:
    """Serves the web page and its HTTP interface."""
    from jaxhash.search.service.server import serve as run  # noqa: PLC0415  needs extras

    workdir = Path(options.workdir).expanduser()
    encoder = open_encoder(workdir)
    pictures = _pictures(workdir / FOLDER, options.images, encoder.data_dir)
    store = _open(options, encoder, create=False)
    run(encoder, store, pictures, host=options.host, port=options.port, token=options.token)


def _open(options: Namespace, encoder: ImageEncoder, create: bool) -> Index:
    address = options.index or Path(options.workdir).expanduser() / FOLDER
    return open_index(address, encoder.bits, encoder.identity(), create)


def _pictures(notes: Path, images: str | None, data_dir: str | None) -> Pictures:
    """Finds the pictures of the index, in `images` or where they were indexed last."""
    if images is None and (notes / IMAGES).exists():
        images, data_dir = json.loads((notes / IMAGES).read_text())
    added = notes / "added"
    if images is None:
        return Pictures(added)
    if images.startswith(prepared.PREFIX):
        return Pictures(added, pixels=prepared.PreparedPixels(images, data_dir))
    root = Path(images).expanduser()
    if not root.is_dir():
        raise UserError(f"--images={images}: no such folder; expected where the pictures lie")
    return Pictures(added, root)


def _find(store: Index, code, options: Namespace, where: dict[str, str]) -> list[Hit]:
    if options.radius is None:
        return store.nearest(code, options.k or K, where)[0]
    return store.within(code, options.radius, where)[0][: options.k]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UserError(f"--where {text}: expected name=value, as in --where label=cat")
    return name, value


def _tell_left_out(origin: Origin) -> None:
    """Prints how many files are no pictures, by suffix, and which folders cannot be listed."""
    if origin.others:
        kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in origin.others)
        most = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common(NAMED))
        more = ", ..." if len(kinds) > NAMED else ""
        print(f"{len(origin.others):,} other files, no pictures: {most}{more}")
    for name, reason in origin.unlisted:
        print(f"{name}: cannot be listed ({reason}); what the index holds of it is kept")


def _tell(report: Report, seconds: float, list_of_damaged: Path) -> None:
    rate = f" ({report.encoded / seconds:.1f} a second)" if report.encoded else ""
    print(f"{report.encoded:,} new or changed, encoded in {seconds:.1f} s{rate}")
    print(f"{report.there:,} there already, {report.relabelled:,} with new metadata alone")
    if report.damaged:
        first = "; ".join(f"{id}: {why}" for id, why in report.damaged[:NAMED])
        more = "; ..." if len(report.damaged) > NAMED else ""
        print(f"{len(report.damaged):,} skipped, listed in {list_of_damaged}: {first}{more}")
    if report.gone:
        first = ", ".join(report.gone[:NAMED]) + (", ..." if len(report.gone) > NAMED else "")
        done = "deleted from the index" if report.pruned else "still in the index; --prune deletes"
        print(f"{len(report.gone):,} gone from the collection, {done}: {first}")
