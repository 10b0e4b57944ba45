"""Landmarks: mAP values of the papers, for runs with the same data set, protocol and k.

A landmark is shown beside a run on the paper's data set, by the protocol that the paper describes,
and at the same k of mAP@k. Weights, image size and training are the paper's, so that it is not a
comparison. No paper says how ties are ordered.

No paper states the denominator of mAP@k either. The public code whose settings DHIDA shares, and
with which HRMPA's baselines were measured, divides by the hits among the first k, so landmarks at k
are shown beside `map_index_hits`. Over the whole database the hits are all relevant items, and
landmarks are shown beside `map`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

SCALES = ("-tiny", "-small", "-lite", "-frozen", "-quick", "-whitened")  # of our configs


class Source(NamedTuple):
    """A place in a paper.

    Attributes:
      where: the paper and its table or section.
      dataset: a file of `jaxhash.data.sets`.
      protocols: those that the paper's text describes; none where it does not name its split.
      at: k of mAP@k; None for the whole database.
      figures: name of a config, without a scale, to the mAP at each length; None stands for every
        length, where the paper names none.
      unnamed: what the paper does not say.
    """

    where: str
    dataset: str
    protocols: tuple[str, ...]
    at: int | None
    figures: Mapping[str, Mapping[int | None, float]]
    unnamed: tuple[str, ...] = ()


class Landmark(NamedTuple):
    """A paper's mAP that belongs beside a run.

    value: in [0, 1]. measure: its key in `results.json`. source: its place.
    """

    value: float
    measure: str
    source: Source

    def text(self) -> str:
        """Writes the value, its denominator at k, and what the paper does not say.

        >>> find({"name": "dah", "dataset": "cifar10", "protocol": "cifar10_official",
        ...       "bits": 12}).text()
        '0.9251'
        """
        said = f"{self.value:.4f}"
        said += " by hits" if self.measure == "map_index_hits" else ""
        return said + (f" ({_unnamed(self.source)})" if self.source.unnamed else "")


SOURCES = (
    Source(
        # 5,000 training images and 1,000 queries, "the rest of the images" as the database.
        "DHIDA, table 3, protocol of section 4.1",
        *("cifar10", ("cifar10_54k",), None),
        {
            "dhida": {16: 0.8213, 32: 0.8359, 48: 0.8420, 64: 0.8428},
            "dsh": {16: 0.5095, 32: 0.4663, 48: 0.4702, 64: 0.4714},
            "dhn": {16: 0.7695, 32: 0.7871, 48: 0.7869, 64: 0.7966},
            "lcdsh": {16: 0.7383, 32: 0.7661, 48: 0.8083, 64: 0.8202},
            "hashnet": {16: 0.6975, 32: 0.7892, 48: 0.7878, 64: 0.7949},
            "dsdh": {16: 0.7761, 32: 0.7881, 48: 0.8086, 64: 0.8183},
            "idhn": {16: 0.6641, 32: 0.7296, 48: 0.7762, 64: 0.7682},
            "dfh": {16: 0.5947, 32: 0.6347, 48: 0.7298, 64: 0.7662},
            "dbdh": {16: 0.8021, 32: 0.8113, 48: 0.8129, 64: 0.8209},
        },
    ),
    Source(
        "DHIDA, table 4, protocol of section 4.1",
        *("cifar10", ("cifar10_54k",), None),
        {
            "dhida-d": {16: 0.8076},
            "dhida-r": {16: 0.8021},
            "dhida-i": {16: 0.7641},
            "dhida-a": {16: 0.7240},
        },
    ),
    Source(
        "DHIDA, table 3, protocol of section 4.1",
        *("nuswide", ("nuswide_21", "nuswide_21_lists"), 5_000),
        {"dhida": {16: 0.8278, 32: 0.8414, 48: 0.8519, 64: 0.8552}},
    ),
    Source(
        # Word by word, section 4.1 leaves 123,503 images in the database and not 128,503;
        # `jaxhash.data.sets.imagenet100` says why they are taken for the same.
        "DHIDA, table 3, protocol of section 4.1",
        *("imagenet100", ("imagenet100", "imagenet100_lists"), 1_000),
        {"dhida": {16: 0.6346, 32: 0.6296, 48: 0.6573, 64: 0.6870}},
    ),
    Source(
        # As sections V and IV-C repeat them: without attention .43, .13, .32 and .42 % less.
        "DAH, table 2, protocol of section IV-A",
        *("cifar10", ("cifar10_official",), None),
        {
            "dah": {12: 0.9251, 24: 0.9219, 36: 0.9267, 48: 0.9231},
            "dah-none": {12: 0.9208, 24: 0.9206, 36: 0.9235, 48: 0.9189},
        },
    ),
    Source("ADH, abstract", "cifar10", (), None, {"adh": {None: 0.768}}, ("length", "split")),
    Source("HRMPA, abstract", "cifar10", (), None, {"hrmpa": {16: 0.9873}}, ("split",)),
    Source(
        "HRMPA, abstract",
        *("nuswide", (), 5_000),
        {"hrmpa": {None: 0.9065}},
        ("best length", "split", "k"),
    ),
)


def find(results: Mapping[str, Any]) -> Landmark | None:
    """Returns the landmark of a run, or None.

    Args:
      results: the content of its `results.json`: `name`, which is that of a config, with or without
        a scale; `dataset`, `protocol`, `bits` and `map_at` must be the paper's.

    >>> run = {"name": "dhida-small", "dataset": "nuswide", "protocol": "nuswide_21", "bits": 16}
    >>> find(run | {"map_at": 5000}).text(), find(run), find(run | {"dataset": "digits"})
    ('0.8278 by hits', None, None)
    """
    name = results["name"]
    for scale in SCALES:
        name = name.removesuffix(scale)
    for source in SOURCES:
        same = source.dataset == results["dataset"] and source.at == results.get("map_at")
        if same and (not source.protocols or results["protocol"] in source.protocols):
            figures = source.figures.get(name, {})
            value = figures.get(results["bits"], figures.get(None))
            if value is not None:
                return Landmark(value, "map" if source.at is None else "map_index_hits", source)
    return None


def sources(landmarks: Iterable[Landmark | None]) -> str:
    """Describes where landmarks come from, in one sentence; empty where there are none.

    >>> run = {"name": "hrmpa", "dataset": "cifar10", "protocol": "cifar10_59k", "bits": 16}
    >>> sources([None, find(run)])
    "Papers' mAP: HRMPA, abstract (split not named)."
    """
    places = dict.fromkeys(_described(each.source) for each in landmarks if each)
    return f"Papers' mAP: {'; '.join(places)}." if places else ""


def _described(source: Source) -> str:
    said = source.where + (f" ({_unnamed(source)})" if source.unnamed else "")
    return f"{said}: mAP@{source.at} by hits" if source.at else said


def _unnamed(source: Source) -> str:
    return f"{', '.join(source.unnamed)} not named"
