"""One line a run: what is in it, and what is left out."""

import csv
import io

from jaxhash.report import lines
from jaxhash.runs.results import Run
from tests.report import fakes


def rows(*runs):
    found = [Run(str(number), run, [], {}) for number, run in enumerate(runs)]
    return [*csv.DictReader(io.StringIO(lines.csv_text(found)))]


def test_measures_and_provenance():
    run = fakes.results(bits=32, seed=3)
    (row,) = rows(run)
    assert (row["name"], row["bits"], row["seed"]) == ("dhida-small", "32", "3")
    assert float(row["map"]) == float(f"{run['map']:.6g}")
    assert float(row["precision_at_100"]) == float(f"{run['precision_at']['100']:.6g}")
    assert row["hardware"] == "1 x cpu (pretended)" and row["code"] == "0.1.0+0123456789ab"
    # Of 300 items there is no precision at 1,000, and no class is unseen.
    assert not {"precision_at_1000", "held_out_map", "map_unseen@all", "optim.lr"} & row.keys()


def test_settings_that_differ_between_half_of_the_runs():
    first, second, third = (fakes.results(name=name) for name in ("dhida", "dah", "itq"))
    second["config"] = second["config"] | {"optim": {"lr": 1e-4}, "loss": {"name": "dah"}}
    second["held_out_map"] = 0.5
    third["config"] = {"name": "itq", "model": {"bits": 16}}
    *found, last = rows(first, second, third)
    assert last["optim.lr"] == last["loss.name"] == ""
    assert [row["optim.lr"] for row in found] == ["0.001", "0.0001"]
    assert [row["loss.name"] for row in found] == ["dhida", "dah"]
    assert [row["held_out_map"] for row in found] == ["", "0.5"]
    assert not {"loss.dhida.gamma", "model.attention.name"} & found[0].keys()


def test_no_runs():
    assert lines.csv_text([]).strip() == ""
