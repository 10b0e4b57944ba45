"""Images off the disk: the same, in the same order, as out of memory."""

import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxhash.data import datasets, loader, sampler
from jaxhash.data.images import stored
from jaxhash.errors import UserError
from jaxhash.models import backbones
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.training import loop, measurement
from jaxhash.training.experiment import Experiment
from tests.training import small


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """The digits in memory, and on disk."""
    folder = str(tmp_path_factory.mktemp("tfds"))
    return datasets.load("digits", folder), datasets.load("digits", folder, resident_bytes=0)


def test_stored_images_are_indexed_like_an_array(pools):
    pixels, on_disk = (pool.pixels for pool in pools)
    assert isinstance(on_disk, stored.StoredImages)
    assert on_disk.shape == pixels.shape and on_disk.nbytes == pixels.nbytes
    for index in (slice(3, 9), slice(1790, 2000), [5, 5, 0], np.arange(12).reshape(3, 4), 7):
        assert np.array_equal(on_disk[index], pixels[index])
    some = on_disk.select(np.array([9, 2, 4]))
    assert len(some) == 3 and np.array_equal(some[1:], pixels[[2, 4]])
    assert np.array_equal(loader.take(on_disk, np.arange(1797)[::-1]), pixels[::-1])


def test_images_of_several_parts_are_one_array(prepared):
    pixels = datasets.load("cifar10", str(prepared)).pixels
    on_disk = datasets.load("cifar10", str(prepared), resident_bytes=0).pixels
    assert np.array_equal(on_disk[[25, 3, 29, 0]], pixels[[25, 3, 29, 0]])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_starts_anywhere_and_keeps_the_order(pools, workers):
    pixels, on_disk = (pool.pixels for pool in pools)
    own = sampler.build("shuffled", 3, pools[0].labels, batch_size=100)
    steps = range(5, 24)  # over the end of the first epoch
    seen = 0
    streams = (loader.read(source, own, steps, workers) for source in (pixels, on_disk))
    for expected, got in zip(*streams, strict=True):
        assert np.array_equal(got, expected)
        seen += 1
    assert seen == len(steps)


@pytest.mark.parametrize("workers", [0, 1])
def test_records_damaged_under_way_are_one_clear_line(prepared, workers):
    on_disk = datasets.load("cifar10", str(prepared), resident_bytes=0).pixels
    for path in prepared.rglob("*train.array_record*"):
        content = bytearray(path.read_bytes())
        content[1000:3000] = bytes(2000)
        path.write_bytes(content)
    images = loader.read(on_disk, lambda step: slice(10 * step, 10 * step + 10), range(3), workers)
    with pytest.raises(UserError, match="damaged.*prepare the data set again") as error:
        list(images)
    assert "\n" not in str(error.value)


def test_a_set_beyond_the_limit_stays_on_disk(tiny):
    with tiny.unlocked():
        tiny.data.stream = "always"
    assert isinstance(Experiment(tiny).data.pool.pixels, stored.StoredImages)
    tiny.data.stream = "auto"
    assert isinstance(Experiment(tiny).data.pool.pixels, np.ndarray)
    tiny.data.stream = "sometimes"
    with pytest.raises(UserError, match="data.stream=sometimes: expected auto, always or never"):
        Experiment(tiny)


def last_state(folder):
    with Checkpoints(folder) as checkpoints:
        return checkpoints.read()


def test_streamed_training_is_resident_training_bit_for_bit(tiny, tmp_path, monkeypatch):
    """Whole runs; and runs that begin one way and continue the other way from their middle."""
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(small.BACKBONES)])
    monkeypatch.setattr(measurement, "_draw", lambda *arguments: None)
    with small.one_convolution(tiny).unlocked():
        tiny.data.workers = 0
        tiny.train.total_steps = 6
        tiny.eval.update(at_start=False, every_steps=0)
    results = {}
    for name in ("never", "always"):
        tiny.data.stream = name
        results[name] = loop.train_and_evaluate(tiny, tmp_path / name)
    for name in ("never", "always"):
        cut = tmp_path / f"{name} from the middle"
        shutil.copytree(tmp_path / {"never": "always", "always": "never"}[name], cut)
        shutil.rmtree(cut / "checkpoints" / "6")
        (cut / "results.json").unlink()
        tiny.data.stream = name
        results[cut.name] = loop.train_and_evaluate(tiny, cut)
    states = [jax.tree.leaves(last_state(tmp_path / name)) for name in results]
    for leaves in zip(*states, strict=True):
        assert all(np.array_equal(leaf, leaves[0]) for leaf in leaves)
    for name in ("map", "map_index", "bit_balance"):
        assert len({str(result[name]) for result in results.values()}) == 1


@pytest.mark.slow
def test_reading_a_stream_imports_no_tensorflow(tmp_path):
    code = (
        "import sys; from jaxhash.data import datasets, loader; "
        f"pixels = datasets.load('digits', {str(tmp_path)!r}, resident_bytes=0).pixels; "
        "list(loader.read(pixels, lambda step: [step], range(3))); "
        "assert 'tensorflow' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
