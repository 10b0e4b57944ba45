"""dataset.json: what a run was trained on, and that it continues on nothing else."""

import json

import numpy as np
import pytest

from jaxhash.data import Data, protocols
from jaxhash.data.datasets import Pool
from jaxhash.errors import UserError
from jaxhash.runs import dataset
from jaxhash.runs.dataset import Dataset

CATS = Dataset("0123", ["cat", "dog"])
OWN = protocols.Protocol(None, None, "train", counts=None, query_share=0.2, keyed=True)
STOCK = protocols.Protocol(1, 2, "train", counts=(4, 2, 4))


def described(ids, labels, digests=None, protocol=OWN, classes=("cat", "dog")):
    """Describes a data set of images with one label each."""
    matrix = np.eye(len(classes), dtype=np.uint8)[list(labels)]
    pool = Pool(None, matrix, np.full(len(ids), "all"), np.array(ids), [*classes], digests)
    split = protocols.split(protocol, pool.labels, pool.parts, pool.ids, seed=0)
    return Dataset.of(Data(pool, protocol, split, 0))


IDS = [f"{'dog' if n % 2 else 'cat'}/{n}.png" for n in range(12)]
LABELS = [n % 2 for n in range(12)]
FILES = np.array([f"{n:016x}" for n in range(12)])
BEFORE = described(IDS, LABELS, FILES)


def refusal(folder, before, now):
    """Returns the line that refuses other data."""
    dataset.write(folder, before)
    with pytest.raises(UserError, match="holds a run on other data") as error:
        dataset.check(folder, now)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_was_written_is_read(tmp_path):
    assert dataset.read(tmp_path) is None
    assert dataset.check(tmp_path, BEFORE) == "nothing"
    dataset.write(tmp_path, BEFORE)
    assert dataset.read(tmp_path) == BEFORE
    assert dataset.check(tmp_path, BEFORE) == "all"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]


@pytest.mark.parametrize("other", [CATS._replace(split="4567"), CATS._replace(classes=["cat"])])
def test_other_data_are_refused_in_one_line(tmp_path, other):
    refusal(tmp_path, CATS, other)


def test_what_differs_is_counted_and_named(tmp_path):
    more = described([*IDS, "cat/new\n.png"], [*LABELS, 0], np.append(FILES, "f" * 16))
    line = refusal(tmp_path, BEFORE, more)
    assert r"1 added (cat/new\n.png); " in line
    counts = f"{len(more.images) - more.counts['query']} train, {more.counts['query']} query"
    assert counts in line and f"checksum {BEFORE.split} there" in line
    assert f"checksum {more.split} here; restore the data, or give another --workdir" in line

    less = described(IDS[1:], LABELS[1:], FILES[1:])
    assert "data: 1 missing (cat/0.png); " in refusal(tmp_path, BEFORE, less)
    renamed = described(["cat/x.png", *IDS[1:]], LABELS, FILES)
    assert "1 added (cat/x.png), 1 missing (cat/0.png)" in refusal(tmp_path, BEFORE, renamed)
    changed = described(IDS, LABELS, np.array(["f" * 16, *FILES[1:]]))
    assert changed.split == BEFORE.split
    assert "data: 1 changed (cat/0.png); " in refusal(tmp_path, BEFORE, changed)
    swapped = described(IDS, [1, 0, *LABELS[2:]], FILES)
    assert "2 relabelled (cat/0.png, dog/1.png)" in refusal(tmp_path, BEFORE, swapped)
    many = described([f"x/{n}" for n in range(12)], LABELS, FILES)
    assert "12 added (x/0, x/1, x/10, ...), 12 missing" in refusal(tmp_path, BEFORE, many)


def test_a_class_that_comes_or_goes_relabels_no_image(tmp_path):
    more = described(IDS, [n + 1 for n in LABELS], FILES, classes=("ant", "cat", "dog"))
    assert "data: classes new: ant; " in refusal(tmp_path, BEFORE, more)
    assert "data: classes gone: ant; " in refusal(tmp_path, more, BEFORE)


def test_files_are_compared_where_both_sides_know_them(tmp_path):
    dataset.write(tmp_path, described(IDS, LABELS))
    assert dataset.check(tmp_path, BEFORE) == "all"


def test_published_data_keep_no_list_and_corrected_labels_are_seen(tmp_path):
    before = described(IDS, LABELS, protocol=STOCK)
    assert before.images == {} and before.counts["train"] == 4
    split = before._replace(labels="0" * 16)
    assert "data: other labels; " in refusal(tmp_path, before, split)


def test_a_workdir_of_version_0_1_is_held_to_the_split_of_its_results(tmp_path, capsys):
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"split_checksum": "0123"}))
    with pytest.raises(UserError, match=f"checksum 0123 there and .*checksum {BEFORE.split} here"):
        dataset.hold(tmp_path, BEFORE, primary=True)
    assert dataset.read(tmp_path) is None
    results.write_text(json.dumps({"split_checksum": BEFORE.split}))
    dataset.hold(tmp_path, BEFORE, primary=True)
    assert dataset.read(tmp_path) == BEFORE and capsys.readouterr().out == ""


def test_a_workdir_that_says_nothing_of_its_data_is_held_to_those_of_today(tmp_path, capsys):
    dataset.hold(tmp_path / "new", BEFORE, primary=False)
    assert not (tmp_path / "new").exists()
    (tmp_path / "checkpoints" / "4").mkdir(parents=True)
    dataset.hold(tmp_path, BEFORE, primary=True)
    assert dataset.read(tmp_path) == BEFORE
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "from now on it is held to the data of today" in said


def test_the_record_of_an_older_version_is_completed(tmp_path):
    dataset.write(tmp_path, Dataset(BEFORE.split, BEFORE.classes))
    dataset.hold(tmp_path, BEFORE, primary=True)
    assert dataset.read(tmp_path) == BEFORE


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"split": "0123"}',
        '{"split": "", "classes": 3}',
        '{"split": "", "classes": [], "images": {"a": ["t"]}}',
        '{"split": "", "classes": [], "counts": []}',
    ],
)
def test_damage_is_one_line(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(UserError, match=r"dataset.json: damaged; restore it") as error:
        dataset.read(tmp_path)
    assert "\n" not in str(error.value)
