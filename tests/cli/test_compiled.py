"""Compiled programs are kept between commands."""

import os
import subprocess
import sys
import zlib

import pytest

from jaxhash.cli import compiled

COMMAND = """
from jaxhash.cli import command_line

def main():
    import jax
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    print(jax.config.jax_compilation_cache_dir)
    jax.jit(lambda x: x * 2 + 1)(1.0)

command_line.run(main)
"""


def run(home, **environment):
    """Starts a command that compiles something; returns the folder that JAX uses."""
    kept = {name: value for name, value in os.environ.items() if name != compiled.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMMAND],
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_a_second_command_adds_nothing(tmp_path):
    folder, _ = run(tmp_path)
    assert folder.startswith(str(tmp_path / ".cache" / "jaxhash" / "compiled"))
    before = {path for path in tmp_path.rglob("*-cache")}
    assert before
    assert run(tmp_path)[0] == folder
    assert {path for path in tmp_path.rglob("*-cache")} == before


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_program_that_a_full_disk_cut_off_is_compiled_anew(tmp_path, size):
    """JAX would warn of it, here an error, at every start."""
    run(tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*-cache")}
    for path, program in kept.items():
        path.write_bytes(program[:size])
    run(tmp_path)
    whole = {path: zlib.decompress(program) for path, program in kept.items()}
    assert {path: zlib.decompress(path.read_bytes()) for path in tmp_path.rglob("*-cache")} == whole


def test_only_programs_that_were_not_looked_at_yet_are_read(tmp_path):
    old, new = tmp_path / "old-cache", tmp_path / "new-cache"
    old.write_bytes(zlib.compress(b"program"))
    os.utime(old, (1, 1))
    compiled._delete_damaged(tmp_path)
    old.write_bytes(b"damaged")
    new.write_bytes(b"damaged")
    os.utime(old, (1, 1))
    compiled._delete_damaged(tmp_path)
    assert old.exists() and not new.exists()


def test_one_that_cannot_be_read_keeps_no_other_from_being_deleted(tmp_path):
    damaged = [tmp_path / f"{name}-cache" for name in "abc"]
    for path in damaged:
        path.write_bytes(b"damaged")
    damaged[1].unlink()
    damaged[1].mkdir()  # not even root reads this
    compiled._delete_damaged(tmp_path)
    assert sorted(tmp_path.glob("*-cache")) == [damaged[1]] and (tmp_path / "checked").exists()


def test_programs_compressed_by_zstandard_stay(tmp_path):
    program = tmp_path / "a-cache"
    program.write_bytes(compiled.ZSTD + b"something")
    compiled._delete_damaged(tmp_path)
    assert program.exists()


@pytest.mark.parametrize("chosen", ["", "mine"])
def test_the_users_own_choice_counts(tmp_path, chosen):
    folder = str(tmp_path / chosen) if chosen else ""
    assert run(tmp_path, **{compiled.VARIABLE: folder})[0] in (folder, "None")
    assert not (tmp_path / ".cache").exists()


def test_without_a_place_nothing_is_kept(tmp_path):
    (tmp_path / ".cache").write_text("a file")
    assert run(tmp_path) == ("None", "")


def test_each_kind_of_processor_has_its_own(tmp_path, monkeypatch):
    names = set()
    for flags in ("sse2", "sse2 avx512f"):
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor\t: 0\nmodel name\t: A\nflags\t\t: {flags}\ncpu MHz\t: 17\n")
        monkeypatch.setattr(compiled, "CPUINFO", info)
        names.add(compiled._processor())
    monkeypatch.setattr(compiled, "CPUINFO", tmp_path / "none")
    assert len({*names, compiled._processor()}) == 3
