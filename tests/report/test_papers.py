"""The papers' numbers stand beside runs that measured the same, and nowhere else."""

import re
from pathlib import Path

import pytest

from jaxhash import config as configs
from jaxhash.data import datasets
from jaxhash.report import figures, lengths, page, papers, summary, systems, table
from jaxhash.runs.results import Run
from tests.report import fakes

ROOT = Path(__file__).parents[2]
DIGITS = {"dataset": "digits", "protocol": "digits"}
NUSWIDE = {"dataset": "nuswide", "protocol": "nuswide_21", "map_at": 5000, "map_index_hits": 0.75}
FIGURES = {
    f"{value:.4f}"
    for source in papers.SOURCES
    for values in source.figures.values()
    for value in values.values()
}


def runs(*numbers):
    return [Run(f"run{place}", one, [], {}) for place, one in enumerate(numbers)]


def written(*numbers):
    """All that a report and the tables say."""
    found = runs(*numbers)
    return {
        "page": re.sub(r"<details>.*?</details>", "", page.html(found), flags=re.DOTALL),
        "report.md": page.markdown(found),
        "--seeds": table.over_seeds(numbers),
        "table.md": lengths.markdown(found),
        "table.csv": lengths.csv_text(found),
    }


@pytest.mark.parametrize(
    "where",
    [
        DIGITS,
        {"dataset": "folder", "protocol": "folder"},
        {"protocol": "cifar10_59k"},
        {"map_at": 1000},
        {"bits": 24},
        {"name": "dhida-cbam-small"},
    ],
)
def test_a_run_that_measured_something_else_has_no_landmark(where):
    for name in ("dhida-small", "hrmpa-small", "adh-small", "dah-small"):
        # Of ADH and HRMPA any split of CIFAR-10 may be the paper's, which does not name it.
        if name in ("dhida-small", "dah-small") or "dataset" in where or "map_at" in where:
            numbers = [
                fakes.results(**{"name": name, "bits": 16, "seed": s} | where) for s in (0, 1)
            ]
            for place, text in written(*numbers).items():
                assert not [known for known in FIGURES if known in text], place
                assert "Papers' mAP" not in text, place


def test_a_number_at_k_stands_beside_the_one_that_divides_by_hits():
    numbers = [fakes.results(name="dhida", seed=seed, map=0.5, **NUSWIDE) for seed in (0, 1)]
    for place, text in written(*numbers).items():
        assert "0.8278" in text and "0.75" in text, place
        assert "by hits" in text and "DHIDA, table 3" in text, place
    row = next(line for line in table.over_seeds(numbers).splitlines() if "| dhida" in line)
    assert "| 0.5000 +- 0.0000 at 5000 |" in row or "at 5000 [" in row
    assert "| 0.7500 +- 0.0000 |" in row and row.endswith("| 0.8278 by hits |")
    first = table.markdown({"a": numbers[0]})
    assert "mAP by hits" in first and "| 0.7500 |" in first and table.DIVISION in first
    assert "mAP by hits" not in table.markdown({"a": fakes.results()})


def test_it_is_drawn_in_the_figure_of_the_same_measure():
    numbers = [fakes.results(name="dhida", bits=bits, **NUSWIDE) for bits in (16, 32)]
    found = systems.sort(runs(*numbers, fakes.results(), fakes.results(bits=32)))
    drawn = {figure.caption: figure.drawing for figure in figures.against_bits(found)}
    assert list(drawn)[:2] == ["mAP against bits", "mAP at k by hits, against bits"]
    assert "0.8213" in drawn["mAP against bits"] and "0.8278" not in drawn["mAP against bits"]
    assert "0.8278" in drawn["mAP at k by hits, against bits"]
    assert "0.8213" not in drawn["mAP at k by hits, against bits"]


def test_what_a_paper_does_not_say_is_said():
    found = papers.find({"name": "hrmpa", "dataset": "cifar10", "protocol": "any", "bits": 16})
    assert found.text() == "0.9873 (split not named)"
    numbers = {"name": "hrmpa-small", "bits": 64} | NUSWIDE
    assert papers.find(numbers).text() == "0.9065 by hits (best length, split, k not named)"


@pytest.mark.parametrize("source", papers.SOURCES, ids=lambda source: source.where[:16])
def test_a_source_is_of_a_data_set_a_protocol_and_a_config_that_there_are(source):
    known = datasets.describe(source.dataset).protocols
    assert all(known[protocol].map_at == source.at for protocol in source.protocols)
    assert any(protocol.map_at == source.at for protocol in known.values())
    for name in source.figures:
        config, _, row = name.partition("-")
        path = ROOT / "configs" / f"{config}.py"
        if not path.exists():  # a method that is compared with
            path, row = path.with_name("baselines") / path.name, "paper"
        argument = {"": "", "none": ":attention=none", "paper": ":scale=paper"}.get(
            row, f":row={row.upper()}"
        )
        assert configs.load(f"{path}{argument}").name == name


def test_the_documentation_lists_all_of_them():
    text = (ROOT / "docs" / "measure.md").read_text()
    assert set(re.findall(r"0\.\d{4}", text)) >= FIGURES


def test_a_measurement_of_another_step_is_not_that_of_the_start():
    """Older versions took the first that was logged, which a resumed run may have at any step."""
    late = fakes.results(at_start={"step": 500, "map": 0.4321})
    start = fakes.results(at_start={"step": 0, "map": 0.1234})
    for numbers, value in ((late, "0.4321"), (start, "0.1234")):
        found = summary.every_run(systems.sort(runs(numbers)))
        texts = (table.markdown({"a": numbers}), found.markdown(), page.html(runs(numbers)))
        assert [value in text for text in texts] == [numbers is start] * 3
