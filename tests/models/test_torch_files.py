"""PyTorch checkpoints: what torch.save writes is read; what is hostile or damaged is one line."""

import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.errors import UserError
from jaxhash.models import torch_files
from tests.models import torch_writer
from tests.models.torch_writer import Tensor

WRITERS = {"archive": torch_writer.archive, "legacy": torch_writer.legacy}
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    """Writes a checkpoint in one of the two formats."""

    def made(content, **options):
        path = tmp_path / "weights.pth"
        WRITERS[request.param](path, content, **options)
        return path

    return made


def test_tensors_are_read_by_name(write):
    content = OrderedDict(
        weight=Tensor(VALUES, "0"),
        turned=Tensor(VALUES, "1", strides=(1, 2), shape=(3, 2)),
        part=Tensor(VALUES, "2", offset=3, shape=(3,), strides=(1,)),
        steps=Tensor(np.array(7), "3"),
        empty=Tensor(np.zeros((0, 4), np.float32), "4"),
        epoch=3,
    )
    found = torch_files.read(write(content))
    assert found.keys() == {"weight", "turned", "part", "steps", "empty"}
    assert np.array_equal(found["weight"], VALUES) and found["weight"].dtype == np.float32
    assert np.array_equal(found["turned"], [[0, 2], [1, 3], [2, 4]])
    assert found["part"].tolist() == [3, 4, 5] and found["steps"] == 7
    assert found["empty"].shape == (0, 4)


@pytest.mark.parametrize("dtype", ["f8", "f2", "i8", "i4", "u1"])
def test_every_type_of_number_is_read(write, dtype):
    values = np.arange(5).astype(dtype)
    found = torch_files.read(write({"x": Tensor(values)}))["x"]
    assert found.dtype == values.dtype and np.array_equal(found, values)


@pytest.mark.parametrize("name", torch_files.STATE_DICTS)
def test_weights_are_found_where_training_scripts_keep_them(write, name):
    content = {"epoch": 90, name: {"x": Tensor(VALUES)}, "optimizer": {"lr": 0.1}}
    assert torch_files.read(write(content)).keys() == {"x"}


class Call:
    """Pickled as a call of os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_no_code_is_run(write, tmp_path):
    mark = tmp_path / "ran"
    path = write({"x": Tensor(VALUES), "y": Call(f"touch {mark}")})
    with pytest.raises(UserError, match=r"would call posix\.system; only tensors are read"):
        torch_files.read(path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["builtins.eval", "torch._utils._rebuild_qtensor", "torch.load"])
def test_no_other_name_is_looked_up(tmp_path, name):
    module, _, attribute = name.rpartition(".")
    program = f"\x80\x02c{module}\n{attribute}\n.".encode("latin-1")
    path = tmp_path / "weights.pth"
    torch_writer.archive(path, {}, files={"data.pkl": program})
    with pytest.raises(UserError, match=f"it would call {name}"):
        torch_files.read(path)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(VALUES, shape=(2, 4)),
        Tensor(VALUES, offset=1),
        Tensor(VALUES, shape=(10**9, 10**9), strides=(0, 0)),
        Tensor(VALUES, shape=(2,), strides=(-1,)),
        Tensor(VALUES, offset=-1, shape=(1,), strides=(1,)),
        Tensor(VALUES, shape=(2.5,), strides=(1,)),
        Tensor(VALUES, count=10**15),
    ],
    ids=["shape", "offset", "huge", "negative stride", "negative offset", "fraction", "count"],
)
def test_a_tensor_beyond_its_storage_is_refused(write, tensor):
    with pytest.raises(UserError, match="not a readable PyTorch checkpoint") as error:
        torch_files.read(write({"x": tensor}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data/0": None}, "storage 0 is missing"),
        ({"data/0": b"1234"}, "not as long as it says"),
        ({"data.pkl": None}, "a zip file, but no checkpoint"),
        ({"constants.pkl": b""}, "a zip file, but no checkpoint"),
        ({"byteorder": b"big"}, "big-endian"),
    ],
)
def test_an_archive_with_other_files_is_refused(tmp_path, files, message):
    path = tmp_path / "weights.pth"
    torch_writer.archive(path, {"x": Tensor(VALUES)}, files=files)
    with pytest.raises(UserError, match=message):
        torch_files.read(path)


def test_a_compressed_archive_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    zeros = Tensor(np.zeros(10**6, np.float32))
    torch_writer.archive(path, {"x": zeros}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="storage 0 is compressed"):
        torch_files.read(path)


@pytest.mark.parametrize("count", [5, 7, -1, 2**62])
def test_a_storage_of_another_length_is_refused(tmp_path, count):
    path = tmp_path / "weights.pth"
    torch_writer.legacy(path, {"x": Tensor(VALUES)}, counts={"0": count})
    with pytest.raises(UserError, match="not as long as it says"):
        torch_files.read(path)


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"x": 1}, None, {"state_dict": {"x": "text"}}], ids=repr
)
def test_what_holds_no_tensors_is_refused(write, content):
    with pytest.raises(UserError, match="no dictionary of tensors"):
        torch_files.read(write(content))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(UserError, match="No such file"):
        torch_files.read(path)
    for content in (b"", b"PK\x03\x04", b"\x89PNG", pickle.dumps({"x": 1}), b"\x80\x02"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a readable PyTorch checkpoint") as error:
            torch_files.read(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", WRITERS)
def test_a_cut_or_altered_file_is_one_line_or_tensors(form, tmp_path):
    path = tmp_path / "weights.pth"
    WRITERS[form](path, OrderedDict(a=Tensor(VALUES, "0"), b=Tensor(VALUES, "1")))
    whole = path.read_bytes()

    @given(st.integers(0, len(whole) - 1), st.integers(0, 255), st.booleans())
    def damaged(at, value, cut):
        path.write_bytes(whole[:at] if cut else whole[:at] + bytes([value]) + whole[at + 1 :])
        try:
            found = torch_files.read(path)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert all(isinstance(array, np.ndarray) for array in found.values())

    damaged()
