"""Writes checkpoints as torch.save does, without PyTorch, so that tests can damage them."""

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from types import ModuleType
from unittest import mock

import numpy as np

KINDS = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "i4": "Int", "u1": "Byte"}


def _stand_in(module, name, of):
    made = of(name, (), {"__module__": module}) if of is type else of
    made.__module__, made.__qualname__, made.__name__ = module, name, name
    setattr(sys.modules[module], name, made)
    return made


class Tensor:
    """An array that is pickled as PyTorch pickles a tensor of it."""

    def __init__(self, array, key="0", offset=0, strides=None, shape=None, count=None):
        self.array = np.array(array, order="C")
        self.key, self.offset, self.count = key, offset, count
        self.shape = array.shape if shape is None else shape
        steps = [stride // self.array.itemsize for stride in self.array.strides]
        self.strides = tuple(steps) if strides is None else strides


class _Pickler(pickle.Pickler):
    def __init__(self, file, legacy):
        super().__init__(file, 2)
        self.legacy, self.stored = legacy, {}

    def persistent_id(self, value):
        if not isinstance(value, _Storage):
            return None
        array = value.tensor.array
        kind = getattr(sys.modules["torch"], f"{KINDS[array.dtype.str[1:]]}Storage")
        count = array.size if value.tensor.count is None else value.tensor.count
        self.stored[value.tensor.key] = array.tobytes(), count
        pid = ("storage", kind, value.tensor.key, "cpu", count)
        return (*pid, None) if self.legacy else pid

    def reducer_override(self, value):
        if not isinstance(value, Tensor):
            return NotImplemented
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        arguments = (
            _Storage(value),
            value.offset,
            value.shape,
            value.strides,
            False,
            OrderedDict(),
        )
        return rebuild, arguments


class _Storage:
    def __init__(self, tensor):
        self.tensor = tensor


def _torch():
    modules = {name: ModuleType(name) for name in ("torch", "torch._utils")}
    patch = mock.patch.dict(sys.modules, modules)
    patch.start()
    for kind in KINDS.values():
        _stand_in("torch", f"{kind}Storage", type)
    _stand_in("torch._utils", "_rebuild_tensor_v2", lambda *_: None)
    return patch


def archive(path, content, **changes):
    """Writes a zip archive; changes["files"] replaces files in it, or with None leaves them out."""
    patch = _torch()
    try:
        program = io.BytesIO()
        pickler = _Pickler(program, legacy=False)
        pickler.dump(content)
    finally:
        patch.stop()
    files = {"data.pkl": program.getvalue(), "byteorder": b"little"}
    files |= {f"data/{key}": content for key, (content, _) in pickler.stored.items()}
    files |= {"version": b"3\n"} | changes.pop("files", {})
    with zipfile.ZipFile(path, "w", changes.get("compression", zipfile.ZIP_STORED)) as made:
        for name, data in files.items():
            if data is not None:
                made.writestr(f"archive/{name}", data)


def legacy(path, content, counts=None):
    """Writes the format before the archive; `counts` gives other lengths to its storages."""
    patch = _torch()
    try:
        with path.open("wb") as file:
            for header in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
                pickle.dump(header, file, 2)
            pickler = _Pickler(file, legacy=True)
            pickler.dump(content)
            pickle.dump(sorted(pickler.stored), file, 2)
            for key in sorted(pickler.stored):
                data, count = pickler.stored[key]
                file.write(struct.pack("<q", (counts or {}).get(key, count)) + data)
    finally:
        patch.stop()
