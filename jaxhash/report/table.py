"""Numbers of runs as tables: on the terminal, and in Markdown for `results/`.

python -m jaxhash.report.table results/*.json
"""

import json
import sys
from pathlib import Path

ROWS = (
    ("mAP, ties averaged", "map"),
    ("mAP, ties by index", "map_index"),
    ("precision at radius 2", "precision_at_radius_2"),
)


def compare(columns: dict[str, dict]) -> str:
    """Lays the main numbers of several evaluations side by side.

    Args:
      columns: title to what `jaxhash.evaluate.evaluate` returned; the last one whole.

    >>> numbers = {"map": 0.5, "map_index": 0.25, "precision_at_radius_2": 0.0, "map_at": None}
    >>> print(compare({"trained": numbers}))
                               trained
    mAP, ties averaged          0.5000
    mAP, ties by index          0.2500
    precision at radius 2       0.0000
    """
    lines = [f"{'':24}" + "".join(f"{title:>10}" for title in columns)]
    for title, name in ROWS:
        values = "".join(f"{column[name]:>10.4f}" for column in columns.values())
        lines.append(f"{title:24}{values}")
    at = list(columns.values())[-1]["map_at"]
    if at is not None:
        lines.append(f"mAP is over the first {at} items, divided by min({at}, relevant items)")
    return "\n".join(lines)


def markdown(runs: dict[str, dict]) -> str:
    """Lays out runs as a Markdown table with their provenance.

    Args:
      runs: name to what a `results.json` holds.

    >>> print(markdown({}))
    | run | protocol | bits | seed | weights | mAP | untrained | mAP by index | P@H<=2 | code, hardware |
    |---|---|---|---|---|---|---|---|---|---|
    """  # noqa: E501
    titles = ("run", "protocol", "bits", "seed", "weights", "mAP", "untrained", "mAP by index")
    titles += ("P@H<=2", "code, hardware")
    lines = [titles, ("---",) * len(titles)]
    for name, run in runs.items():
        where = run["provenance"]
        lines.append(
            (
                name,
                run["protocol"],
                str(run["bits"]),
                str(run["seed"]),
                run["weights"],
                f"{run['map']:.4f}",
                f"{run['at_start']['map']:.4f}" if run["at_start"] else "",
                f"{run['map_index']:.4f}",
                f"{run['precision_at_radius_2']:.4f}",
                f"{where['code']}, {where['hardware']}",
            )
        )
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([rows[0], rows[1].replace(" ", ""), *rows[2:]])


if __name__ == "__main__":
    print(markdown({Path(path).stem: json.loads(Path(path).read_text()) for path in sys.argv[1:]}))
