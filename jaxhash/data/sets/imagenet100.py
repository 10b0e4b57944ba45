"""ImageNet-100: the 100 classes of ILSVRC 2012 that HashNet drew, 128,503 training images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxhash.data import datasets, list_files
from jaxhash.data.contents import Contents, Entry, originals
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import DATABASE, QUERY, Protocol

# WordNet numbers, as in the published lists of HashNet (Cao et al., ICCV 2017), which the papers
# after it share; sorted, which is the order of their labels.
CLASSES = tuple(
    f"n{number:08d}"
    for number in (
        # fmt: off
        1514668,
        1537544,
        1560419,
        1629819,
        1632458,
        1664065,
        1685808,
        1687978,
        1698640,
        1729322,
        1774750,
        1797886,
        1819313,
        1828970,
        1944390,
        1986214,
        2017213,
        2018207,
        2077923,
        2088466,
        2093256,
        2094114,
        2096177,
        2096294,
        2097209,
        2098105,
        2102177,
        2105162,
        2106550,
        2111129,
        2111277,
        2113023,
        2128385,
        2256656,
        2281787,
        2346627,
        2391049,
        2408429,
        2415577,
        2454379,
        2488291,
        2526121,
        2655020,
        2834397,
        2840245,
        2841315,
        2865351,
        2871525,
        2895154,
        2939185,
        2948072,
        2965783,
        2992211,
        3018349,
        3045698,
        3047690,
        3196217,
        3223299,
        3272562,
        3291819,
        3345487,
        3445924,
        3483316,
        3584829,
        3680355,
        3690938,
        3733131,
        3743016,
        3803284,
        3814639,
        3838899,
        3857828,
        3891332,
        3895866,
        3899768,
        3902125,
        3944341,
        4026417,
        4153751,
        4201297,
        4238763,
        4254120,
        4344873,
        4350905,
        4366367,
        4404412,
        4417672,
        4435653,
        4486054,
        4548362,
        4560804,
        4579432,
        4596742,
        7583066,
        7584110,
        7753113,
        7754684,
        7836838,
        12057211,
        13044778,
        # fmt: on
    )
)


def build() -> DataSet:
    """Describes ImageNet-100 and its protocols, ranked to the first 1,000.

    Two forms are read: `imagenet2012` as TFDS has prepared it under DATA_DIR (in array_record
    form), or list files with their images in DATA_DIR/downloads/manual/imagenet100.

    `imagenet100`: the queries are the 5,000 validation images of the classes, the database their
    128,503 training images, of which 130 of each class (13,000) are trained on, drawn by the seed.
    DHIDA's text (section 4.1) counts 128,503 images, "5000 images are randomly selected to serve as
    the test set, and the rest of the images serve as the database"; literally, that leaves 123,503,
    while HashNet's lists, from which its number of images is, are as here. `imagenet100_lists` is
    the split of the list files.
    """
    counts = (13_000, 5_000, 128_503)
    return DataSet(
        tfds_name="jaxhash/imagenet100",
        parts=("train",),
        contents=contents,
        from_files=True,
        protocols={
            "imagenet100": Protocol(None, 130, "rest and train", counts, map_at=1_000),
            "imagenet100_lists": Protocol(None, None, "listed", counts, map_at=1_000),
        },
    )


def contents(root: Path) -> Contents:
    """Takes the classes out of a prepared imagenet2012, or reads list files.

    Raises:
      UserError: there is neither, or it is damaged.
    """
    folder = originals(root, "imagenet100", required=False)
    if list_files.present(folder):
        return list_files.contents(folder, CLASSES)
    known = datasets.class_names("imagenet2012", root)
    return Contents(CLASSES, _entries(root, known))


def _entries(root: Path, known: list[str]) -> Iterator[Entry]:
    wanted = np.isin(known, CLASSES)
    for split, part in (("train", DATABASE), ("validation", QUERY)):
        for example in datasets.examples("imagenet2012", root, split):
            if wanted[example["label"]]:
                name = known[example["label"]]
                file = example["file_name"].decode()
                yield Entry(f"{split}/{file}", example["image"], (CLASSES.index(name),), part)
