"""Published numbers: what the tables say is what the JSON files hold."""

import json
from pathlib import Path

import pytest

from jaxhash.data import datasets
from jaxhash.report import lengths, table
from jaxhash.runs import results

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "results").glob("*.json"))
DIGITS = ROOT / "results" / "digits"
GRID = sorted(DIGITS.glob("*.json"))


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
