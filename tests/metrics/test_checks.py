"""Invalid arguments raise a UserError that names them; valid ones give what brute force gives."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash import metrics
from jaxhash.errors import UserError
from jaxhash.metrics import (
    bootstrap,
    checks,
    codes,
    counting,
    curves,
    evaluate,
    exact,
    graded,
    hamming,
    held_out,
    histograms,
    ranking,
    ties,
    unseen,
)
from jaxhash.metrics.hamming import Coded
from jaxhash.metrics.histograms import Histogram
from jaxhash.metrics.relevance import SharedLabels
from tests.metrics import brute

RANDOM = np.random.RandomState(0)
NUMBERS = RANDOM.randint(0, 4, 20)
ONE_HOT = np.eye(4, dtype=np.uint8)[NUMBERS]
CODES = np.packbits(RANDOM.rand(20, 12) < 0.5, axis=1)
GOOD = Coded(CODES, ONE_HOT)
COUNTS = Histogram(*(np.array([x]) for x in ([2, 1], [1, 1], [2, 1], [1, 1, 1])))
WORDS = np.zeros((2, 5), np.uint64)

BAD_CODES = [
    ((2 * CODES.astype(np.int8) - 1), "int8"),
    (CODES.astype(np.int64), "int64"),
    (CODES[0], "uint8 [2]"),
    (CODES[:, :0], "no bytes"),
    ([[1], [2, 3]], "no array"),
    (None, "object"),
]
BAD_LABELS = [
    (2.0 * ONE_HOT - 1, "hold -1.0"),
    (NUMBERS[:, None] + 1, "hold"),
    (NUMBERS, "np.eye(classes)[numbers]"),
    (ONE_HOT[:10], "10 rows of labels for 20 codes"),
    (ONE_HOT[:, :0], "no classes"),
    (np.where(ONE_HOT > 0, np.nan, 0), "hold nan"),
    (ONE_HOT.astype(str), "<U"),
    ([[0], [0, 1]], "no array"),
    (ONE_HOT[None], "[1, 20, 4]"),
]
BAD_NUMBERS = [0, -3, 1.0, True, "5", np.zeros(2)]
BAD_COUNTS = [
    (None, "NoneType; expected a Histogram"),
    (Histogram(np.array([2]), np.array([1])), "counts.items"),
    (Histogram(np.array([[2, 1]]), np.array([[1]])), "the same"),
    (Histogram(np.array([[2, 1]]), np.array([[0, 2]])), "more relevant items than items"),
    (Histogram(np.array([[-2, 1]]), np.array([[-2, 1]])), "counts.items: -2"),
    (Histogram(np.array([[2.5]]), np.array([[1.0]])), "float64"),
    (Histogram(*np.zeros((2, 0, 3), int)), "at least one query"),
]
WITHOUT_GAINS = Histogram(COUNTS.items, COUNTS.relevant)


def coded_cases(call):
    """Bad codes and labels, as queries and as database, for a call with both and the bits."""
    for which in ("queries", "database"):

        def with_(bad, which=which):
            return {"queries": GOOD, "database": GOOD, "bits": 12} | {which: bad}

        for value, said in BAD_CODES:
            yield call, with_(GOOD._replace(codes=value)), f"{which}.codes", said
        for value, said in BAD_LABELS:
            yield call, with_(GOOD._replace(labels=value)), f"{which}.labels", said
        none = Coded(CODES[:0], ONE_HOT[:0])
        yield call, with_(none), f"{which}.codes", "no codes"
        yield call, with_(Coded(CODES[:, :1], ONE_HOT)), f"{which}.codes", "bits=12 needs 2 bytes"
        padded = CODES.copy()
        padded[3, -1] |= 1
        yield call, with_(GOOD._replace(codes=padded)), f"{which}.codes", "bits beyond bits=12"
        yield call, with_((CODES, ONE_HOT)), which, "expected jaxhash.Coded"
    fewer = GOOD._replace(labels=ONE_HOT[:, :3])
    yield call, {"queries": GOOD, "database": fewer, "bits": 12}, "columns of labels", "4"
    for bad in BAD_NUMBERS:
        yield call, {"queries": GOOD, "database": GOOD, "bits": bad}, "bits", "expected"
    yield call, {"queries": GOOD, "database": GOOD, "bits": 8}, "queries.codes", "bits=8 needs 1"
    yield call, {"queries": GOOD, "database": GOOD, "bits": 17}, "queries.codes", "needs 3"


def depths(call, name, none=False, **arguments):
    """Numbers of items that are none."""
    for bad in BAD_NUMBERS if none else [*BAD_NUMBERS, None]:
        yield call, arguments | {name: bad}, name.removesuffix("s"), "expected"


def counted(call, **arguments):
    for bad, said in BAD_COUNTS:
        yield call, {"counts": bad} | arguments, "counts", said


def cases():
    both = {"queries": GOOD, "database": GOOD, "bits": 12}
    for call in (evaluate.evaluate, evaluate.mean_average_precision, counting.count):
        yield from coded_cases(call)
    for call in (evaluate.evaluate, evaluate.mean_average_precision):
        yield from depths(call, "map_at", none=True, **both)
    # They hand their arguments on: of these two, one mistake each.
    labels = GOOD._replace(labels=2.0 * ONE_HOT - 1)
    yield held_out.among_each_other, {"images": labels, "bits": 12}, "labels", "hold"
    yield unseen.by_kind, both | {"queries": labels, "unseen": [0]}, "labels", "hold"
    described = exact.Described(np.zeros((20, 3)), ONE_HOT)
    pair = {"queries": described, "database": described}
    kinds = pair | {"unseen": [0], "average": exact.cosine_map}
    yield (
        unseen.of_kinds,
        kinds | {"queries": described._replace(labels=3 * ONE_HOT)},
        "labels",
        "hold",
    )
    for one, said in (
        ({"queries": exact.Described(np.zeros(3), ONE_HOT)}, "queries.vectors: float64 [3]"),
        ({"queries": exact.Described(np.full((20, 3), np.nan), ONE_HOT)}, "not finite"),
        ({"queries": exact.Described(np.zeros((0, 3)), ONE_HOT[:0])}, "empty"),
        ({"database": exact.Described(np.zeros((20, 2)), ONE_HOT)}, "dimensions"),
        ({"database": exact.Described(np.zeros((20, 3)), ONE_HOT[:, :2])}, "columns of labels"),
        ({"database": exact.Described(np.zeros((20, 3)), ONE_HOT[:10])}, "10 rows of labels"),
    ):
        yield exact.cosine_map, pair | one, "", said
    yield from depths(exact.cosine_map, "map_at", none=True, **pair)
    yield from depths(counting.count, "at", none=True, **both)
    for bad, said in BAD_CODES:
        yield hamming.distances, {"queries": bad, "database": CODES}, "queries", said
        yield hamming.distances, {"queries": CODES, "database": bad}, "database", said
        yield hamming.words, {"codes": bad}, "codes", said
        yield codes.in_use, {"codes": bad}, "codes", said
        yield codes.bits, {"codes": bad, "number": 12}, "codes", said
    widths = {"queries": CODES, "database": CODES[:, :1]}
    yield hamming.distances, widths, "bytes of codes", "queries have 2"
    for one in (
        {"query": WORDS[0]},
        {"columns": WORDS.astype(np.int64)},
        {"columns": WORDS[:, :3]},
        {"out": np.zeros(5)},
    ):
        whole = {"query": WORDS[:, 0], "columns": WORDS, "out": np.zeros(5, np.uint8)}
        yield hamming.count_bits, {"combine": np.bitwise_xor} | whole | one, "query", "uint64"
    yield codes.bits, {"codes": CODES[:0], "number": 12}, "codes", "no codes"
    yield codes.bits, {"codes": CODES, "number": 8}, "codes", "needs 1 byte"
    yield from depths(codes.bits, "number", codes=CODES)
    for bad in (np.zeros((2, 3)), np.zeros(3), np.full((2, 2), 3.0), np.full((2, 2), np.nan)):
        yield codes.mean_correlation, {"correlation": bad}, "correlation", "[k k]"
    for bad, said in BAD_LABELS:
        if "rows" not in said:
            yield SharedLabels, {"queries": bad, "database": ONE_HOT}, "queries", ""
            yield SharedLabels, {"queries": ONE_HOT, "database": bad}, "database", ""
    narrow = {"queries": ONE_HOT, "database": ONE_HOT[:, :2]}
    yield SharedLabels, narrow, "columns of labels", "4"
    for bad in (-1, 20):
        yield SharedLabels(ONE_HOT, ONE_HOT).with_query, {"query": bad}, "query", "from 0 to 19"

    for call in (ranking.average_precision, curves.precision_recall, histograms.checked):
        yield from counted(call)
    for call in (ranking.precision_within, ranking.recall_within):
        yield from counted(call, radius=2)
        for bad in (-1, 2.0, None):
            yield call, {"counts": COUNTS, "radius": bad}, "radius", "from 0"
    yield from counted(ranking.hits_at, number=2)
    yield from depths(ranking.hits_at, "number", counts=COUNTS)
    yield from depths(ranking.average_precision, "at", none=True, counts=COUNTS)
    for call in (curves.precision_at, curves.recall_at):
        yield from counted(call, numbers=[2])
        for bad in (0, -3, 1.5):
            yield call, {"counts": COUNTS, "numbers": [1, bad]}, "number", "from 1"
    for call in (graded.acg, graded.ndcg):
        yield from counted(call, at=2)
        yield call, {"counts": WITHOUT_GAINS, "at": 2}, "counts", "no gains"
        yield from depths(call, "at", none=call is graded.ndcg, counts=COUNTS)
    yield histograms.gains, {"counts": WITHOUT_GAINS}, "counts", "no gains"
    yield histograms.gains, {"counts": COUNTS._replace(gains=[[1]])}, "counts.gains", "the same"
    yield histograms.gains, {"counts": COUNTS._replace(graded=[[1]] * 2)}, "counts.graded", "2"
    yield from depths(histograms.ranked, "at", none=True, counts=COUNTS.items)
    yield ranking.attainable, {"relevant": np.array([-1]), "at": 2}, "relevant", "from 0"
    yield from depths(ranking.attainable, "at", none=True, relevant=np.array([1]))

    matrix = {"distance": np.array([[0, 3]]), "relevant": np.array([[True, False]])}
    for one, said in (
        ({"relevant": np.array([[True]])}, "the same"),
        ({"relevant": np.array([[2, 0]])}, "relevant: labels hold 2"),
        ({"distance": np.array([[0, np.nan]])}, "distance: nan"),
        ({"distance": np.array([0, 1])}, "distance: int64 [2]"),
        ({"denominator": "hit"}, "expected attainable or hits"),
        ({"at": 0}, "at=0"),
    ):
        yield ranking.average_precision_by_index, matrix | one, "", said
    matrix = {"distance": np.array([[0, 3]]), "gain": np.array([[1, 0]]), "bits": 3}
    for one, said in (
        ({"gain": np.array([[1]])}, "the same"),
        ({"gain": np.array([[-1, 0]])}, "gain: -1"),
        ({"gain": np.array([[0.5, 0]])}, "gain: float64"),
        ({"bits": 2}, "distance: 0 to 3; expected 0 to bits=2"),
        ({"distance": np.array([[-1, 0]])}, "distance: -1 to 0"),
        ({"distance": np.zeros((0, 2), int), "gain": np.zeros((0, 2), int)}, "no queries"),
    ):
        yield histograms.histogram, matrix | one, "", said
    line = {"distance": np.array([1, 0, 2], np.uint8), "chosen": np.array([0, 2]), "bits": 2}
    for one, said in (
        ({"bits": 1}, "distance: 2; expected 0 to bits=1"),
        ({"distance": line["distance"].astype(int)}, "expected uint8 or uint16"),
        ({"chosen": np.array([2, 0])}, "ascending"),
        ({"chosen": np.array([0, 3])}, "the 3 distances"),
        ({"chosen": np.array([-1, 2])}, "ascending"),
    ):
        yield ties.places, line | one, "", said
    for bits in (0, 1):
        yield ties.equal_to_each, {"distance": line["distance"], "bits": bits}, "", f"bits={bits}"
    for bad, said in (([], "none"), ([0.5, np.nan], "nan"), ([[0.5]], "float64 [1, 1]")):
        yield bootstrap.interval, {"values": bad}, "values", said
    for one in ({"level": 95}, {"level": np.nan}, {"resamples": 0}, {"seed": -1}):
        yield bootstrap.interval, {"values": [0.5, 1]} | one, next(iter(one)), "expected"
    yield hamming.checked, {"name": "these", "value": CODES, "bits": 12}, "these", "jaxhash.Coded"


CASES = list(cases())


@pytest.mark.parametrize(
    ("call", "arguments", "name", "said"),
    CASES,
    ids=[f"{call.__qualname__}-{place}" for place, (call, *_) in enumerate(CASES)],
)
def test_an_invalid_argument_is_refused_by_name(call, arguments, name, said):
    with pytest.raises(UserError) as error:
        call(**arguments)
    assert name in str(error.value) and said in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def test_every_public_function_is_in_the_list():
    public = {
        f"{module.name}.{name}"
        for module in pkgutil.iter_modules(metrics.__path__)
        for name, value in vars(importlib.import_module(f"jaxhash.metrics.{module.name}")).items()
        if inspect.isfunction(value) and value.__module__.endswith(module.name) and name[0] != "_"
    }
    tried = {f"{call.__module__.rpartition('.')[2]}.{call.__name__}" for call, *_ in CASES}
    # `before` sums whatever numbers it is given.
    assert {name for name in public if not name.startswith("checks.")} - tried == {
        "histograms.before"
    }


def test_the_fault_that_gave_a_perfect_score():
    """Labels of -1 and +1 once gave mAP 1.0, and class numbers one that was slightly off."""
    right = evaluate.mean_average_precision(GOOD, GOOD, 12)
    assert right < 0.9
    for labels in (2 * ONE_HOT.astype(int) - 1, NUMBERS[:, None] + 1):
        with pytest.raises(UserError, match="labels hold"):
            evaluate.mean_average_precision(Coded(CODES, labels), Coded(CODES, labels), 12)


@st.composite
def inputs(draw):
    """Codes and labels of a few images, in all the types that mean the same."""
    bits, classes = draw(st.integers(1, 20)), draw(st.integers(1, 5))
    both = []
    for count in (draw(st.integers(1, 4)), draw(st.integers(1, 9))):
        random = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
        ones, labels = random.rand(count, bits) < 0.5, random.rand(count, classes) < 0.4
        dtype = draw(st.sampled_from([np.uint8, bool, np.int64, np.float32, np.float16]))
        labels = labels.astype(dtype)
        both.append((ones, labels if draw(st.booleans()) else labels.tolist()))
    return bits, draw(st.sampled_from([None, 1, 3, 50, np.int32(2)])), both


@given(inputs())
def test_good_input_gives_what_brute_force_gives(drawn):
    bits, at, both = drawn
    pair = [Coded(np.packbits(ones, axis=1), labels) for ones, labels in both]
    found = evaluate.evaluate(*pair, bits, at)
    distance = brute.distances(*(ones for ones, _ in both))
    gains = np.array(both[0][1], int) @ np.array(both[1][1], int).T
    ranked = [brute.by_index(*row) for row in zip(distance, gains, strict=True)]
    expected = np.mean([brute.average_precision(row, at) for row in ranked])
    np.testing.assert_allclose(found["map_index"], expected, rtol=1e-12)
    tied = [
        ranking.average_precision(histograms.histogram(d[None], g[None], bits), at)[0]
        for d, g in zip(distance, gains, strict=True)
    ]
    np.testing.assert_allclose(found["map"], np.mean(tied), rtol=1e-12)
    assert evaluate.mean_average_precision(*pair, bits, at) == found["map"]


@st.composite
def damaged(draw):
    """Good input with one mistake in it."""
    bits, at, both = draw(inputs())
    pair = [[np.packbits(ones, axis=1), np.array(labels, np.uint8)] for ones, labels in both]
    which = draw(st.integers(0, 1))
    packed, labels = pair[which]
    mistakes = {
        "value": lambda: labels + draw(st.sampled_from([2, 0.5, -2, np.inf, np.nan])),
        "fewer": lambda: labels[:-1],
        "more": lambda: np.concatenate([labels, labels]),
        "columns": lambda: np.hstack([labels, labels]),
        "line": lambda: labels[:, 0],
        "text": lambda: labels.astype(str),
        "dtype": lambda: packed.astype(draw(st.sampled_from([np.int8, np.int64, np.float32]))),
        "wider": lambda: np.hstack([packed, packed]),
        "none": lambda: packed[:0],
        "flat": lambda: packed[0],
        "cube": lambda: packed[None],
        "bits": lambda: draw(st.sampled_from([0, -bits, bits + 8, float(bits), None, str(bits)])),
        "at": lambda: draw(st.sampled_from([0, -1, 2.0, "3", False])),
    }
    if bits % 8:
        mistakes["padding"] = lambda: packed | np.uint8(1)
    name = draw(st.sampled_from(sorted(mistakes)))
    value = mistakes[name]()
    if name in ("value", "fewer", "more", "columns", "line", "text"):
        pair[which][1] = value
    elif name == "bits":
        bits = value
    elif name == "at":
        at = value
    else:
        pair[which][0] = value
    return [Coded(*one) for one in pair], bits, at


@given(damaged())
def test_a_mistake_is_a_user_error_whatever_it_is(drawn):
    pair, bits, at = drawn
    for call in (evaluate.evaluate, evaluate.mean_average_precision):
        with pytest.raises(UserError) as error:
            call(*pair, bits, at)
        assert "\n" not in str(error.value)


def test_checks_return_what_they_were_given():
    assert checks.codes("codes", CODES, 12) is CODES
    assert checks.labels("labels", ONE_HOT, 20) is ONE_HOT
