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
