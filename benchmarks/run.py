"""Every comparison that this machine can make, in one table.

  pip install -e '.[bench]'
  python benchmarks/run.py                       prints the table, and writes benchmarks/table.json
  python benchmarks/run.py --against=old.json    says which ratio has fallen by more than a tenth

Ratios are of two sides that were measured in one run, above 1 where jaxhash is faster. Nothing
else should run meanwhile. A comparison whose packages are not installed is named and left out.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COMPARISONS = ("networks", "evaluation", "start")
WORSE = 0.9  # of the ratio before


def compare(name: str) -> list[dict]:
    """Runs a script beside this one, and returns its rows; none where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        command = [sys.executable, str(HERE / f"{name}.py"), f"--json={path}"]
        done = subprocess.run(command, cwd=HERE.parent, check=False)
        if done.returncode or not path.exists():
            print(f"{name}.py: not measured", file=sys.stderr)
            return []
        return json.loads(path.read_text())["rows"]


def table(rows: list[dict]) -> str:
    """Writes rows as Markdown."""
    lines = ["| what | | jaxhash | other | ratio |", "|---|---|---|---|---|"]
    for row in rows:
        ours, theirs = (f"{row[side]:.3g} {row['unit']}" for side in ("ours", "theirs"))
        other = f"{theirs}, {row['other']}"
        lines.append(f"| {row['work']} | {row['kind']} | {ours} | {other} | {row['ratio']:.2f} |")
    return "\n".join(lines)


def fallen(rows: list[dict], before: list[dict]) -> list[str]:
    """Names the comparisons whose ratio is less than nine tenths of what it was."""
    keys = ("work", "kind", "other")
    then = {tuple(row[key] for key in keys): row["ratio"] for row in before}
    found = []
    for row in rows:
        old = then.get(tuple(row[key] for key in keys))
        if old and row["ratio"] < WORSE * old:
            found.append(f"{row['work']}, {row['kind']}: ratio {row['ratio']:.2f}, was {old:.2f}")
    return found


def main() -> int:
    """Measures, prints the table, and returns 1 where a ratio has fallen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=COMPARISONS, help="one comparison")
    parser.add_argument("--against", type=Path, metavar="PATH", help="an earlier table.json")
    parser.add_argument("--out", type=Path, default=HERE / "table.json", metavar="PATH")
    options = parser.parse_args()
    before = json.loads(options.against.read_text())["rows"] if options.against else []
    names = [options.only] if options.only else COMPARISONS
    rows = [row for name in names for row in compare(name)]
    hardware = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    about = {"date": datetime.date.today().isoformat(), "hardware": hardware}
    options.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    print(f"\n{table(rows)}\n\n{about['date']}, {hardware}")
    worse = fallen(rows, before)
    print(*worse, sep="\n", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
