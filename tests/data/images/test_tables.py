"""The reader of tables: encodings, columns, values, and what is refused."""

import pyarrow
import pyarrow.parquet
import pytest

from jaxhash.data.images import tables
from jaxhash.errors import UserError

TEXT = 'path,label,note\na.png,cat,"one, two"\nä/b.png,,"two\nlines"\n'


def read(tmp_path, content, required=(), name="list.csv"):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tables.read(tmp_path / name, required)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le BOM"])
def test_encodings(tmp_path, encoding):
    encoding, bom, _ = encoding.partition(" BOM")
    rows = read(tmp_path, ("\ufeff" * bool(bom) + TEXT).encode(encoding))
    assert [row.name for row in rows] == ["a.png", "ä/b.png"]
    assert rows[0].values == {"label": "cat", "note": "one, two"}
    assert rows[1].values == {"label": "", "note": "two\nlines"}
    assert rows[1].path == tmp_path / "ä/b.png"


def test_line_ends_blanks_and_empty_lines(tmp_path):
    rows = read(tmp_path, "path , label\r\na b.png,cat\r\n\r\n/c.png,dog\r\n")
    assert [(row.name, row.values["label"]) for row in rows] == [
        ("a b.png", "cat"),
        ("/c.png", "dog"),
    ]
    assert str(rows[1].path) == "/c.png" and rows[1].where.endswith("list.csv line 4")


def test_parquet_is_read_like_csv(tmp_path):
    columns = {
        "path": ["a.png", "b.png"],
        "label": [["cat", "dog"], None],
        "number": [1, 2],
        "bytes": [b"cat", None],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "list.Parquet")
    rows = tables.read(tmp_path / "list.Parquet")
    assert rows[0].values == {"label": "cat|dog", "number": "1", "bytes": "cat"}
    assert rows[1].values == {"label": "", "number": "2", "bytes": ""}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column 'path'; the columns are none; expected path and labels"),
        ("path\na.png\n", "no column 'labels'; the columns are path; expected path and labels"),
        ("path,labels,path\n", "two columns 'path'"),
        ("path,labels, labels\n", "two columns 'labels'"),
        (
            "path,labels\na.png\n",
            "list.csv line 2: as many values as columns are expected, 2: path",
        ),
        ("path,labels\na.png,b,c\n", "line 2: as many values as columns"),
        ("path,labels\n,cat\n", "line 2: no path"),
        ("path,labels\na.png,x\n./a.png,y\n", "line 3: a.png comes twice, first in .*line 2"),
        ('path,labels\n"a.png,x\n', "not a CSV file in UTF-8 .unexpected end of data"),
        (b"path,labels\n\xff\xfe,x\n", "not a CSV file in UTF-8"),
        (b"\xff\xfep\0a", "not a CSV file in UTF-8"),
        (
            b"path,labels\na,b\nc\xe9,d\n",
            "line 3: not a CSV file in UTF-8 .byte 0xe9.; save it",
        ),
        (
            "path,labels\na,b\n".encode("utf-16-le"),
            "line 1: not a CSV .*holds null characters",
        ),
        ("path,labels\na,b\n path,labels\n", "line 3: the line of headers comes again; remove it"),
        ("path,labels\n ,cat\n", "line 2: no path"),
        ('path,labels\n"a\nb",x\n"a\nb",y\n', r"line 5: a\\nb comes twice"),
        ("path,lab\x00els\n", "null characters"),
        ('"a\nb",labels\n', r"the columns are a\\nb, labels"),
    ],
)
def test_what_is_no_table_is_one_clear_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path, content, ("labels",))
    assert "\n" not in str(error.value)


def test_what_cannot_be_read_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="not a Parquet file"):
        read(tmp_path, b"PAR1 no", name="a.parquet")
    with pytest.raises(UserError, match="nowhere.csv: cannot be read .No such file"):
        tables.read(tmp_path / "nowhere.csv")


def test_paths_as_other_systems_write_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("my cat/1.png", "a\\b.png", "~/2.png", "50%25.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    written = {
        "my cat\\1.png": "my cat/1.png",
        ".\\my cat\\..\\50%25.png": "50%25.png",
        f"file://{tmp_path}/my%20cat/1.png": "my cat/1.png",
        f"FILE://localhost{tmp_path}/50%2525.png": "50%25.png",
        "~/50%25.png": "50%25.png",
        # A file that is so named comes first.
        "~/2.png": "~/2.png",
        "a\\b.png": "a\\b.png",
        "50%25.png": "50%25.png",
    }
    for name, expected in written.items():
        found = tables.locate(tmp_path, name)
        assert found.exists() and found.samefile(tmp_path / expected), name
    for name in ("C:\\cat.png", "https://x/y.png", "no\0", "x" * 5000, "~nobody/1.png", ""):
        assert tables.locate(tmp_path, name) == tmp_path / name


def test_one_file_by_two_names_is_there_twice(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").touch()
    with pytest.raises(UserError, match="line 3: a.1.png comes twice, first in .*line 2"):
        read(tmp_path, "path\na/1.png\na\\1.png\n")
    with pytest.raises(UserError, match="1.png comes twice"):
        read(tmp_path, f"path\na/1.png\n{tmp_path}/a/1.png\n")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1, 0], [1, 1, 0]], "column 'labels' has lists of 0 and 1 .multi-hot.; expected list"),
        ([[True, False], [False, False]], "multi-hot"),
        ([[0.0, 1.0], [1.0, 1.0]], "multi-hot"),
        ([["a|b"], ["c"]], "hold '|', which separates labels; give another with --config.data.lab"),
        ([b"cat", b"caf\xe9"], "holds bytes that are not UTF-8; write texts"),
    ],
)
def test_values_of_parquet_that_would_be_misread(tmp_path, values, message):
    columns = {"path": ["a.png", "b.png"], "labels": values}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "list.parquet")
    with pytest.raises(UserError, match=message) as error:
        tables.read(tmp_path / "list.parquet")
    assert "\n" not in str(error.value)


def test_values_of_parquet_that_are_names(tmp_path):
    columns = {
        "path": ["a.png", "b.png", "c.png"],
        "labels": [[0, 1], [1], []],  # numbers of classes, and no class
        "others": [["a|b", "c"], None, ["d"]],
        "number": [1.5, float("nan"), None],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "list.parquet")
    rows = tables.read(tmp_path / "list.parquet", separator=";")
    assert [row.values["labels"] for row in rows] == ["0;1", "1", ""]
    assert [row.values["others"] for row in rows] == ["a|b;c", "", "d"]
    assert [row.values["number"] for row in rows] == ["1.5", "", ""]
