"""dataset.json: what a run was trained on, and that it continues on nothing else."""

import pytest

from jaxhash.errors import UserError
from jaxhash.runs import dataset
from jaxhash.runs.dataset import Dataset

CATS = Dataset("0123", ["cat", "dog"])


def test_what_was_written_is_read(tmp_path):
    assert dataset.read(tmp_path) is None
    dataset.check(tmp_path, CATS)
    dataset.write(tmp_path, CATS)
    assert dataset.read(tmp_path) == CATS
    dataset.check(tmp_path, CATS)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]


@pytest.mark.parametrize("other", [CATS._replace(split="4567"), CATS._replace(classes=["cat"])])
def test_other_data_are_refused_in_one_line(tmp_path, other):
    dataset.write(tmp_path, CATS)
    with pytest.raises(UserError, match="holds a run on another split of the data") as error:
        dataset.check(tmp_path, other)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"split": "0123"}', '{"split": "", "classes": 3}'])
def test_damage_is_one_line(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(UserError, match=r"dataset.json: damaged; delete it") as error:
        dataset.read(tmp_path)
    assert "\n" not in str(error.value)
