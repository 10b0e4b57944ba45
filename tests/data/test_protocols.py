import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.data import datasets, protocols
from jaxhash.errors import UserError


def pool(name):
    """A pool with the counts of a data set, and nothing to look at."""
    if name == "digits":
        classes = np.arange(1797) % 10
        parts = np.full(1797, "train")
    else:
        classes = np.random.RandomState(5).permutation(np.arange(60_000) % 10)
        # Ten test images of each class for every fifty training images, as CIFAR-10 has it.
        order = np.argsort(classes, kind="stable").reshape(10, 6000)
        parts = np.full(60_000, "train", dtype="<U5")
        parts[order[:, :1000].ravel()] = "test"
    ids = np.array([f"image_{number}" for number in range(len(classes))])
    return np.eye(10, dtype=np.uint8)[classes], parts, ids


PROTOCOLS = [
    (dataset, name)
    for dataset in ("cifar10", "digits")
    for name in datasets.describe(dataset).protocols
]


@pytest.mark.parametrize(("dataset", "name"), PROTOCOLS)
def test_counts_classes_and_disjointness(dataset, name):
    labels, parts, ids = pool(dataset)
    protocol = datasets.protocol(dataset, name)
    split = protocols.split(protocol, labels, parts, ids, seed=0)
    assert tuple(map(len, split[:3])) == protocol.counts
    for group in split[:3]:
        assert len(set(group)) == len(group)
    assert not set(split.query) & (set(split.train) | set(split.database))
    assert set(split.train) <= set(split.database) or not set(split.train) & set(split.database)
    seen = np.setdiff1d(np.arange(10), split.unseen)
    assert len(split.unseen) == protocol.unseen
    for group, classes in ((split.query, np.arange(10)), (split.train, seen)):
        counts = labels[group].sum(axis=0)
        assert (counts[classes] == len(group) // len(classes)).all()
        assert counts.sum() == len(group)


def test_unseen_classes_are_asked_for_and_searched_but_not_trained_on():
    labels, parts, ids = pool("cifar10")
    last, drawn, other = (
        protocols.split(datasets.protocol("cifar10", name), labels, parts, ids, seed)
        for name, seed in (
            ("cifar10_unseen", 3),
            ("cifar10_unseen_drawn", 3),
            ("cifar10_unseen_drawn", 4),
        )
    )
    assert last.unseen == (8, 9) and "2 classes not trained on" in str(last)
    assert drawn.unseen != other.unseen
    for split in (last, drawn):
        assert not labels[split.train][:, split.unseen].any()
        assert (labels[split.database].sum(axis=0) == 5_000).all()
        assert (labels[split.query].sum(axis=0) == 1_000).all()
        held = protocols.hold_out(split, 100, ids, seed=0)
        assert held.unseen == split.unseen and not labels[held.held_out][:, split.unseen].any()


def test_the_two_cifar_databases_differ_by_the_training_images():
    labels, parts, ids = pool("cifar10")
    rest, whole = (
        protocols.split(datasets.protocol("cifar10", name), labels, parts, ids, seed=3)
        for name in ("cifar10_54k", "cifar10_59k")
    )
    assert np.array_equal(rest.train, whole.train) and np.array_equal(rest.query, whole.query)
    assert set(whole.database) - set(rest.database) == set(rest.train)


def test_the_official_split_follows_the_parts():
    labels, parts, ids = pool("cifar10")
    split = protocols.split(datasets.protocol("cifar10", "cifar10_official"), labels, parts, ids, 0)
    assert set(parts[split.query]) == {"test"} and set(parts[split.database]) == {"train"}


def test_a_seed_gives_one_split_for_ever():
    labels, parts, ids = pool("digits")
    protocol = datasets.protocol("digits", "digits")
    first, again, other = (protocols.split(protocol, labels, parts, ids, s) for s in (0, 0, 1))
    assert first.checksum == again.checksum == "3a2f5c2adcb75184"
    assert first.checksum != other.checksum
    assert not np.array_equal(first.database, np.sort(first.database))


def test_a_pool_of_another_size_is_refused():
    labels, parts, ids = pool("digits")
    protocol = datasets.protocol("digits", "digits")
    with pytest.raises(UserError, match=r"\(1000, 100, 687\).*protocol has \(1000, 100, 697\)"):
        protocols.split(protocol, labels[:-10], parts[:-10], ids[:-10], 0)


def test_two_images_of_one_name_are_refused():
    labels, parts, ids = pool("digits")
    ids[1] = ids[0]
    with pytest.raises(UserError, match="two images of the data set have the same id"):
        protocols.split(datasets.protocol("digits", "digits"), labels, parts, ids, 0)


def test_unknown_names_are_refused():
    with pytest.raises(UserError, match="did you mean cifar10"):
        datasets.describe("cifar01")
    with pytest.raises(UserError, match="did you mean cifar10_official"):
        datasets.protocol("cifar10", "cifar10_oficial")


@st.composite
def several_labels(draw):
    """Labels [n l] of random images, of which each class has enough whoever is drawn before."""
    classes, query, train = (draw(st.integers(1, most)) for most in (5, 3, 4))
    random = np.random.RandomState(draw(st.integers(0, 2**31)))
    own = np.eye(classes, dtype=np.uint8)[np.arange(classes * classes * (query + train)) % classes]
    extra = (random.rand(*own.shape) < draw(st.sampled_from([0.0, 0.2, 0.9]))).astype(np.uint8)
    without = np.zeros((draw(st.integers(1, 5)), classes), np.uint8)
    labels = random.permutation(np.concatenate([own | extra, without]))
    return labels, query, train


@given(
    several_labels(), st.sampled_from(["rest", "rest and train", "train"]), st.integers(0, 2**31)
)
def test_several_labels_are_drawn_without_drawing_an_image_twice(drawn, database, seed):
    labels, query, train = drawn
    n, classes = labels.shape
    sizes = {"rest": n - classes * (query + train), "rest and train": n - classes * query}
    counts = (classes * train, classes * query, sizes.get(database, classes * train))
    protocol = protocols.Protocol(query, train, database, counts)
    ids = np.array([f"image_{number}" for number in range(n)])
    parts = np.full(n, "all")
    split = protocols.split(protocol, labels, parts, ids, seed)
    for group in split[:3]:
        assert len(set(group)) == len(group)
    assert not set(split.query) & (set(split.train) | set(split.database))
    # Each class has at least what it drew, and drew it from its own images.
    for group, each in ((split.query, query), (split.train, train)):
        for label, chosen in enumerate(group.reshape(classes, each)):
            assert labels[chosen, label].all()
    again = protocols.split(protocol, labels, parts, ids, seed)
    assert again.checksum == split.checksum


def test_several_labels_that_run_out_are_refused():
    """Both classes have two images, but one image has both labels."""
    labels = np.array([[1, 0], [1, 1], [0, 1]], np.uint8)
    protocol = protocols.Protocol(1, 1, "train", (2, 2, 2))
    with pytest.raises(UserError, match="the protocol has"):
        protocols.split(protocol, labels, np.full(3, "all"), np.arange(3), 0)


@pytest.mark.parametrize("amount", [0.1, 100.0])
def test_held_out_images_are_taken_from_training_and_from_nothing_else(amount):
    labels, parts, ids = pool("digits")
    protocol = datasets.protocol("digits", "digits")
    whole = protocols.split(protocol, labels, parts, ids, seed=0)
    split = protocols.hold_out(whole, amount, ids, seed=0)
    assert len(split.held_out) == 100 and len(split.train) == 900
    assert set(split.held_out) | set(split.train) == set(whole.train)
    assert np.array_equal(split.query, whole.query)
    assert np.array_equal(split.database, whole.database)
    assert split.checksum != whole.checksum and "900 train, 100 held-out" in str(split)
    again, other = (protocols.hold_out(whole, amount, ids, seed=seed) for seed in (0, 1))
    assert again.checksum == split.checksum != other.checksum
    assert not np.array_equal(other.held_out, split.held_out)


@pytest.mark.parametrize("amount", [1e-9, 1000.0, 0.9999])
def test_nothing_held_out_or_nothing_left_is_refused(amount):
    labels, parts, ids = pool("digits")
    whole = protocols.split(datasets.protocol("digits", "digits"), labels, parts, ids, seed=0)
    with pytest.raises(UserError, match="data.held_out=.*of 1,000 training images"):
        protocols.hold_out(whole, amount, ids, seed=0)


OWN = datasets.protocol("folder", "own")


def own(ids, seed=0, amount=0.0):
    """Splits images of one's own: {split: ids in order}."""
    ids = np.array(ids)
    parts = np.full(len(ids), "all")
    split = protocols.split(OWN, np.ones((len(ids), 1), np.uint8), parts, ids, seed)
    if amount:
        split = protocols.hold_out(split, amount, ids, seed, keyed=True)
    return {name: ids[getattr(split, name)].tolist() for name in ("train", "query", "database")} | {
        "held_out": ids[split.held_out].tolist()
    }


def without(split, *names):
    return {part: [id for id in ids if id not in names] for part, ids in split.items()}


NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=30, max_size=60, unique=True)


