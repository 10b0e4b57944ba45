"""The cache of features: filled once, whole or made again, safe beside other runs."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from jaxhash.data import locks
from jaxhash.data.features import cache
from jaxhash.errors import UserError

TITLE = "digits, resnet18 frozen to stage2"
SHAPE = (2_500, 2, 3)
VALUES = np.random.RandomState(0).randn(*SHAPE).astype(np.float16)


class Computed:
    """Computes rows, and counts how often it is asked."""

    def __init__(self, stop_at=None, pause=0.0):
        self.asked, self._stop_at, self._pause = [], stop_at, pause

    def __call__(self, start, stop):
        self.asked.append(start)
        time.sleep(self._pause)
        if start == self._stop_at:
            raise KeyboardInterrupt
        return VALUES[start:stop]


def obtain(place, compute, key="weights"):
    return cache.obtain(place, TITLE, {"weights": key}, SHAPE, compute)


def entry(place):
    return next(path for path in place.iterdir() if path.name.startswith("digits-"))


def test_an_entry_is_computed_once(tmp_path, capfd):
    first, second = Computed(), Computed()
    assert np.array_equal(obtain(tmp_path, first), VALUES) and first.asked == [0, 1_000, 2_000]
    assert np.array_equal(obtain(tmp_path, second), VALUES) and not second.asked
    assert "2,500 of 2,500 (100%)" in capfd.readouterr().err
    assert obtain(tmp_path, second).dtype == np.float16


def test_it_stops_between_two_writes_and_goes_on_from_there(tmp_path):
    def twice():
        return len(first.asked) == 2

    first, second = Computed(), Computed()
    key = {"weights": "weights"}
    with pytest.raises(cache.Stopped):
        cache.obtain(tmp_path, TITLE, key, SHAPE, first, at_once=400, stopped=twice)
    assert first.asked == [0, 400] and cache.found(tmp_path)[0].rows is None
    found = cache.obtain(tmp_path, TITLE, key, SHAPE, second, at_once=400)
    assert second.asked == [800, 1_200, 1_600, 2_000, 2_400] and np.array_equal(found, VALUES)


def test_it_stops_while_another_run_fills_the_entry(tmp_path, capfd):
    obtain(tmp_path, Computed())
    folder = entry(tmp_path)
    (folder / cache.ABOUT).unlink()
    with (
        locks.exclusive(tmp_path / f".{folder.name}.lock"),
        pytest.raises(cache.Stopped),
    ):
        asked = iter([False, True])
        cache.obtain(
            tmp_path, TITLE, {"weights": "weights"}, SHAPE, Computed(), stopped=lambda: next(asked)
        )
    assert capfd.readouterr().err.count("waiting for another run") == 1


def test_another_key_is_another_entry(tmp_path):
    obtain(tmp_path, Computed())
    other = Computed()
    obtain(tmp_path, other, key="others")
    assert other.asked and len(cache.found(tmp_path)) == 2


def test_after_a_stop_the_next_run_goes_on(tmp_path, capfd):
    with pytest.raises(KeyboardInterrupt):
        obtain(tmp_path, Computed(stop_at=2_000))
    assert cache.found(tmp_path)[0].rows is None
    again = Computed()
    assert np.array_equal(obtain(tmp_path, again), VALUES) and again.asked == [2_000]
    assert "2,000 are there" in capfd.readouterr().err


def _cut(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 7)


def _turn_a_bit(path):
    content = bytearray(path.read_bytes())
    content[12_345] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (cache.VALUES, _cut),
        (cache.VALUES, _turn_a_bit),
        (cache.VALUES, os.unlink),
        (cache.ABOUT, _cut),
        (cache.ABOUT, lambda path: path.write_text("[]")),
        (cache.ABOUT, lambda path: path.write_text(json.dumps({"format": 0}))),
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path, name, damage, capfd):
    opened = obtain(tmp_path, Computed())
    damage(entry(tmp_path) / name)
    again = Computed()
    assert np.array_equal(obtain(tmp_path, again), VALUES)
    assert again.asked or name == cache.VALUES
    del opened
    assert obtain(tmp_path, Computed()).shape == SHAPE
    capfd.readouterr()


def test_two_runs_at_once_fill_it_once(tmp_path, capfd):
    computed = [Computed(pause=0.2), Computed(pause=0.2)]
    found = [None, None]

    def run(number):
        found[number] = obtain(tmp_path, computed[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(each.asked) for each in computed) == [0, 3]
    assert all(np.array_equal(values, VALUES) for values in found)
    assert "waiting for another run that fills it" in capfd.readouterr().err


def test_a_kill_leaves_nothing_that_counts_as_whole(tmp_path):
    script = (
        "import sys, time, numpy as np\n"
        "from jaxhash.data.features import cache\n"
        "def compute(start, stop):\n"
        "    print('computing', flush=True)\n"
        "    time.sleep(0.05 if start < 1000 else 60)\n"
        "    return np.ones((stop - start, 2, 3), np.float16)\n"
        f"cache.obtain(__import__('pathlib').Path(sys.argv[1]), {TITLE!r}, "
        f"{{'weights': 'weights'}}, {SHAPE}, compute)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert cache.found(tmp_path)[0].rows is None
    again = Computed()
    obtain(tmp_path, again)
    assert again.asked == [1_000, 2_000]


def test_a_full_disk_is_one_line_and_what_is_whole_stays(tmp_path, monkeypatch):
    def full(start, stop):
        if start == 1_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return VALUES[start:stop]

    with pytest.raises(UserError, match="No space left on device.*data.features=PATH") as error:
        obtain(tmp_path, full)
    assert "\n" not in str(error.value)
    again = Computed()
    assert np.array_equal(obtain(tmp_path, again), VALUES) and again.asked == [1_000, 2_000]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written .Permission denied"):
        obtain(tmp_path, Computed())


def test_a_place_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written .Not a directory.*data.features=PATH"):
        obtain(tmp_path / "file", Computed())


def test_what_is_read_only_is_read(tmp_path):
    obtain(tmp_path, Computed())
    for path in [*entry(tmp_path).iterdir(), entry(tmp_path), tmp_path]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    assert np.array_equal(obtain(tmp_path, Computed()), VALUES)
    tmp_path.chmod(0o700)
    entry(tmp_path).chmod(0o700)


def test_entries_are_listed_and_deleted(tmp_path):
    values = obtain(tmp_path, Computed())
    (found,) = cache.found(tmp_path)
    assert (found.rows, found.title) == (2_500, TITLE) and found.size > VALUES.nbytes
    assert cache.clean(tmp_path, found.name) == found.size
    assert not cache.found(tmp_path) and not [*tmp_path.iterdir()]
    assert np.array_equal(values, VALUES)  # of a run that has it open


@pytest.mark.parametrize("name", ["../digits-1", "other-folder", ".hidden-1", "none-1"])
def test_nothing_else_is_deleted(tmp_path, name):
    (tmp_path / "other-folder").mkdir()
    (tmp_path / "other-folder" / "mine.txt").write_text("")
    with pytest.raises(UserError, match="not kept by jaxhash"):
        cache.clean(tmp_path, name)
    assert (tmp_path / "other-folder" / "mine.txt").exists()


def test_the_folder_is_named_by_the_config_or_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXHASH_FEATURES", str(tmp_path))
    assert cache.root() == tmp_path and cache.root("/elsewhere").name == "elsewhere"
    monkeypatch.delenv("JAXHASH_FEATURES")
    assert cache.root().parts[-2:] == ("jaxhash", "features")
