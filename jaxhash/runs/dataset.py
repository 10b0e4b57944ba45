"""What a run was trained on, kept in its workdir as `dataset.json` and compared at every start.

Otherwise an image that is added to a folder could make training images the queries of an
evaluation. What is compared is content, not paths: data may be moved.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from jaxhash.data import Data
from jaxhash.errors import UserError
from jaxhash.runs import disk
from jaxhash.runs import workdir as workdirs

DATASET = "dataset.json"
SHOWN = 3  # images that an error names of each kind
SPLITS = ("train", "query", "database", "held_out")


class Image(NamedTuple):
    """What one image of the user's own was in a run.

    splits: the initials of its splits. labels: names of its classes, joined by |. file: digest of
    its file, "" where that is not known.
    """

    splits: str
    labels: str
    file: str


class Dataset(NamedTuple):
    """What identifies the data of a run.

    split: checksum of the ids of all splits, in order. classes: names of the labels, in order.
    counts: {split: number of images}. labels: checksum of the labels of all splits, in order.
    images: {id: Image} of the user's own images; {} of published data sets. Workdirs of older
    versions have the first two alone; what one side does not have is not compared.
    """

    split: str
    classes: Sequence[str]
    counts: Mapping[str, int] = {}
    labels: str = ""
    images: Mapping[str, Image] = {}

    @classmethod
    def of(cls, data: Data) -> "Dataset":
        """Describes a data set and its splits."""
        pool = data.pool
        splits = {name: getattr(data.split, name) for name in SPLITS}
        digest = hashlib.sha256("\n".join(pool.class_names).encode(errors="surrogateescape"))
        for positions in splits.values():
            digest.update(np.packbits(pool.labels[positions] > 0, axis=1).tobytes() + b"\n")
        return cls(
            data.split.checksum,
            list(pool.class_names),
            {name: len(positions) for name, positions in splits.items()},
            digest.hexdigest()[:16],
            {} if data.protocol.counts else _images(data, splits),
        )

    def differences(self, kept: "Dataset") -> list[str]:
        """Lists what differs from `kept`, with which the run began, in words."""
        found = [*_images_that_differ(kept.images, self.images)] if kept.images else []
        if list(self.classes) != list(kept.classes):
            gone, new = (
                [name for name in ours if name not in theirs]
                for ours, theirs in ((kept.classes, self.classes), (self.classes, kept.classes))
            )
            known = [("classes gone", gone), ("classes new", new)]
            found += [f"{what}: {_some(names)}" for what, names in known if names]
            found = found or ["classes in another order"]
        if not found and self.split == kept.split and kept.labels not in ("", self.labels):
            found.append("other labels")
        if not found and self.split != kept.split:
            found.append("other images, or in another order")
        return found


def read(workdir: epath.PathLike) -> Dataset | None:
    """Reads `dataset.json`; None where there is none, as in workdirs of version 0.1.

    Raises:
      UserError: it is damaged, or cannot be read.
    """
    path = epath.Path(workdir) / DATASET
    try:
        kept = json.loads(path.read_text())
        return Dataset(
            str(kept["split"]),
            [str(name) for name in kept["classes"]],
            {str(name): int(count) for name, count in kept.get("counts", {}).items()},
            str(kept.get("labels", "")),
            {str(id): Image(*map(str, image)) for id, image in kept.get("images", {}).items()},
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: damaged; restore it, or train in another --workdir") from None


def check(workdir: epath.PathLike, dataset: Dataset) -> str:
    """Compares the data of today with those that a run began with.

    Returns:
      how much there was to compare with: `"all"`, `"the split"` alone, or `"nothing"`.

    Raises:
      UserError: they differ; it says how many images were added, are missing or were changed.
    """
    kept = read(workdir)
    if kept is None:
        kept_split = _split_of_results(epath.Path(workdir))
        if kept_split is None:
            return "nothing"
        kept = Dataset(kept_split, dataset.classes)
    differences = dataset.differences(kept)
    if differences:
        raise UserError(
            f"workdir {workdir} holds a run on other data: {', '.join(differences)}; "
            f"{_counts(kept)}checksum {kept.split} there and {_counts(dataset)}checksum "
            f"{dataset.split} here; restore the data, or give another --workdir"
        )
    return "all" if kept.labels else "the split"


def hold(workdir: epath.Path, dataset: Dataset, primary: bool) -> None:
    """Holds a run to the data that it began with: compares, or writes them down at the first start.

    Args:
      workdir: of the run.
      dataset: of today.
      primary: whether this is the process that writes.

    Raises:
      UserError: they are others, or cannot be written.
    """
    known = check(workdir, dataset)
    if known == "all" or not primary:
        return
    if known == "nothing" and workdirs.has_checkpoint(workdir):
        print(
            f"workdir {workdir} does not say what it was trained on, as those of version 0.1; from "
            f"now on it is held to the data of today, checksum {dataset.split}"
        )
    with disk.writing(workdir, workdir / DATASET):
        write(workdir, dataset)


def write(workdir: epath.PathLike, dataset: Dataset) -> None:
    """Writes `dataset.json`, whole or not at all."""
    text = json.dumps({**dataset._asdict(), "classes": list(dataset.classes)})
    workdirs.write(epath.Path(workdir) / DATASET, text + "\n")


def _split_of_results(workdir: epath.Path) -> str | None:
    """Returns the checksum that `results.json` has, in workdirs of version 0.1."""
    try:
        kept = json.loads((workdir / workdirs.RESULTS).read_text())["split_checksum"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if isinstance(kept, str) else None


def _images(data: Data, splits: Mapping[str, np.ndarray]) -> dict[str, Image]:
    pool, roles = data.pool, dict[int, str]()
    for name, positions in splits.items():
        for position in positions.tolist():
            roles[position] = roles.get(position, "") + name[0]
    names = np.array(pool.class_names, object)
    return {
        str(pool.ids[position]): Image(
            role,
            "|".join(names[pool.labels[position] > 0]),
            "" if pool.digests is None else str(pool.digests[position]),
        )
        for position, role in roles.items()
    }


def _images_that_differ(then: Mapping[str, Image], now: Mapping[str, Image]) -> Iterable[str]:
    both = [(id, then[id], now[id]) for id in then.keys() & now.keys()]
    kinds = {
        "added": now.keys() - then.keys(),
        "missing": then.keys() - now.keys(),
        "changed": [id for id, a, b in both if a.file != b.file and a.file and b.file],
        "relabelled": [id for id, a, b in both if a.labels != b.labels],
        "in another split": [id for id, a, b in both if a.splits != b.splits],
    }
    for kind, ids in kinds.items():
        if ids:
            yield f"{len(ids):,} {kind} ({_some(ids)})"


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    texts = [name if name.isprintable() else repr(name)[1:-1] for name in shown[:SHOWN]]
    return ", ".join(texts) + (", ..." if len(shown) > SHOWN else "")


def _counts(dataset: Dataset) -> str:
    said = [f"{count:,} {name}" for name, count in dataset.counts.items() if count]
    return f"{', '.join(said)} images, " if said else ""
