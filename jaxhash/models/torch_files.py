"""Reads the tensors of a PyTorch checkpoint (.pth, .pt) without PyTorch, and executes none of it.

Such a file is a pickle, which may call any function. `Tensors` looks up no name but those by which
PyTorch rebuilds tensors, and gives its own functions for them. Both formats are read: the zip
archive that `torch.save` has written since version 1.6, and the one before it.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from jaxhash.errors import UserError

MAGIC = 0x1950A86A20F9469CFC6C  # of the format before the archive
PROTOCOL = 1001
STATE_DICTS = ("state_dict", "model")  # under which training scripts keep the weights
STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class Damaged(Exception):
    """The file is no checkpoint, or not whole; the message is a part of a line."""


class Storage(NamedTuple):
    """The numbers of one or several tensors: their type, and a function that reads them [n]."""

    dtype: np.dtype
    size: int
    read: Callable[[], np.ndarray]


class Deferred(NamedTuple):
    """A tensor that is not read yet: a strided view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        """Reads the tensor; raises Damaged where it reaches beyond its storage."""
        numbers = (self.offset, *self.shape, *self.strides)
        whole = len(self.shape) == len(self.strides) and all(type(n) is int for n in numbers)
        if not whole or min(numbers) < 0:
            raise Damaged("a tensor has an impossible shape")
        size = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((n - 1) * stride for n, stride in steps) if size else 0
        # No more elements than the storage has: otherwise a stride of 0 could fill the memory.
        if size and (last >= self.storage.size or size > self.storage.size):
            raise Damaged("a tensor reaches beyond its storage")
        values = self.storage.read()[self.offset :] if size else np.empty(0, self.storage.dtype)
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, strides).copy()


class Tensors(pickle.Unpickler):
    """An unpickler that admits tensors, containers, numbers and text, and calls nothing else."""

    def __init__(self, file: BinaryIO, load: Callable[[np.dtype, str, int], Storage]):
        """Reads from `file`; `load` finds a storage by type, key and number of elements."""
        super().__init__(file, encoding="latin-1")
        self._load = load

    def find_class(self, module: str, name: str) -> Any:
        """Returns what stands for a name; raises Damaged for all that is no part of a tensor."""
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) not in known:
            raise Damaged(f"it would call {module}.{name}; only tensors are read")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        """Finds the storage that a tensor refers to."""
        try:
            kind, dtype, key, _, count = pid[:5]
        except (TypeError, ValueError):
            raise Damaged("a tensor refers to no storage") from None
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(count) is not int:
            raise Damaged("a tensor refers to no storage")
        return self._load(dtype, str(key), count)


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads all tensors of a checkpoint by name.

    The file holds a dictionary of tensors, or one under "state_dict" or "model"; other entries are
    left out.

    Args:
      path: of the file.

    Returns:
      {name: array}; bfloat16 becomes float32.

    Raises:
      UserError: it is no checkpoint of PyTorch, damaged, of TorchScript, or refers to anything but
        tensors.
    """
    try:
        with path.open("rb") as file:
            legacy = file.read(4) != b"PK\x03\x04"
            file.seek(0)
            return _legacy(file) if legacy else _archive(file)
    except Damaged as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    # Hostile or cut files make pickle and zipfile raise almost anything.
    except Exception as error:
        reason = f"damaged, {type(error).__name__}"
    raise UserError(f"model.weights={path}: not a readable PyTorch checkpoint ({reason})")


def _arrays(found: Any) -> dict[str, np.ndarray]:
    if not isinstance(found, dict):
        raise Damaged("it holds no dictionary of tensors")
    for name in STATE_DICTS:
        if isinstance(found.get(name), dict):
            found = found[name]
            break
    tensors = {
        name: tensor.array()
        for name, tensor in found.items()
        if isinstance(name, str) and isinstance(tensor, Deferred)
    }
    if not tensors:
        raise Damaged("it holds no dictionary of tensors")
    half = ml_dtypes.bfloat16
    return {n: x.astype(np.float32) if x.dtype == half else x for n, x in tensors.items()}


def _archive(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        program = next((name for name in entries if name.endswith("/data.pkl")), None)
        folder = (program or "").removesuffix("data.pkl")
        if program is None or f"{folder}constants.pkl" in entries:
            raise Damaged("a zip file, but no checkpoint of torch.save")
        order = entries.get(f"{folder}byteorder")
        if order is not None and archive.read(order) != b"little":
            raise Damaged("written on a big-endian machine")

        def load(dtype: np.dtype, key: str, count: int) -> Storage:
            info = entries.get(f"{folder}data/{key}")
            if info is None or info.file_size != count * dtype.itemsize:
                raise Damaged(f"storage {key} is missing, or not as long as it says")
            if info.compress_type != zipfile.ZIP_STORED:
                raise Damaged(f"storage {key} is compressed, as torch.save writes none")
            return Storage(dtype, count, lambda: np.frombuffer(archive.read(info), dtype))

        return _arrays(Tensors(io.BytesIO(archive.read(program)), load).load())


def _legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    def refuse(dtype: np.dtype, key: str, count: int) -> Storage:
        raise Damaged("a tensor where none can be")

    header = [Tensors(file, refuse).load() for _ in range(3)]
    if header[:2] != [MAGIC, PROTOCOL]:
        raise Damaged("neither a zip archive nor the format before it")
    wanted: dict[str, tuple[np.dtype, int]] = {}
    values: dict[str, np.ndarray] = {}

    def load(dtype: np.dtype, key: str, count: int) -> Storage:
        wanted[key] = dtype, count
        return Storage(dtype, count, lambda: values[key])

    found = Tensors(file, load).load()
    keys = Tensors(file, refuse).load()
    if not isinstance(keys, list) or set(map(str, keys)) != wanted.keys():
        raise Damaged("its list of storages does not fit its tensors")
    for key in map(str, keys):
        dtype, count = wanted[key]
        (stored,) = struct.unpack("<q", file.read(8))
        size = count * dtype.itemsize
        start = file.tell()
        left = file.seek(0, io.SEEK_END) - start
        if stored != count or not 0 <= size <= left:
            raise Damaged(f"storage {key} is not as long as it says")
        file.seek(start)
        values[key] = np.frombuffer(file.read(size), dtype)
    return _arrays(found)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Deferred:
    """Stands for torch._utils._rebuild_tensor_v2."""
    if not isinstance(storage, Storage):
        raise Damaged("a tensor refers to no storage")
    return Deferred(storage, offset, tuple(size), tuple(stride))


def _parameter(data: Any, *_: Any) -> Deferred:
    """Stands for torch._utils._rebuild_parameter."""
    if not isinstance(data, Deferred):
        raise Damaged("a parameter that is no tensor")
    return data
