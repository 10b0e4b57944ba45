import json
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest

from jaxhash.data import datasets
from jaxhash.errors import UserError


def test_digits_are_those_of_scikit_learn(data_dir):
    from sklearn.datasets import load_digits

    pool = datasets.load("digits", data_dir)
    digits = load_digits()
    assert pool.pixels.shape == (1797, 8, 8, 1) and pool.pixels.dtype == np.uint8
    number = [int(name.removeprefix("digit_")) for name in pool.ids]
    assert np.array_equal(pool.labels.argmax(axis=1), digits.target[number])
    assert np.array_equal(np.round(pool.pixels[..., 0] / 255 * 16), digits.images[number])
    assert pool.class_names == list("0123456789")


def test_a_prepared_copy_is_read_whole(prepared):
    pool = datasets.load("cifar10", str(prepared))
    assert pool.pixels.shape == (30, 32, 32, 3)
    assert (pool.parts == "test").sum() == 10
    first = list(pool.ids).index("train_00007")
    assert pool.pixels[first, 0, 0].tolist() == [7, 0, 255]
    assert pool.labels[first].argmax() == 7


def test_absent_data_are_reported_within_seconds(tmp_path):
    start = time.monotonic()
    with pytest.raises(UserError, match=r"data\.dir=.*nowhere: no such folder") as error:
        datasets.load("cifar10", str(tmp_path / "nowhere"))
    assert time.monotonic() - start < 10
    assert "\n" not in str(error.value)
    assert not (tmp_path / "nowhere").exists()


def damage_index(folder):
    (folder / "dataset_info.json").write_text("{")


def damage_features(folder):
    (folder / "features.json").unlink()


def remove_records(folder):
    next(folder.glob("*train.array_record*")).unlink()


def truncate_records(folder):
    path = next(folder.glob("*train.array_record*"))
    path.write_bytes(path.read_bytes()[:-200])


def flip_records(folder):
    path = next(folder.glob("*train.array_record*"))
    content = bytearray(path.read_bytes())
    for position in range(1000, 3000):  # where the images are
        content[position] ^= 0xFF
    path.write_bytes(bytes(content))


def miscount(folder):
    info = json.loads((folder / "dataset_info.json").read_text())
    info["splits"][0]["shardLengths"] = ["19"]
    info["splits"][1]["shardLengths"] = ["19"]
    (folder / "dataset_info.json").write_text(json.dumps(info))


@pytest.mark.parametrize(
    "damage",
    [damage_index, damage_features, remove_records, truncate_records, flip_records, miscount],
)
def test_damaged_data_are_one_clear_line(prepared, damage):
    damage(prepared / "cifar10" / "3.0.2")
    with pytest.raises(UserError, match=r"3\.0\.2: damaged.*prepare the data set again") as error:
        datasets.load("cifar10", str(prepared))
    assert "\n" not in str(error.value)


def test_a_data_dir_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        datasets.load("digits", str(tmp_path / "file"))


@pytest.mark.slow
def test_reading_and_preparing_import_no_tensorflow(tmp_path):
    code = (
        "import sys; from jaxhash.data import datasets; "
        f"datasets.load('digits', {str(tmp_path)!r}); "
        "assert 'tensorflow' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_preparing_leaves_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    datasets.load("digits", str(tmp_path / "data"))
    assert not any((tmp_path / "tmp").iterdir())
