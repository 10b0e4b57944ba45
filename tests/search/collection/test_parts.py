"""A collection that several jobs encode, and whose parts are joined."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.errors import UserError
from jaxhash.search.__main__ import main
from jaxhash.search.collection.parts import Part
from tests.search import small
from tests.search.test_collections import stored

ROOT = Path(__file__).parents[3]
PICTURES = 12


@pytest.fixture
def run(tmp_path, tiny_encoder):
    folder = small.trained(tmp_path / "run", tiny_encoder)
    (tmp_path / "photos").mkdir()
    for i in range(PICTURES):
        small.picture(i).save(tmp_path / "photos" / f"{i}.png")
    return folder


def index(run, *flags, to="index"):
    return main(["index", f"--workdir={run}", f"--index={run / to}", *flags])


def photos(run):
    return f"--images={run.parent / 'photos'}"


def same(one, other):
    assert one.keys() == other.keys()
    for id, item in one.items():
        assert (item.code == other[id].code).all() and item.metadata == other[id].metadata


@given(path=st.text(max_size=30), parts=st.integers(1, 100))
def test_a_path_belongs_to_one_part(path, parts):
    assert sum(Part(number, parts).has(path) for number in range(1, parts + 1)) == 1


@pytest.mark.parametrize("text", ["65/64", "0/64", "3", "3/", "-1/2", "1/0", "1/2/3", "a/b", ""])
def test_no_such_part(run, text):
    with pytest.raises(UserError, match=r"^--part=.*: expected a part of all, as in 3/64"):
        index(run, photos(run), f"--part={text}")
    assert not (run / "index").exists()


def test_parts_in_one_index_are_the_whole(run, capsys):
    index(run, photos(run), to="whole")
    capsys.readouterr()
    for number in (2, 1, 3, 2):  # in any order, one twice
        assert index(run, photos(run), f"--part={number}/3", "--prune") is None
    out = capsys.readouterr().out
    assert "part 2/3, " in out and " of 12 images in" in out
    assert out.count("gone") == 0 and out.count("new or changed") == 4
    assert "0 new or changed" in out.split("part 2/3")[-1]
    same(stored(run), stored(run, "whole"))


def test_what_is_gone_is_pruned_by_its_own_part(run, capsys):
    index(run, photos(run))
    (run.parent / "photos" / "3.png").unlink()
    own = next(number for number in (1, 2) if Part(number, 2).has("3.png"))
    index(run, photos(run), f"--part={3 - own}/2", "--prune=all")
    assert "photos/3.png" in stored(run)
    index(run, photos(run), f"--part={own}/2", "--prune=all")
    assert len(stored(run)) == PICTURES - 1 and "photos/3.png" not in stored(run)


def test_merged_parts_are_the_whole_also_after_a_half(run, capsys):
    index(run, photos(run), to="whole")
    for number in (1, 2, 3):
        index(run, photos(run), f"--part={number}/3", to=f"{number}")
    capsys.readouterr()
    index(run, *(f"--merge={run / str(number)}" for number in (1, 2)))  # the third comes later
    for _ in range(2):
        index(run, *(f"--merge={run / str(number)}" for number in (1, 2, 3)))
    assert f"0 images added; the index holds {PICTURES} images" in capsys.readouterr().out
    same(stored(run), stored(run, "whole"))
    main(["list", f"--workdir={run}"])
    assert str(run.parent / "photos") in capsys.readouterr().out


@pytest.mark.slow
def test_what_does_not_fit_is_refused_and_nothing_is_added(run, tiny_encoder, tmp_path):
    for number in (1, 2):
        index(run, photos(run), f"--part={number}/2", to=f"{number}")
    shutil.copytree(run / "1", run / "copy")
    one, two, copy = (f"--merge={run / name}" for name in ("1", "2", "copy"))
    with pytest.raises(UserError, match="both have photos/.*png; merge parts that do not overlap"):
        index(run, two, one, copy)
    with pytest.raises(UserError, match="no index yet"):
        index(run, one, f"--merge={run / 'none'}")
    other = tmp_path / "photos2"
    shutil.copytree(tmp_path / "photos", other)
    index(run, f"--images={other}", "--collection=photos", "--part=2/2", to="elsewhere")
    with pytest.raises(UserError, match="have different collections photos, of .* and .*photos2"):
        index(run, one, f"--merge={run / 'elsewhere'}")
    assert not (run / "index" / "codes.sqlite").exists() or not stored(run)
    index(run, one)
    name = next(n for i in range(PICTURES) if Part(1, 2).has(n := f"{i}.png"))
    small.picture(99).save(tmp_path / "photos" / name)
    index(run, photos(run), "--part=1/2", to="1")
    with pytest.raises(UserError, match=f"the index has another photos/{name}; forget one"):
        index(run, one)
    small.checkpoint(run, tiny_encoder, step=4)
    with pytest.raises(UserError, match=r"holds codes of model unnamed-12@3-\w+, this encoder"):
        index(run, one, to="new")
    with pytest.raises(UserError, match="not allowed with argument --images"):
        index(run, photos(run), one)
    for flag in ("--part=1/2", "--prune", "--exclude=a", "--collection=b", "--force", "--features"):
        with pytest.raises(UserError, match=rf"^{flag.partition('=')[0]} is for --images; --merge"):
            index(run, one, flag)


def test_a_job_array_makes_folders_or_fills_a_cluster(tmp_path):
    script = [str(ROOT / "launch" / "index.sbatch"), "--images=/photos"]
    fake = tmp_path / "python"
    fake.write_text(f"#!{sys.executable}\nimport sys\nprint(' '.join(sys.argv[1:]))\n")
    fake.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_COUNT": "64",
    }
    for index, expected in (("/parts", "/parts/3"), ("milvus://h:1/c", "milvus://h:1/c")):
        done = subprocess.run(
            ["bash", *script, f"--index={index}"], env=environment, capture_output=True, text=True
        )
        arguments = f"index --images=/photos --index={expected} --part=3/64"
        assert done.stdout.strip() == f"-u -m jaxhash.search {arguments}"
