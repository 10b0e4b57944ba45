"""Seconds from a command to its end, with and without what the compile cache keeps.

  python benchmarks/start.py
  python benchmarks/start.py --json=start.json

`--help`, five optimizer steps, and the whole of `configs/quickstart.py`: first with an empty folder
of compiled programs, then again with what the first left in it. Each is a process of its own, in an
empty workdir.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUICKSTART = "--config=configs/quickstart.py"
COMMANDS = {
    "--help": ["--help"],
    "five steps": [QUICKSTART, "--config.train.total_steps=5", "--config.eval.at_start=False"],
    "quickstart": [QUICKSTART],
}


def seconds(arguments: list[str], cache: str) -> float:
    """Runs jaxhash.main with a compile cache, and returns how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = [] if "--help" in arguments else [f"--workdir={folder}/run"]
        before = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "jaxhash.main", *arguments, *workdir],
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": cache},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - before


def main() -> None:
    """Prints a line for each command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="PATH", help="where to write the numbers too")
    path = parser.parse_args().json
    rows = []
    for name, arguments in COMMANDS.items():
        with tempfile.TemporaryDirectory() as cache:
            first, again = seconds(arguments, cache), seconds(arguments, cache)
        print(f"{name}: {first:.1f} s, again {again:.1f} s", flush=True)
        row = {"work": f"jaxhash.main, {name}", "kind": "compiled programs kept", "unit": "s"}
        row |= {"other": "none kept", "ours": again, "theirs": first, "ratio": first / again}
        rows.append(row)
    if path:
        Path(path).write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
