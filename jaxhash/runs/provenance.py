"""The provenance of results: version of the code, hardware, libraries, time."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import jax

PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")


def collect(device_count: int) -> dict:
    """Describes code, hardware and libraries of a run, for `results.json`.

    >>> sorted(collect(1))
    ['code', 'date', 'hardware', 'packages', 'python']
    """
    device = jax.local_devices()[0]
    return {
        "code": code_version(),
        "hardware": f"{device_count} x {device.platform} ({_device_name(device)})",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def code_version() -> str:
    """Returns the version of jaxhash and, in a checkout, its commit, `-dirty` if changed."""
    version = importlib.metadata.version("jaxhash")
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}+{commit}"


def _device_name(device: jax.Device) -> str:
    if device.platform != "cpu":
        return device.device_kind
    return f"{_cpu_name()}, {len(os.sched_getaffinity(0))} cores" if _linux() else _cpu_name()


def _cpu_name() -> str:
    if _linux():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _linux() -> bool:
    return platform.system() == "Linux"
