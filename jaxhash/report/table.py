"""Numbers of a run as a table on the terminal."""

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
