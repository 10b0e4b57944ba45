"""The report's command: what it writes, what it leaves alone, what it says of bad input."""

import base64
import csv
import hashlib
import io
import json
import os
import re
import sys
from html.parser import HTMLParser

import pytest

from jaxhash.errors import UserError
from jaxhash.report import __main__ as command
from jaxhash.report import grids, page, seeds, sizes, summary, systems, table
from jaxhash.runs import results
from tests import plugins
from tests.report import fakes

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|](http://x)`\n${{ 7 * 7 }}"


def read(tmp_path, *numbers):
    paths = []
    for place, one in enumerate(numbers):
        paths.append(tmp_path / f"run{place}.json")
        paths[-1].write_text(json.dumps(one))
    return results.read(paths)


class Outline(HTMLParser):
    """Collects what a page holds, and checks that every element is closed."""

    EMPTY = frozenset({"meta", "link", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title", "script"):
            self.text += data


def test_one_command_writes_page_and_table(tmp_path, monkeypatch, capsys):
    fakes.workdir(tmp_path / "runs" / "a", fakes.results(map_interval=[0.31, 0.35]))
    fakes.workdir(tmp_path / "runs" / "b", fakes.results(seed=1))
    monkeypatch.chdir(tmp_path)
    command.main(["runs/a", "runs/b/results.json"])
    assert "report.html" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.csv",
        "report.html",
        "report.md",
        "runs",
    ]
    outline = Outline((tmp_path / "report.html").read_text())
    markdown = (tmp_path / "report.md").read_text()
    for text in (outline.text, markdown):
        assert "[0.3100, 0.3500]" in text  # the interval
        assert "±" in text and "0.8213" in text  # over seeds, and the paper's
        assert "its paper's mAP, at its own scale" in text
        assert "Papers' mAP: DHIDA, table 3, protocol of section 4.1." in text
    for said in ("0123456789ab", "1 x cpu (pretended)", "jax 0.10.2", '"lr": 0.001', f"{1:016x}"):
        assert said in outline.text
    for figure in ("Precision and recall, 16 bits", "P@N, 16 bits", "Bit balance"):
        assert figure in outline.text
    assert "Loss while training: dhida" in outline.text and "mAP while training" in outline.text
    assert outline.tags.count("img") == 4
    assert all(value for tag, name, value in outline.attributes if (tag, name) == ("img", "alt"))
    assert {value for _, name, value in outline.attributes if name == "scope"} == {"row", "col"}


def test_the_page_needs_nothing_else(tmp_path):
    fakes.workdir(tmp_path / "a", fakes.results())
    text = page.html(results.read([tmp_path / "a"]))
    outline = Outline(text)
    assert outline.tags.count("script") == 1 and "iframe" not in outline.tags
    script = text[text.index("<script>") + len("<script>") : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in text or f"'sha256-{digest}'" in text
    for tag, name, value in outline.attributes:
        assert not name.startswith("on"), f"{tag} {name}"
        if name in ("src", "href", "srcset", "action", "data"):
            assert value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_whatever_a_run_is_called_stays_text(tmp_path):
    numbers = fakes.results(name=EVIL, protocol=EVIL, weights=EVIL, split_checksum=EVIL)
    numbers["dataset"] = numbers["db_codes"] = "\ud800" + EVIL
    numbers["provenance"] = dict.fromkeys(("code", "hardware", "python", "date"), EVIL)
    numbers["provenance"]["packages"] = {EVIL: EVIL}
    numbers["config"] |= {EVIL: {EVIL: EVIL}, "loss": {"name": EVIL}}
    other = fakes.results(name=EVIL)
    folder = fakes.workdir(tmp_path / "<script>alert(3)<", numbers)
    found = results.read([folder]) + read(tmp_path, other)
    outline = Outline(page.html(found))
    assert outline.tags.count("script") == 1 and outline.tags.count("img") == 2
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in outline.text and "<script>alert(3)<" in outline.text
    assert "${{ 7 * 7 }}" in outline.text
    markdown = page.markdown(found)
    assert "<script" not in markdown and "<img" not in markdown and "](http" not in markdown
    tables = [part for part in markdown.split("\n\n") if part.startswith("|")]
    for rows in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows.splitlines()}) == 1
    assert len(tables) >= 2


def test_seeds_are_averaged_and_nothing_else_is(tmp_path):
    numbers = [fakes.results(seed=seed) for seed in range(3)]
    numbers += [fakes.results(bits=32), fakes.results(name="other", seed=1)]
    found = systems.sort(read(tmp_path, *numbers))
    assert [(s.label, [len(r) for r in s.by_bits().values()]) for s in found] == [
        ("dhida-small", [3, 1]),
        ("other", [1]),
    ]
    cells = summary.over_seeds(found).rows[0]
    spread = seeds.Spread.of([n["map"] for n in numbers[:3]]).text("±")
    assert [cell.text for cell in cells[1:3]] == ["16", spread] and cells[4].text == "0, 1, 2"
    assert summary.over_seeds(found[1:]) is None


def test_systems_called_alike_say_what_differs(tmp_path):
    numbers = [fakes.results(), fakes.results(seed=1), fakes.results(), fakes.results(seed=1)]
    for one in numbers[2:]:
        one["config"]["optim"] = {"lr": 0.01}
    numbers[1]["config"]["loss"]["adh"]["eta"] = 9  # an option of a loss that is not in use
    found = systems.sort(read(tmp_path, *numbers))
    assert [s.label for s in found] == ["dhida-small (lr 0.001)", "dhida-small (lr 0.01)"]
    assert [len(s.runs) for s in found] == [2, 2]
    assert table.over_seeds(numbers).count("dhida-small") == 2


def test_two_widths_of_a_backbone_are_two_systems_whatever_its_variants_are_called(tmp_path):
    numbers = [fakes.results(), fakes.results()]
    for one, width in zip(numbers, (4, 8), strict=True):
        backbone = {"name": "narrow", "mine": {"width": width}, "resnet": {"width": width}}
        one["config"]["model"]["backbone"] = backbone
    labels = ["dhida-small (width 4)", "dhida-small (width 8)"]
    found = read(tmp_path, *numbers)
    # Somebody else's, which is not here, and then is.
    assert [system.label for system in systems.sort(found)] == labels
    with plugins.added(tmp_path / "mine", "jaxhash.models.backbones", mine=plugins.BACKBONE):
        assert [system.label for system in systems.sort(found)] == labels
        numbers[1]["config"]["model"]["backbone"]["mine"]["width"] = 4
        assert len(systems.sort(read(tmp_path, *numbers))) == 1


def test_no_two_systems_have_one_label(tmp_path):
    """Or one would be missing in a table by labels: what differs is not said in every label."""
    numbers = [fakes.results(), fakes.results()]
    numbers[0]["config"]["train"] = {"total_steps": None, "total_epochs": 2.0}
    numbers[1]["config"]["train"] = {"total_steps": 400, "total_epochs": 2.0}
    labels = [system.label for system in systems.sort(read(tmp_path, *numbers))]
    assert labels == ["dhida-small, run0", "dhida-small, run1"]


def test_what_should_be_known_before_comparing_is_said(tmp_path):
    numbers = [fakes.results(), fakes.results(), fakes.results(protocol="cifar10_59k")]
    numbers[1]["split_checksum"] = "f" * 16
    numbers[2]["provenance"]["code"] += "-dirty"
    said = "\n".join(page.remarks(read(tmp_path, *numbers)))
    assert "2 protocols, cifar10/cifar10_54k, cifar10/cifar10_59k" in said
    assert "different split checksums" in said
    assert "more than once with one seed (run0, run1)" in said
    assert "in no commit: run2" in said
    assert page.remarks(read(tmp_path, fakes.results(), fakes.results(seed=1))) == []


def test_older_results_and_odd_ones_make_a_page(tmp_path):
    old = fakes.results(bits=1)
    for name in ("db_codes", "encode_milliseconds_per_image", "map_at"):
        del old[name]
    old |= {"at_start": None, "train_images_per_second": None, "bit_balance": [1.0]}
    old |= {"config": {}, "precision_at": {"1": 0.5}, "map": 0.0}
    many = fakes.results(bits=300, name="long " * 40)
    text = Outline(page.html(read(tmp_path, old, many))).text
    assert "inf" in text  # ones to zeros, of a bit without zeros
    assert "mAP against bits" in text


def test_of_many_runs_the_long_tables_are_folded(tmp_path):
    found = read(tmp_path, *(fakes.results(seed=seed) for seed in range(page.MANY)))
    assert "Every run: " not in Outline(page.html(found)).text
    more = [run._replace(label=f"again {run.label}") for run in found]
    assert f"Every run: {2 * page.MANY} rows" in Outline(page.html(found + more)).text


@pytest.mark.slow
def test_a_page_of_five_hundred_runs_is_small_and_has_no_pictures_unless_asked_for(tmp_path):
    numbers = [
        fakes.results(f"method{method}", bits, seed, noise=0.1 + method / 150)
        for method in range(42)
        for bits in (16, 32, 48, 64)
        for seed in range(3)
    ]
    paths = [tmp_path / f"{n['name']}-{n['bits']}-{n['seed']}.json" for n in numbers]
    for path, one in zip(paths, numbers, strict=True):
        path.write_text(json.dumps(one))
    found = results.read([*paths, fakes.workdir(tmp_path / "drawn", numbers[0])])
    text = page.html(found)
    assert len(text) < 5_000_000
    outline = Outline(text)
    assert outline.tags.count("img") == 0 and "--pictures" in outline.text
    assert outline.tags.count("tr") > 505
    assert Outline(page.html(found, pictures=True)).tags.count("img") == 2


def test_systems_by_length_are_in_order_and_the_best_is_marked(tmp_path):
    values = {"a": (0.5, 0.75), "b": (0.25, 1.0), "c": (0.5, 0.25)}
    numbers = [
        fakes.results(name, bits, map=value)
        for name, both in values.items()
        for bits, value in zip((16, 32), both, strict=True)
    ]
    (shown,) = grids.by_length(read(tmp_path, *numbers))
    assert [row[0].text for row in shown.rows] == ["a", "b", "c"]  # means .625, .625, .375
    kinds = [[cell.kind for cell in row[1:]] for row in shown.rows]
    assert kinds == [["h3 best", "h6"], ["h0", "h9 best"], ["h3 best", "h0"]]
    assert grids.by_length(read(tmp_path, numbers[0])) == []


def test_a_setting_that_was_varied_has_its_means(tmp_path):
    numbers = [
        fakes.results(seed=seed, map=value)
        for seed, value in ((0, 0.5), (1, 0.75), (0, 0.25), (1, 0.25))
    ]
    for one in numbers[2:]:
        one["config"]["optim"] = {"lr": 0.01}
    found = systems.sort(read(tmp_path, *numbers, fakes.results("other")))
    rows = [[cell.text for cell in row] for row in grids.varied(found).rows]
    assert rows == [
        ["dhida-small", "optim.lr", "0.001", "2", "0.6250 ± 0.1768"],
        ["dhida-small", "optim.lr", "0.01", "2", "0.2500 ± 0.0000"],
    ]
    assert grids.varied(found[2:]) is None
    titles, *lines = csv.reader(io.StringIO(grids.csv_text(found[:2])))
    assert titles == ["system", "bits", "optim.lr", "map of seed 0", "map of seed 1"]
    assert lines == [
        ["dhida-small (lr 0.001)", "16", "0.001", "0.5", "0.75"],
        ["dhida-small (lr 0.01)", "16", "0.01", "0.25", "0.25"],
    ]


def test_the_csv_loses_no_run_and_no_name(tmp_path):
    numbers = [
        fakes.results(map=0.5),
        fakes.results(map=0.25),
        fakes.results("\ud800 other", map=1),
    ]
    text = grids.csv_text(systems.sort(read(tmp_path, *numbers)))
    lines = list(csv.reader(io.StringIO(text)))[1:]
    assert [line[-1] for line in lines] == ["0.5", "0.25", "1"]
    assert text.encode("utf-8")


def test_a_long_log_is_drawn_with_few_points(tmp_path):
    folder = fakes.workdir(tmp_path / "a", fakes.results())
    rows = "".join(f'{{"step": {step}, "train/loss": 1}}\n' for step in range(20_000))
    (folder / "metrics.jsonl").write_text('{"step": "x"}\n[1]\n' + rows + '{"step": 2')
    assert len(page.html(results.read([folder]))) < 200_000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("{", "damaged, this is not JSON"),
        ("\x00", "damaged, this is not JSON"),
        ("[" * 100_000, "damaged, this is not JSON"),
        ("[]", "no JSON object"),
        ({"map": None}, "map is missing"),
        ({"map": float("nan")}, "map is NaN"),
        ({"map": "high"}, 'map is "high"'),
        ({"map_interval": [0.1]}, "map_interval is [0.1]"),
        ({"bits": 7.5}, "bits is 7.5"),
        ({"bit_balance": []}, "bit_balance is []"),
        ({"precision_recall": {"recall": [1], "precision": []}}, "precision_recall is {"),
        ({"precision_at": {"ten": 1}}, 'precision_at is {"ten": 1}'),
        ({"provenance": {}}, "provenance is {}"),
    ],
)
def test_damaged_results_are_named(tmp_path, damage, message):
    text = damage if isinstance(damage, str) else json.dumps(fakes.results() | damage)
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UserError, match=re.escape(message)) as error:
        results.read([tmp_path])
    assert "--mode=evaluate" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["retrieval.png", "metrics.jsonl"])
