"""`import jaxhash`: what it offers, and the examples of docs/library.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxhash

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", jaxhash.__all__)
def test_every_name_resolves_and_is_documented(name):
    assert getattr(jaxhash, name).__doc__
    assert name in dir(jaxhash)
    assert f"`{name}`" in (ROOT / "docs/library.md").read_text()


def test_a_mistyped_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'loses'"):
        _ = jaxhash.loses


def test_import_needs_no_jax():
    code = "import jaxhash, sys; print({'jax', 'flax', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("program", ["main", "search", "export"])
def test_help_needs_no_jax(program):
    code = (
        "import sys, runpy, importlib.abc\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'jax': raise ImportError('no jax here')\n"
        "sys.meta_path.insert(0, Missing())\n"
        "sys.argv = ['jaxhash', '--help']\n"
        f"runpy.run_module('jaxhash.{program}', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "--workdir" in done.stdout + done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_loop_of_the_guide_learns(capsys):
    text = (ROOT / "docs/library.md").read_text()
    lines = re.search(r"## A loop of your own.*?```python\n(.*?)```", text, re.DOTALL)[1]
    exec(compile(lines, "library.md", "exec"), {"__name__": "guide"})  # noqa: S102
    before, after = map(float, capsys.readouterr().out.split())
    assert after > 2 * before


@pytest.mark.slow
def test_the_experiment_of_the_guide_learns(capsys, data_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", data_dir)
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs/library.md").read_text()
    lines = re.search(r"## The loop of the papers.*?```python\n(.*?)```", text, re.DOTALL)[1]
    # Eight devices, as tests have, cannot share the quickstart's batch of 100.
    lines = lines.replace("experiment =", "config.devices = 1\nexperiment =")
    exec(compile(lines, "library.md", "exec"), {"__name__": "guide"})  # noqa: S102
    *_, metrics, found = capsys.readouterr().out.splitlines()
    assert "'loss'" in metrics and 0.1 < float(found) < 1
