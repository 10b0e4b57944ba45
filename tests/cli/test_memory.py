"""What a step frees is there for the next step, without a page fault."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

from jaxhash.cli import memory

FAULTS = """
import resource
import statistics
import sys
from jaxhash.cli import memory

if sys.argv[1] == "kept":
    memory.keep()
import jax
import jax.numpy as jnp

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

x = jnp.ones(1 << 24)
of_steps = []
for _ in range(30):
    before = faults()
    jax.block_until_ready(x + 1)
    of_steps.append(faults() - before)
print(statistics.median_low(of_steps[15:]))
"""
PAGES = (1 << 24) * 4 // 4096  # of a sum


@pytest.fixture
def asked(monkeypatch):
    """The options that the C library was given."""
    options = []

    class Library:
        def mallopt(self, option, value):
            options.append((option, value))

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library())
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    return options


def faults(*, kept):
    """Returns how many pages a step waited for."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS, "kept" if kept else "freed"]
    environment = {**clean, "JAX_PLATFORMS": "cpu"}
    return int(subprocess.run(command, env=environment, check=True, stdout=-1, text=True).stdout)


@pytest.mark.skipif(
    not hasattr(memory.ctypes.CDLL(None), "mallopt"), reason="this C library has no such settings"
)
def test_a_step_waits_for_no_page_that_the_step_before_freed():
    assert faults(kept=True) < PAGES / 10
    assert faults(kept=False) > PAGES / 10


def test_memory_is_kept_where_the_processor_computes(asked):
    memory.keep()
    assert dict(asked) == {-8: 1, -4: 0, -1: -1}


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_users_own_settings_count(asked, monkeypatch, name):
    monkeypatch.setenv(name, "2")
    memory.keep()
    assert not asked


@pytest.mark.parametrize("platforms", ["cuda", "cuda,cpu", "tpu"])
def test_with_an_accelerator_nothing_is_changed(asked, monkeypatch, platforms):
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    memory.keep()
    assert not asked


def test_an_installed_plugin_is_an_accelerator(asked, monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS")
    plugin = importlib.metadata.EntryPoint("cuda12", "jax_cuda12_plugin", "jax_plugins")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [plugin])
    memory.keep()
    assert not asked
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    memory.keep()
    assert asked


def test_another_c_library_is_left_alone(asked, monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.keep()
    assert not asked
