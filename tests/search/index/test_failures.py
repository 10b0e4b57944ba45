"""An index file that is damaged, of another program, or closed: one line says so."""

import sqlite3
from contextlib import closing

import pytest

from jaxhash.errors import UserError
from jaxhash.search.index.embedded import FILE, Embedded
from tests.search.index.engines import make

QUERIES = make(1, 48)[1]


def test_a_damaged_file_is_one_line(tmp_path):
    Embedded(tmp_path, 48, "m").close()
    with closing(Embedded(tmp_path, 48, "m")) as index:
        index.add(make(3000, 48)[0])
    content = bytearray((tmp_path / FILE).read_bytes())
    content[3 * 4096 :] = bytes([85]) * (len(content) - 3 * 4096)
    (tmp_path / FILE).write_bytes(content)
    with (
        closing(Embedded(tmp_path, 48, "m", create=False)) as index,
        pytest.raises(UserError, match=r"damaged \(.*malformed.*\); .* restore a backup"),
    ):
        index.nearest(QUERIES, 9)


@pytest.mark.parametrize("create", [False, True])
def test_a_database_of_another_program_is_left_alone(tmp_path, create):
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("create table theirs (x)")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(UserError, match="a database of another program; give another --index"):
        Embedded(tmp_path, 48, "m", create)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_closed_index_says_so(tmp_path):
    index = Embedded(tmp_path, 48, "m")
    index.close()
    index.close()
    for call in (index.count, lambda: index.add([])):
        with pytest.raises(UserError, match="is closed"):
            call()
