"""The provenance of results: version of the code, hardware, libraries, time."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import jax

PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")
TRACKED = "jaxhash/runs/provenance.py"  # this file, from the top of a checkout


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


def code_version(module: Path = Path(__file__)) -> str:
    """Returns the version of jaxhash and, in a checkout of it, the commit.

    A checkout is a repository that tracks this file as jaxhash/runs/provenance.py. jaxhash may also
    be installed in an environment that lies inside some other repository, whose commit says nothing
    of jaxhash.

    Args:
      module: this file, wherever it was imported from.

    Returns:
      as 0.1.0+0123456789ab, ending in -dirty where tracked files have changed or jaxhash/ holds
      files that are in no commit; the version alone outside a checkout or without git.
    """
    version = importlib.metadata.version("jaxhash")
    try:
        if _git(module, "ls-files", "--full-name", "--error-unmatch", module.name) != TRACKED:
            return version
        commit = _git(module, "describe", "--always", "--dirty", "--abbrev=12")
        # Files that git does not know yet, such as a new loss, are not seen by `describe`.
        unknown = _git(module, "ls-files", "--others", "--exclude-standard", ":/jaxhash")
    except (OSError, subprocess.CalledProcessError):
        return version
    dirty = "-dirty" if unknown and not commit.endswith("-dirty") else ""
    return f"{version}+{commit}{dirty}"


def _git(module: Path, *arguments: str) -> str:
    """Asks git about the repository around a file, and not the one that GIT_DIR may name."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments],
        cwd=module.parent,
        env=here,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


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
