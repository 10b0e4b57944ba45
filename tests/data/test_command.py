"""python -m jaxhash.data: lists prepared copies and deletes those that are named."""

import os
import subprocess
import sys

import numpy as np
import pytest

from jaxhash.data import __main__ as command
from jaxhash.data import datasets
from jaxhash.data.features import cache
from jaxhash.errors import UserError
from tests.data.own_images import picture


@pytest.fixture
def copied(tmp_path, home, monkeypatch):
    """The names of two copies of one's own images, and one of the digits."""
    for folder in ("one", "two"):
        picture(tmp_path / folder / "cat" / "1.png")
        picture(tmp_path / folder / "dog" / "1.png")
        datasets.load("folder", str(tmp_path / folder), side=8)
    datasets.load("digits", None)
    monkeypatch.setenv("JAXHASH_FEATURES", str(tmp_path / "features"))
    return sorted(os.listdir(home / "jaxhash"))


def test_copies_are_listed_with_their_sources(copied, tmp_path, home, capsys):
    (tmp_path / "two").rename(tmp_path / "three")
    command.main([])
    head, *rows, foot, features = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "images", "size", "age", "made", "from"]
    assert [row.split()[0] for row in rows] == copied
    assert rows[0].split()[:2] == ["digits", "1,797"] and rows[0].endswith("0 minutes  -")
    sources = sorted(row.split("minutes  ")[1] for row in rows[1:])
    assert sources == [f"{tmp_path}/one", f"{tmp_path}/two (not there any more)"]
    assert foot.startswith(f"3 under {home}/jaxhash, ") and foot.endswith("B in all")
    assert features == f"no features under {tmp_path}/features"


def test_features_are_listed_and_deleted_beside_copies(copied, tmp_path, home, capsys):
    place, values = tmp_path / "features", np.zeros((3, 2), np.float16)
    title = "digits, resnet18 frozen to stage2"
    cache.obtain(place, title, {"weights": "a"}, (3, 2), lambda start, stop: values[start:stop])
    (entry,) = cache.found(place)
    command.main([f"--features={place}"])
    *_, head, row, foot = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "rows", "size", "age", "features", "of"]
    assert row.split()[:2] == [entry.name, "3"] and row.endswith(f"0 minutes  {title}")
    assert foot.startswith(f"1 under {place}, ")
    command.main([f"--dir={home}", "--clean-all"])
    capsys.readouterr()
    assert cache.found(place)  # in a folder that was not named
    datasets.load("digits", None)
    command.main(["--clean", entry.name, "digits"])
    out = capsys.readouterr().out
    assert f"{entry.name}: deleted, " in out and "digits: deleted, " in out
    assert not cache.found(place) and "digits" not in os.listdir(home / "jaxhash")


def test_named_copies_are_deleted(copied, home, capsys):
    command.main(["--clean", copied[1], copied[2]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == copied[1:]
    assert all(line.endswith("kB freed") for line in lines)
    assert os.listdir(home / "jaxhash") == ["digits"]
    command.main([f"--dir={home}", "--clean-all"])
    assert "digits: deleted, " in capsys.readouterr().out and not os.listdir(home / "jaxhash")
    for arguments in ([], ["--clean-all"]):
        command.main(arguments)
        out = capsys.readouterr().out
        assert out.startswith(f"no copies under {home}/jaxhash") and "no features under" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clean", "digits", "nowhere"], "^nowhere: not a copy that jaxhash has made under"),
        (["--clean"], "--clean: expected at least one argument; --help says more"),
        (["--clean", "x", "--clean-all"], "not allowed with argument"),
        (["--features=nowhere"], "--features=nowhere: no such folder"),
        (["--dir=nowhere"], "--dir=nowhere: no such folder"),
        (["digits"], "digits: not a data set that is prepared by itself, which cifar10 is"),
        (["--archive=x"], "--archive=PATH goes with the name of its data set: cifar10"),
        (["cifar10", "--clean-all"], "either a data set to prepare, or what to clean"),
        (["cifar10", "--archive=nowhere"], "nowhere: cannot be read .No such file"),
    ],
)
def test_mistakes_are_one_line(copied, home, arguments, message):
    with pytest.raises(UserError, match=message) as error:
        command.main(arguments)
    assert "\n" not in str(error.value) and copied[1] in os.listdir(home / "jaxhash")
    assert ("digits" in os.listdir(home / "jaxhash")) == (arguments[1:] != ["digits", "nowhere"])


def test_help_and_exit_codes(home):
    def run(*arguments):
        order = [sys.executable, "-m", "jaxhash.data", *arguments]
        done = subprocess.run(order, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = run("--help")
    assert code == 0 and "--clean-all" in out and "python -m jaxhash.data" in out
    code, out, err = run("--clean", "nowhere")
    assert (code, out) == (2, "") and err.startswith("jaxhash: nowhere: not a copy")
    assert err.count("\n") == 1
