"""A processor of two cores is two devices, unless its user says otherwise."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

from jaxhash.cli import cpu_devices

SEEN = """
import os
from jaxhash.cli import cpu_devices
cpu_devices.share(os.environ, cores=[0, 1])
import jax
print(jax.local_device_count())
"""


@pytest.mark.parametrize(("cores", "count"), [(1, "1"), (2, "2"), (64, "2")])
def test_a_device_for_each_core_up_to_two(cores, count):
    flag = "--xla_cpu_enable_fast_math=false"
    environment = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flag}
    cpu_devices.share(environment, range(cores))
    assert environment.pop(cpu_devices.VARIABLE) == count
    assert environment["XLA_FLAGS"].split()[0] == flag


@pytest.mark.parametrize(
    "chosen",
    [{"JAX_NUM_CPU_DEVICES": "1"}, {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}],
)
def test_the_users_own_number_counts(chosen):
    environment = {"JAX_PLATFORMS": "cpu", **chosen}
    cpu_devices.share(environment, range(4))
    assert environment == {"JAX_PLATFORMS": "cpu", **chosen}


@pytest.mark.parametrize("platforms", ["cuda", "cuda,cpu", "tpu"])
def test_with_an_accelerator_nothing_is_changed(platforms):
    environment = {"JAX_PLATFORMS": platforms}
    cpu_devices.share(environment, range(4))
    assert environment == {"JAX_PLATFORMS": platforms}


def test_only_the_cores_of_the_process_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    environment = {"JAX_PLATFORMS": "cpu"}
    cpu_devices.share(environment)
    assert environment == {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    environment = {"JAX_PLATFORMS": "cpu"}
    cpu_devices.share(environment)
    assert environment["JAX_NUM_CPU_DEVICES"] == "2"


@pytest.mark.parametrize(("version", "flagged"), [("0.10.2", True), ("0.11.0", False)])
def test_a_device_that_waits_long_ends_nothing(monkeypatch, version, flagged):
    """But no flag is given to a version that may not know it."""
    monkeypatch.setattr(importlib.metadata, "version", lambda package: version)
    environment = {"JAX_PLATFORMS": "cpu"}
    cpu_devices.share(environment, range(2))
    assert (cpu_devices.PATIENCE in environment.get("XLA_FLAGS", "")) == flagged
    before = dict(environment)
    cpu_devices.share(environment, range(2))
    assert environment == before


def test_jax_sees_them():
    own = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", cpu_devices.VARIABLE)}
    command = [sys.executable, "-c", SEEN]
    environment = {**own, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=environment, check=True, stdout=-1, text=True)
    assert done.stdout.split() == ["2"]