def test_damage_beside_the_results_is_named(tmp_path, name):
    folder = fakes.workdir(tmp_path / "a", fakes.results())
    (folder / name).write_bytes(b"\xff\xfe damaged")
    with pytest.raises(UserError, match=f"{name}: damaged"):
        page.html(results.read([folder]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no run given; name workdirs or results.json files; --help says more"),
        (["--outt=x"], "unrecognized arguments: --outt=x"),
        (["nowhere"], "nowhere: no such file or folder"),
        (["empty"], "empty: no results.json in it"),
        (["a" * 300], "File name too long"),
        (["good", "--out=nowhere/report.html"], "nowhere is no folder"),
        (["good", "--out=report.md"], "expected a name that ends in .html"),
        (["good", "--out=folder.html"], "folder.html: cannot be written"),
        (["good", "--out=taken.html"], "taken.md: cannot be written"),
        (["good", "--out=/dev/null/report.html"], "/dev/null is no folder"),
        (["good", f"--out={'a' * 250}.html"], "File name too long"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path, monkeypatch, capsys, arguments, message
):
    fakes.workdir(tmp_path / "good", fakes.results())
    for name in ("empty", "folder.html", "taken.md"):
        (tmp_path / name).mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report", *arguments])
    with pytest.raises(SystemExit) as stopped:
        command.run()
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert err.startswith("jaxhash: ") and message in err and err.count("\n") == 1 and out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_page_that_cannot_be_replaced_stays_whole(tmp_path, monkeypatch):
    fakes.workdir(tmp_path / "a", fakes.results())
    (tmp_path / "report.html").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="No space left"):
        command.main([str(tmp_path / "a"), f"--out={tmp_path / 'report.html'}"])
    assert (tmp_path / "report.html").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "report.html"]


