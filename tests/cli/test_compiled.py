"""Compiled programs are kept between commands."""

import os
import subprocess
import sys

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
