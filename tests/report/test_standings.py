"""Tables of many methods, from files that are written here."""

import sys

import numpy as np
import pytest
from PIL import Image

from jaxhash.errors import UserError
from jaxhash.report import lines, papers, standings
from jaxhash.runs.results import Run
from tests.report import fakes


@pytest.fixture
def file(tmp_path):
    """Writes a CSV of made-up runs, as a grid does, and returns its path."""

    def write(*runs):
        path = tmp_path / "runs.csv"
        path.write_text(lines.csv_text([Run(str(n), run, [], {}) for n, run in enumerate(runs)]))
        return path

    return write


HEAD = "name,dataset,protocol,bits,seed,map\n"


def run(name, seed=0, bits=16, **measures):
    return fakes.results(name, bits, seed, **measures)


def test_means_over_seeds_best_first(file):
    runs = [run("a", 0, map=0.25), run("a", 1, map=0.5), run("b", 0, map=0.75)]
    rows = standings.read(file(*runs, run("b", 0, bits=32, map=0.25)))
    assert [(each.name, each.mean) for each in standings.standings(rows)] == [
        ("b", 0.5),
        ("a", 0.375),
    ]
    *_, best, other = standings.markdown(rows).splitlines()
    assert best == "| b | **0.7500** | **0.2500** |"
    assert other == "| a | 0.3750 +- 0.1768 |  |"
    # One length alone says nothing of the others, whatever its value.
    rows = standings.read(file(*runs, run("b", 0, bits=32, map=0.25), run("c", bits=32, map=1.0)))
    assert [each.name for each in standings.standings(rows)] == ["b", "c", "a"]


def test_every_measure_has_a_table(file):
    text = standings.report(standings.read(file(run("a"), run("a", bits=32))))
    assert "mAP:" in text and "P@H<=2:" in text and "P@1000:" not in text
    assert "trained on" not in text


def test_measures_of_one_length_stand_side_by_side(file):
    runs = [
        run("a", 0, map=0.25, precision_at={"1000": 0.5}),
        run("a", 1, map=0.75, precision_at={"1000": 0.5}),
        run("b", 0, map=0.25, precision_at_radius_2=0.875),
    ]
    *_, a, b = standings.report(standings.read(file(*runs))).splitlines()
    assert a.startswith("| a | **0.5000 +- 0.3536** | **0.5000 +- 0.0000** | ")
    assert b == "| b | 0.2500 |  | **0.8750** |"


def test_classes_that_were_not_trained_on_beside_exact_search(file):
    def kinds(start, *values):
        return {f"{start}_{kind}": x for kind, x in zip(standings.KINDS, values, strict=True)}

    a = run(
        "a", **kinds("map", 0.5, 0.5, 0.5, 0.125), **kinds("cosine_map", 0.25, 0.25, 0.25, 0.25)
    )
    rows = standings.read(file(a, run("b", **kinds("map", 0.75, 0.5, 0.5, 0.5))))
    text = standings.report(rows)
    assert standings.by_kind(rows) in text
    assert standings.by_kind(rows).splitlines() == [
        "| method | bits | seen@seen | seen@all | unseen@unseen | unseen@all |",
        "|---|---|---|---|---|---|",
        "| b | 16 | **0.7500** | **0.5000** | **0.5000** | **0.5000** |",
        "| exact search by cosine |  | 0.2500 | 0.2500 | 0.2500 | 0.2500 |",
        "| a | 16 | 0.5000 | **0.5000** | **0.5000** | 0.1250 |",
    ]


def test_agreement_with_a_paper(file):
    (figures,) = [source.figures for source in papers.SOURCES if "dsh" in source.figures]
    names = [name for name in figures if name != "dhida"]
    values = {name: figures[name][16] for name in names}
    same = [run(f"{name}-frozen", map=value) for name, value in values.items()]
    (found,) = standings.correlations(standings.read(file(*same)))
    assert (found.bits, found.methods) == (16, len(names))
    assert (found.rho, found.tau) == pytest.approx((1, 1))
    turned = [run(f"{name}-frozen", map=1 - value) for name, value in values.items()]
    (found,) = standings.correlations(standings.read(file(*turned)))
    assert (found.rho, found.tau) == pytest.approx((-1, -1))
    assert standings.correlations(standings.read(file(*same[:2]))) == []


def test_a_protocol_of_the_first_k_is_named_so_and_compared_with_no_other(file):
    (figures,) = [source.figures for source in papers.SOURCES if "dsh" in source.figures]
    runs = [run(name, map=figures[name][16]) for name in ("dsh", "dhn", "lcdsh")]
    rows = standings.read(file(*runs))
    assert "| mAP | " in standings.report(rows) and standings.correlations(rows)
    rows = standings.read(file(*(each | {"map_at": 1000} for each in runs)))
    assert "| mAP@1000 | " in standings.report(rows) and not standings.correlations(rows)
    assert standings.title(rows, "map_seen@all") == "mAP@1000, seen@all"
    assert standings.title(rows, "precision_at_1000") == "P@1000"


def test_tau_by_counting_pairs(file):
    values = {"dsh": 0.5, "dhn": 0.4, "lcdsh": 0.3, "hashnet": 0.6}
    rows = standings.read(file(*(run(name, map=value) for name, value in values.items())))
    (found,) = standings.correlations(rows)
    (figures,) = [source.figures for source in papers.SOURCES if "dsh" in source.figures]
    ours, theirs = np.array([(value, figures[name][16]) for name, value in values.items()]).T
    pairs = [(i, j) for i in range(4) for j in range(i)]
    agreed = [np.sign((ours[i] - ours[j]) * (theirs[i] - theirs[j])) for i, j in pairs]
    assert found.tau == pytest.approx(np.mean(agreed))


def test_the_picture_has_a_line_for_each_method(file, tmp_path):
    sizes = []
    for count in (2, 40):
        runs = [run(f"m{n}", bits=bits, map=n / 50) for n in range(count) for bits in (16, 32)]
        standings.draw(tmp_path / "a.png", standings.read(file(*runs)))
        with Image.open(tmp_path / "a.png") as image:
            sizes.append(image.height)
    assert sizes[1] > 4 * sizes[0]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.write_text("a,b\n1,2\n"), "no runs; expected runs.csv"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "cannot be read"),
        (lambda path: path.write_text(""), "no runs"),
        (lambda path: path.write_text(HEAD + "a,d,p,x,0,.5\n"), "line 2: damaged"),
        (lambda path: path.write_text(HEAD + "a,d,p,16,0,.5\na,d,p,16,1,much\n"), "line 3"),
        (lambda path: path.write_text(HEAD + "a,d,p,16,0,nan\n"), "line 2: damaged"),
        (lambda path: path.write_text(HEAD + "a,d\n"), "line 2: damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, write, said):
    path = tmp_path / "other.csv"
    write(path)
    with pytest.raises(UserError, match=said) as error:
        standings.read(path)
    assert "\n" not in str(error.value)


def test_runs_that_cannot_stand_in_one_table(file):
    with pytest.raises(UserError, match="a twice with 16 bits and seed 0"):
        standings.read(file(run("a"), run("a")))
    with pytest.raises(UserError, match="several protocols"):
        standings.read(file(run("a"), run("a", protocol="cifar10_59k")))


def test_a_picture_that_cannot_be_written_is_one_line(file, tmp_path, monkeypatch, capsys):
    arguments = ["standings", str(file(run("a"))), f"--picture={tmp_path / 'no' / 'a.png'}"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(UserError, match="a.png: cannot be written"):
        standings.main()
