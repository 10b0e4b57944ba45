"""Published numbers: what the tables say is what the JSON files hold."""

import json
from pathlib import Path

import pytest

from jaxhash.data import sources
from jaxhash.report import table

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "results").glob("*.json"))


def test_the_tables_are_those_of_the_files():
    runs = {path.stem: json.loads(path.read_text()) for path in FILES}
    assert runs
    seeds = table.over_seeds(runs.values())
    for page in (ROOT / "results" / "README.md", ROOT / "README.md"):
        assert seeds in page.read_text(), f"{page} is not up to date"
    assert table.markdown(runs) in (ROOT / "results" / "README.md").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_carries_where_it_comes_from(path):
    run = json.loads(path.read_text())
    for name in ("protocol", "split_checksum", "seed", "weights", "bits", "config"):
        assert run[name] is not None
    assert "+" in run["provenance"]["code"] and "dirty" not in run["provenance"]["code"]
    sources.protocol(run["dataset"], run["protocol"])
