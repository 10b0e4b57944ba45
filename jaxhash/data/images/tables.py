"""The one reader of tables of pictures, CSV or Parquet, for training and search."""

import csv
import io
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from jaxhash.data import text_files
from jaxhash.errors import UserError, first_line, printable

SUFFIXES = (".csv", ".parquet")
SEPARATOR = "|"  # between the values of a list, as Parquet may hold
FILE_URL = re.compile(r"file://(?:localhost(?=/))?(.*)", re.IGNORECASE | re.DOTALL)


class Row(NamedTuple):
    """One picture of a table.

    where: table and line, for messages. name: what `path` says, as it is written. path: its file.
    values: the other columns, by name; an empty text where there is none.
    """

    where: str
    name: str
    path: Path
    values: Mapping[str, str]


def is_table(path: Path) -> bool:
    """Returns whether a file has the suffix of a table.

    >>> is_table(Path("a/List.CSV")), is_table(Path("a/list.txt"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def read(table: Path, required: Sequence[str] = (), separator: str = SEPARATOR) -> list[Row]:
    """Reads a table: Parquet where its name ends in .parquet, else CSV with a line of headers.

    A CSV file is UTF-8, or UTF-16 with a byte-order mark, with commas between values. Blanks around
    headers are removed. In Parquet, texts, numbers and lists are read.

    Args:
      table: the file. Paths in its column `path` start from its folder, if they are not absolute;
        see `locate`.
      required: columns that it must have besides `path`.
      separator: joins the values of a list in Parquet.

    Raises:
      UserError: it cannot be read, a column is missing or there twice, a list of Parquet is
        multi-hot or holds the separator, or a row has no path, not as many values as there are
        columns, the headers again, or the path of an earlier row.
    """
    parquet = table.suffix.lower() == ".parquet"
    columns, records = _read_parquet(table, separator) if parquet else _read_csv(table)
    for column in ("path", *required):
        if column not in columns:
            shown = printable(", ".join(columns)) or "none"
            raise UserError(
                f"{table}: no column {column!r}; the columns are {shown}; "
                f"expected {' and '.join(('path', *required))}"
            )
    twice = [name for name, count in Counter(columns).items() if name and count > 1]
    if twice:
        raise UserError(f"{table}: two columns {twice[0]!r}; rename or remove one")
    return list(_rows(table, columns, records))


def locate(folder: Path, name: str) -> Path:
    r"""Finds the file that a table names: as it is written, or as another system writes paths.

    Args:
      folder: where paths start that are not absolute.
      name: a path, also as a URL file://, with ~ for the home folder, or with backslashes.

    Returns:
      the first of these that exists, or else the path as it is written.

    >>> locate(Path(__file__).parent, "..\\images\\tables.py").exists()
    True
    """
    written = folder / name
    if os.path.exists(written):
        return written
    url = FILE_URL.fullmatch(name)
    path = unquote(url[1]) if url else name
    for candidate in (path, path.replace("\\", "/")):
        found = folder / os.path.expanduser(candidate)
        if os.path.exists(found):
            return found
    return written


def _rows(
    table: Path, columns: Sequence[str], records: Iterable[tuple[int, Sequence[str]]]
) -> Iterator[Row]:
    lines: dict[str, str] = {}
    for number, record in records:
        where = f"{table} line {number}"
        if len(record) != len(columns):
            raise UserError(
                f"{where}: as many values as columns are expected, {len(columns)}: "
                f"{printable(', '.join(columns))}"
            )
        if [value.strip() for value in record] == list(columns):
            raise UserError(f"{where}: the line of headers comes again; remove it")
        values = dict(zip(columns, record, strict=True))
        name = values.pop("path")
        if not name.strip():
            raise UserError(f"{where}: no path")
        path = locate(table.parent, name)
        same = os.path.normpath(path)
        if same in lines:
            shown = printable(os.path.normpath(name))
            raise UserError(f"{where}: {shown} comes twice, first in {lines[same]}; remove one")
        lines[same] = where
        yield Row(where, name, path, values)


def _read_csv(table: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    text = text_files.read(table, "a CSV file")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = [name.strip() for name in next(reader, [])]
        return columns, [(reader.line_num, record) for record in reader if record]
    except csv.Error as error:
        raise UserError(f"{table}: not a CSV file in UTF-8 ({error})") from None


def _read_parquet(table: Path, separator: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    import pyarrow.parquet  # noqa: PLC0415  slow, and unused otherwise

    try:
        content = pyarrow.parquet.read_table(table)
        names = [name.strip() for name in content.column_names]
        values = [column.to_pylist() for column in content.columns]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{table}: not a Parquet file ({first_line(error)})") from None
    for name, column in zip(names, values, strict=True):
        _check_lists(f"{table}: column {name!r}", column, separator)
    try:
        texts = [[_text(value, separator) for value in column] for column in values]
    except UnicodeDecodeError:
        raise UserError(f"{table}: holds bytes that are not UTF-8; write texts") from None
    rows = zip(*texts, strict=True)
    return names, [(number, list(row)) for number, row in enumerate(rows, 1)]


def _check_lists(where: str, column: Sequence[Any], separator: str) -> None:
    """Refuses lists that would be misread."""
    lists = [value for value in column if isinstance(value, list)]
    if any(isinstance(item, str) and separator in item for value in lists for item in value):
        raise UserError(
            f"{where} has lists of values that hold {separator!r}, which separates labels; give "
            "another with --config.data.label_separator"
        )
    if is_multi_hot(lists):
        raise UserError(
            f"{where} has lists of 0 and 1 (multi-hot); expected lists of names, such as "
            '["cat", "outdoors"]'
        )


def is_multi_hot(lists: Sequence[Sequence[Any]]) -> bool:
    """Returns whether lists hold 0 or 1 for each class in place of the names of classes.

    Lists of the names "0" and "1" differ in length and hold neither twice.

    >>> is_multi_hot([[0, 1], [1, 1]]), is_multi_hot([["0", "1"], ["0"]]), is_multi_hot([[0, 2]])
    (True, False, False)
    """
    values = {str(item) for value in lists for item in value}
    if not values or not values <= {"0", "1", "0.0", "1.0", "True", "False"}:
        return False
    lengths = {len(value) for value in lists}
    return (len(lengths) == 1 and lengths != {1}) or any(
        len({*value}) < len(value) for value in lists
    )


def _text(value: Any, separator: str = SEPARATOR) -> str:
    """Writes a value of a Parquet file as a CSV file would hold it.

    >>> _text(None), _text(7), _text(b"cat"), _text(["cat", "dog"])
    ('', '7', 'cat', 'cat|dog')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return separator.join(_text(item, separator) for item in value)
    return str(value)