@given(NAMES, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2]), st.randoms())
def test_an_image_that_comes_or_goes_moves_no_other(ids, seed, amount, random):
    """The extremes apart, which are query or training image whatever the share."""
    *rest, one = ids
    hashes = dict(zip(ids, protocols._hashes(np.array(ids), seed, b"query"), strict=True))
    query = [id for id in ids if hashes[id] < OWN.query_share]
    if not 1 < len(query) < len(ids) - 1:
        return
    whole = own(ids, seed, amount)
    assert sorted(whole["query"]) == sorted(query)
    assert own(rest, seed, amount) == without(whole, one)
    random.shuffle(ids)
    assert own(ids, seed, amount) == whole  # nor does the order in which they are found


def test_own_images_are_a_tenth_on_average_and_others_with_another_seed():
    ids = [f"cat/{number}.jpg" for number in range(5_000)]
    split = own(ids)
    assert len(split["query"]) == pytest.approx(500, abs=65)  # three standard deviations
    assert sorted(split["database"]) == sorted(split["train"])
    assert set(split["query"]).isdisjoint(split["train"])
    other = own(ids, seed=1)
    assert len(set(other["query"]) & set(split["query"])) < 100
    assert other["database"] != split["database"] and sorted(split["train"]) != split["train"]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_own_images_have_a_query_and_a_training_image(count):
    for seed in range(40):
        split = own([f"{n}.png" for n in range(count)], seed)
        assert split["query"] and split["train"]
    with pytest.raises(UserError, match="expected at least one of each"):
        own(["alone.png"])


def test_the_draw_of_version_0_1_is_kept_for_its_runs():
    ids = np.array([f"cat/{n}.jpg" for n in range(20)])
    rule = datasets.protocol("folder", "own_permuted")
    split = protocols.split(rule, np.ones((20, 1), np.uint8), np.full(20, "all"), ids, seed=0)
    order = np.random.RandomState(0).permutation(20)
    assert split.query.tolist() == order[:2].tolist()
    assert split.train.tolist() == order[2:].tolist()
