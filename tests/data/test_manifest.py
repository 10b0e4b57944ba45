"""One's own images: a table, CSV or Parquet."""

import csv

import pyarrow
import pyarrow.parquet
import pytest

from jaxhash.data import datasets
from jaxhash.errors import UserError
from tests.data.own_images import picture, split

pytestmark = pytest.mark.usefixtures("home")


def table(path, *rows, columns=("path", "labels", "split")):
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


@pytest.fixture
def shots(tmp_path):
    for number in range(6):
        picture(tmp_path / "shots" / f"{number}.jpg")
    return tmp_path


ROWS = [
    ("shots/0.jpg", "cat|outdoors", "query"),
    ("shots/1.jpg", "cat", "train"),
    ("shots/2.jpg", "outdoors | dog", "train|database"),
    ("./shots/3.jpg", "dog", "database"),
    ("shots/4.jpg", "", "database"),
]


def test_a_table_with_splits_is_read_as_it_says(shots):
    pool = datasets.load("manifest", str(table(shots / "list.csv", *ROWS)), side=8)
    assert pool.class_names == ["cat", "dog", "outdoors"]
    own = split(pool)
    assert list(pool.ids[own.query]) == ["shots/0.jpg"]
    assert sorted(pool.ids[own.train]) == ["shots/1.jpg", "shots/2.jpg"]
    assert sorted(pool.ids[own.database]) == [f"shots/{number}.jpg" for number in (2, 3, 4)]
    assert pool.labels[list(pool.ids).index("shots/2.jpg")].tolist() == [0, 1, 1]
    assert pool.labels[list(pool.ids).index("shots/4.jpg")].sum() == 0


def test_training_images_are_searched_where_no_database_is_named(shots):
    rows = [(path, labels, "query" if "0" in path else "train") for path, labels, _ in ROWS]
    own = split(datasets.load("manifest", str(table(shots / "list.csv", *rows)), side=8))
    assert len(own.query) == 1 and set(own.database) == set(own.train) and len(own.train) == 4


def test_a_parquet_table_may_hold_lists(shots):
    paths, labels = [row[0] for row in ROWS], [["cat"], ["cat", "dog"], ["dog"], [], ["dog"]]
    columns = pyarrow.table({"path": paths, "labels": labels})
    pyarrow.parquet.write_table(columns, shots / "manifest.parquet")
    pool = datasets.load("manifest", str(shots), side=8)
    assert sorted(pool.labels.sum(axis=1)) == [0, 1, 1, 1, 2]
    own = split(pool)
    assert (len(own.query), len(own.train)) == (1, 4)  # a tenth, and at least one


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            [("a.jpg", "cat"), ("./a.jpg", "dog")],
            2,
            r"line 3: a.jpg comes twice, first in .*line 2",
        ),
        ([("a.jpg", "cat", "", "")], 3, "line 2: as many values as columns"),
        ([("a.jpg",)], 2, "line 2: as many values as columns"),
        ([("a.jpg", "cat", "tset")], 3, "line 2: split 'tset': expected query, train or database"),
        ([("a.jpg", "cat", "query|database")], 3, "a query can be nothing else"),
        ([("a.jpg", "cat", "query"), ("b.jpg", "cat", "")], 3, "split is empty for some"),
        ([("", "cat")], 2, "line 2: no path"),
        ([("a.jpg", "")], 2, "no image has a label"),
        ([("a.jpg",)], 1, "no column 'labels'"),
    ],
)
def test_damaged_tables_are_one_clear_line(shots, rows, columns, message):
    path = table(shots / "list.csv", *rows, columns=("path", "labels", "split")[:columns])
    with pytest.raises(UserError, match=message) as error:
        datasets.load("manifest", str(path))
    assert "\n" not in str(error.value)


def test_tables_that_are_none_are_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "a.csv").write_bytes(b"path,labels\n\xff\xfe,x\n")
    for name, message in [
        ("a.parquet", "not a Parquet file"),
        ("a.csv", "not a CSV file in UTF-8"),
        ("b.csv", "expected a table"),
        ("", "expected a table"),
    ]:
        with pytest.raises(UserError, match=message) as error:
            datasets.load("manifest", str(tmp_path / name))
        assert "\n" not in str(error.value)


def test_half_of_the_paths_wrong_is_refused(shots, home):
    rows = [(f"shots/{number}.jpg", "cat") for number in range(6)]
    rows += [(f"gone/{number}.jpg", "dog") for number in range(6)]
    path = table(shots / "list.csv", *rows, columns=("path", "labels"))
    message = (
        "list.csv: 6 of 12 images cannot be read, more than 10%; the first, .*/gone/0.jpg: No such "
        "file or directory; correct the paths"
    )
    with pytest.raises(UserError, match=message) as error:
        datasets.load("manifest", str(path))
    assert "\n" not in str(error.value) and not list(home.rglob("*.json"))


