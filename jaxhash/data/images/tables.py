"""The one reader of tables of pictures, CSV or Parquet, for training and search."""

import codecs
import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxhash.errors import UserError, first_line

SUFFIXES = (".csv", ".parquet")
SEPARATOR = "|"  # between the values of a list, as Parquet may hold
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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


def read(table: Path, required: Sequence[str] = ()) -> list[Row]:
    """Reads a table: Parquet where its name ends in .parquet, else CSV with a line of headers.

    A CSV file is UTF-8, or UTF-16 with a byte-order mark, with commas between values. Blanks around
    headers are removed. In Parquet, texts, numbers and lists are read; the values of a list are
    joined by `|`.

    Args:
      table: the file. Paths in its column `path` start from its folder, if they are not absolute.
      required: columns that it must have besides `path`.

    Raises:
      UserError: it cannot be read, a column is missing or there twice, or a row has no path, not as
        many values as there are columns, or the path of an earlier row.
    """
    parquet = table.suffix.lower() == ".parquet"
    columns, records = _read_parquet(table) if parquet else _read_csv(table)
    for column in ("path", *required):
        if column not in columns:
            raise UserError(
                f"{table}: no column {column!r}; the columns are {', '.join(columns) or 'none'}; "
                f"expected {' and '.join(('path', *required))}"
            )
    twice = [name for name, count in Counter(columns).items() if name and count > 1]
    if twice:
        raise UserError(f"{table}: two columns {twice[0]!r}; rename or remove one")
    return list(_rows(table, columns, records))


def _rows(
    table: Path, columns: Sequence[str], records: Iterable[tuple[int, Sequence[str]]]
) -> Iterator[Row]:
    lines: dict[str, str] = {}
    for number, record in records:
        where = f"{table} line {number}"
        if len(record) != len(columns):
            raise UserError(
                f"{where}: as many values as columns are expected, {len(columns)}: "
                f"{', '.join(columns)}"
            )
        values = dict(zip(columns, record, strict=True))
        name = values.pop("path")
        if not name:
            raise UserError(f"{where}: no path")
        same = os.path.normpath(name)
        if same in lines:
            raise UserError(f"{where}: {same} comes twice, first in {lines[same]}; remove one")
        lines[same] = where
        yield Row(where, name, table.parent / name, values)


def _read_csv(table: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        content = table.read_bytes()
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = [name.strip() for name in next(reader, [])]
        return columns, [(reader.line_num, record) for record in reader if record]
    except (csv.Error, UnicodeError) as error:
        raise UserError(f"{table}: not a CSV file in UTF-8 ({error})") from None
    except OSError as error:
        raise UserError(f"{table}: cannot be read ({error.strerror})") from None


def _read_parquet(table: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    import pyarrow.parquet  # noqa: PLC0415  slow, and unused otherwise

    try:
        content = pyarrow.parquet.read_table(table)
    except (pyarrow.ArrowException, OSError) as error:
        reason = first_line(error)
        raise UserError(f"{table}: not a Parquet file ({reason})") from None
    rows = zip(*(column.to_pylist() for column in content.columns), strict=True)
    records = [(number, list(map(_text, row))) for number, row in enumerate(rows, 1)]
    return [name.strip() for name in content.column_names], records


def _text(value: Any) -> str:
    """Writes a value of a Parquet file as a CSV file would hold it.

    >>> _text(None), _text(7), _text(b"cat"), _text(["cat", "dog"])
    ('', '7', 'cat', 'cat|dog')
    """
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list):
        return SEPARATOR.join(map(_text, value))
    return str(value)