@pytest.mark.parametrize(
    ("entry", "arguments", "message"),
    [
        (table.main, ["nowhere.json"], "nowhere.json: no such file or folder"),
        (table.main, ["bad.json"], "bad.json: damaged, this is not JSON"),
        (table.main, ["--seeds", "--uniformity", "bad.json"], "not allowed with argument --seeds"),
        (sizes.main, ["nowhere.py"], "--config=nowhere.py: no such file"),
        (sizes.main, [], "the following arguments are required: CONFIG"),
    ],
)
def test_the_other_commands_refuse_in_one_line_too(
    tmp_path, monkeypatch, entry, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    monkeypatch.setattr(sys, "argv", ["x", *arguments])
    with pytest.raises(UserError) as error:
        entry()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_tables_of_a_command_are_those_of_its_files(tmp_path, monkeypatch, capsys):
    numbers = [fakes.results(), fakes.results(seed=1)]
    paths = [tmp_path / f"run{seed}.json" for seed in (0, 1)]
    for path, one in zip(paths, numbers, strict=True):
        path.write_text(json.dumps(one))
    for flag, expected in {
        (): table.markdown({"run0": numbers[0], "run1": numbers[1]}),
        ("--seeds",): table.over_seeds(numbers),
        ("--uniformity",): table.uniformity({"run0": numbers[0], "run1": numbers[1]}),
    }.items():
        monkeypatch.setattr(sys, "argv", ["x", *flag, *map(str, paths)])
        table.main()
        assert capsys.readouterr().out == expected + "\n"
