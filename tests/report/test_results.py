"""Published numbers: what the tables say is what the JSON files hold."""

import csv
import json
from pathlib import Path

import pytest

from jaxhash import config as configs
from jaxhash.data import datasets
from jaxhash.report import lengths, standings, table
from jaxhash.runs import results

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "results").glob("*.json"))
DIGITS = ROOT / "results" / "digits"
GRID = sorted(DIGITS.glob("*.json"))
METHODS = ROOT / "results" / "methods"


def test_the_tables_are_those_of_the_files():
    found = {path.stem: json.loads(path.read_text()) for path in FILES}
    assert found
    seeds = table.over_seeds(found.values())
    page = (ROOT / "results" / "README.md").read_text()
    assert seeds in page
    assert table.markdown(found) in page
    titles, _, *rows = seeds.splitlines()
    readme = (ROOT / "README.md").read_text().splitlines()
    shown = readme[readme.index(titles) + 2 :]
    shown = shown[: shown.index("")]
    assert shown and set(shown) <= set(rows), "README.md prints a row that results/ does not have"


def test_the_tables_of_the_digits_are_those_of_their_files():
    found = results.read(GRID)
    assert lengths.markdown(found) == (DIGITS / "table.md").read_text()
    assert lengths.csv_text(found) == (DIGITS / "table.csv").read_text()
    (table,) = lengths.tables(found)
    assert table.markdown() in (ROOT / "results" / "README.md").read_text()


@pytest.mark.parametrize("path", [*FILES, *GRID], ids=lambda path: path.stem)
def test_every_number_carries_where_it_comes_from(path):
    run = json.loads(path.read_text())
    for name in ("protocol", "split_checksum", "seed", "weights", "bits", "config"):
        assert run[name] is not None
    assert "+" in run["provenance"]["code"] and "dirty" not in run["provenance"]["code"]
    datasets.protocol(run["dataset"], run["protocol"])


def test_the_tables_of_the_methods_are_those_of_their_runs():
    page = (ROOT / "docs" / "results.md").read_text()
    assert standings.report(standings.read(METHODS / "runs.csv")) in page
    assert standings.by_kind(standings.read(METHODS / "unseen.csv")) in page


@pytest.mark.parametrize("name", ["runs", "search", "unseen"])
def test_every_line_carries_where_it_comes_from(name):
    with (METHODS / f"{name}.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    for row in rows:
        for column in ("protocol", "split_checksum", "seed", "weights", "bits", "hardware", "date"):
            assert row[column]
        assert "+" in row["code"] and "dirty" not in row["code"]
        datasets.protocol(row["dataset"], row["protocol"])


def test_settings_of_a_method_are_the_best_of_their_search_on_held_out_images():
    with (METHODS / "search.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    names = dict.fromkeys(row["name"] for row in rows)
    assert len(names) > 30
    for name in names:
        own = [row for row in rows if row["name"] == name]
        best = max(own, key=lambda row: float(row["held_out_map"]))
        config = configs.load(f"configs/baselines/{name.removesuffix('-frozen')}.py")
        assert len(own) == 4
        assert config.optim.lr == float(best["optim.lr"])
        assert str(config.model.hash_norm) == best["model.hash_norm"]
