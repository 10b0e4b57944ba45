"""Keeps compiled programs in the user's cache: a command compiles once, not at each start."""

import hashlib
import os
import platform
from pathlib import Path

VARIABLE = "JAX_COMPILATION_CACHE_DIR"  # read by JAX when it is imported; empty: nothing is kept
CPUINFO = Path("/proc/cpuinfo")


def keep() -> None:
    """Lets JAX keep what takes it longer than a second to compile; to be called before its import.

    The folder is ~/.cache/jaxhash/compiled, unless JAX_COMPILATION_CACHE_DIR names another. It may
    be deleted at any time. Each kind of processor has a folder of its own there: a program that was
    compiled for one may not run on another that shares the home folder. Where nothing can be
    written, nothing is kept.
    """
    if VARIABLE in os.environ:
        return
    try:
        folder = Path.home() / ".cache" / "jaxhash" / "compiled" / _processor()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return
    if os.access(folder, os.W_OK):
        os.environ[VARIABLE] = str(folder)


def _processor() -> str:
    """Names the kind of this machine's processor, by all that it can do."""
    lines = {platform.machine(), platform.processor()}
    if CPUINFO.exists():
        kinds = ("model name", "flags", "Features")
        text = CPUINFO.read_text(errors="replace")
        lines |= {line for line in text.splitlines() if line.startswith(kinds)}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]