def test_a_path_or_two_that_are_wrong_are_left_out(shots, capsys):
    picture(shots / "shots" / "6.jpg")
    rows = [(f"shots/{number}.jpg", "cat") for number in range(7)]
    for number in range(7, 12):
        picture(shots / "shots" / f"{number}.jpg")
        rows.append((f"shots/{number}.jpg", "dog"))
    (shots / "shots" / "3.jpg").unlink()
    path = table(shots / "list.csv", *rows, columns=("path", "labels"))
    assert len(datasets.load("manifest", str(path), side=8).ids) == 11
    assert "manifest: 1 file is left out (1: No such file or direct" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["shots\\{}.jpg", "file://{root}/shots/{}.jpg", "~/shots/{}.jpg", "{root}/shots/{}.jpg"]
)
def test_paths_as_other_systems_write_them_are_found(shots, monkeypatch, name):
    monkeypatch.setenv("HOME", str(shots))
    rows = [(name.format(number, root=shots), "cat") for number in range(6)]
    path = table(shots / "list.csv", *rows, columns=("path", "labels"))
    pool = datasets.load("manifest", str(path), side=8)
    assert len(pool.ids) == 6


def test_wrong_paths_name_the_table_and_the_first(shots):
    rows = [(f"img\\{number}.jpg", "cat") for number in range(3)]
    with pytest.raises(UserError) as error:
        datasets.load("manifest", str(table(shots / "m.csv", *rows, columns=("path", "labels"))))
    assert str(error.value).startswith(f"{shots}/m.csv: none of 3 files is a picture that can be")
    assert f"the first, {shots}/img\\0.jpg: No such file or directory" in str(error.value)


@pytest.mark.parametrize("separator", [";", ",", " ", "\t", " and "])
def test_the_label_separator_is_an_option(shots, separator, capsys):
    rows = [
        (path, labels.replace(" ", "").replace("|", separator), part) for path, labels, part in ROWS
    ]
    path = table(shots / "list.csv", *rows)
    pool = datasets.load("manifest", str(path), side=8, label_separator=separator)
    assert pool.class_names == ["cat", "dog", "outdoors"] and capsys.readouterr().out == ""
    assert len(split(pool).database) == 3


def test_what_looks_like_another_separator_is_said(shots, capsys):
    rows = [("shots/0.jpg", "cat, small"), ("shots/1.jpg", "cat"), ("shots/2.jpg", "dog")]
    path = table(shots / "list.csv", *rows, columns=("path", "labels"))
    for _ in range(2):
        datasets.load("manifest", str(path), side=8)
        assert capsys.readouterr().out == (
            "manifest: 1 of 3 labels hold ',', such as 'cat, small'; if that separates labels, set "
            "--config.data.label_separator=','\n"
        )
    pool = datasets.load("manifest", str(path), side=8, label_separator=",")
    assert pool.class_names == ["cat", "dog", "small"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["0|1|0", "1|0|0"], "labels are 0 and 1, one for each class .multi-hot.; expected names"),
        (["['cat', 'small']", "cat"], r"line 2: labels \['cat', 'small'\] are written as Python"),
        (["cat", "[0, 1]"], r"line 3: labels \[0, 1\] are written as Python writes a list"),
        (["cat", "b'cat'"], "line 3: labels b'cat' are written as Python writes a list or bytes"),
        (["cat", "a\nb"], r"class 'a\\nb': a line break is in its name"),
    ],
)
def test_labels_that_would_be_misread_are_refused(shots, labels, message):
    rows = [(f"shots/{number}.jpg", text) for number, text in enumerate(labels)]
    path = table(shots / "list.csv", *rows, columns=("path", "labels"))
    with pytest.raises(UserError, match=message) as error:
        datasets.load("manifest", str(path))
    assert "\n" not in str(error.value)


def test_classes_zero_and_one_are_names(shots):
    rows = [("shots/0.jpg", "0|1"), ("shots/1.jpg", "0"), ("shots/2.jpg", "1")]
    path = table(shots / "list.csv", *rows, columns=("path", "labels"))
    assert datasets.load("manifest", str(path), side=8).class_names == ["0", "1"]


def test_paths_that_no_file_can_have_are_left_out(shots, capsys):
    for number in range(6, 24):
        picture(shots / "shots" / f"{number}.jpg")
    paths = [f"shots/{number}.jpg" for number in range(24)]
    columns = {"path": [*paths, "a\0b.jpg", "x" * 5000 + ".jpg"], "labels": ["cat"] * 26}
    pyarrow.parquet.write_table(pyarrow.table(columns), shots / "manifest.parquet")
    assert len(datasets.load("manifest", str(shots), side=8).ids) == 24
    printed = capsys.readouterr().out
    assert "2 files are left out (1: its path holds a null character" in printed
    assert "1: File name too long" in printed
