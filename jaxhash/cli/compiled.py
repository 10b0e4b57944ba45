"""Keeps compiled programs in the user's cache: a command compiles once, not at each start."""

import contextlib
import hashlib
import os
import platform
import time
import zlib
from pathlib import Path

VARIABLE = "JAX_COMPILATION_CACHE_DIR"  # read by JAX when it is imported; empty: nothing is kept
CPUINFO = Path("/proc/cpuinfo")
CHECKED = "checked"  # file whose time is that of the last look for damaged programs
ZSTD = b"\x28\xb5\x2f\xfd"  # first bytes of what JAX compressed where zstandard is installed


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
        _delete_damaged(folder)
        os.environ[VARIABLE] = str(folder)


def _delete_damaged(folder: Path) -> None:
    """Deletes programs that a full disk or a killed process left incomplete.

    JAX itself never replaces them, and warns of them at every start. Only what was written since
    the last look is read. Programs compressed by zstandard, which the standard library does not
    read, count as damaged only where they are empty.
    """
    mark, now = folder / CHECKED, time.time_ns()
    since = mark.stat().st_mtime_ns if mark.exists() else 0
    for path in folder.glob("*-cache"):
        with contextlib.suppress(OSError):  # another process deleted it, or it may not be read
            if path.stat().st_mtime_ns >= since and not _is_whole(path.read_bytes()):
                path.unlink()
    with contextlib.suppress(OSError):  # a full disk
        mark.touch()
        os.utime(mark, ns=(now, now))


def _is_whole(program: bytes) -> bool:
    if program.startswith(ZSTD):
        return True
    try:
        zlib.decompress(program)
    except zlib.error:
        return False
    return True


def _processor() -> str:
    """Names the kind of this machine's processor, by all that it can do."""
    lines = {platform.machine(), platform.processor()}
    if CPUINFO.exists():
        kinds = ("model name", "flags", "Features")
        text = CPUINFO.read_text(errors="replace")
        lines |= {line for line in text.splitlines() if line.startswith(kinds)}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]
