"""Folders, tables and lists with odd names, modes and damage: right, or one clear line.

Whatever goes in comes out with its class and pixels, or is said to be left out; nothing ends in a
traceback, hangs, or is lost without a word.
"""

import contextlib
import csv
import io
import os
import signal
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from jaxhash.data import datasets, left_out
from jaxhash.data.images import decoder
from jaxhash.errors import UserError, printable
from tests.data.images import files

SIDE = 8
SECONDS = 60  # far more than any example takes
MODES = files.modes()
PNG = MODES["RGB"]
DAMAGED = {
    "empty": b"",
    "cut": PNG[: len(PNG) // 2],
    "text": b"no picture",
    "jpeg cut": MODES["CMYK"][:200],
    "svg": files.SVG,
}
CONTENTS = {**MODES, **DAMAGED}
KINDS = st.one_of(
    st.sampled_from(["RGB", *MODES]), st.sampled_from([*CONTENTS, "pipe", "broken link", "link"])
)
ODD = ["dog ", "a\nb", "a\rb", " ", "a,b", "a|b", "$x$", "%41", "-x", "'\"", "\\", "~", "Cat"]
ODD += ["é", "e\u0301", "\u2028", "\x7f", "\t", "x" * 200, os.fsdecode(b"caf\xe9"), "@eaDir"]
LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
NAMES = st.one_of(
    st.sampled_from(["cat", "dog", "owl"]),
    st.sampled_from(ODD),
    st.text(LETTERS, min_size=1, max_size=6).filter(lambda name: name not in (".", "..")),
)
TOPS = st.one_of(NAMES, st.sampled_from(["train", "val", "test", "cat", "dog"]))


@pytest.fixture(autouse=True)
def watched():
    """Raises where a test hangs, as the opening of a pipe would."""

    def hangs(*_):
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def folder():
    """A folder for one example, and another for its copy."""
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", f"{root}/tfds")
        patch.setenv("HOME", f"{root}/data")
        (Path(root) / "data").mkdir()
        signal.alarm(SECONDS)
        yield Path(root) / "data"
        signal.alarm(0)


def write(path, kind):
    """Writes a file of some kind, if it can be; returns whether it could."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif "link" in kind:
            path.symlink_to("nowhere" if kind == "broken link" else written(path.parent / "target"))
        else:
            with path.open("xb") as file:
                file.write(CONTENTS[kind])
    except OSError:  # there is a folder or a file of that name, or it is too long
        return False
    return True


def written(path):
    if not path.exists():
        path.write_bytes(PNG)
    return path


def load(name, place, **options):
    """Loads a data set; returns it with (id, reason) of what is left out, or None and the line."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            pool = datasets.load(name, str(place), SIDE, **options)
    except UserError as error:
        line = str(error)
        assert line.encode() and "\n" not in line and len(line) < 5_000
        event("refused")
        return None, line
    path = Path(pool.folder) / left_out.LIST
    skipped = []
    if path.exists():
        skipped = [line.split("\t") for line in path.read_text().split("\n")[:-1]]
    count = f"{len(skipped):,} file{' is' if len(skipped) == 1 else 's are'} left out"
    assert (count in out.getvalue()) == bool(skipped)
    assert len(set(pool.ids)) == len(pool.ids)
    event("read, some left out" if skipped else "read")
    return pool, skipped


def readable(path):
    """The pixels of a file, or None; pipes are not opened."""
    if not path.is_file():
        return None
    try:
        return decoder.decode(path, (SIDE, SIDE, 3))
    except (decoder.Unreadable, OSError):
        return None


def check_pixels(pool, paths):
    for id, pixels in zip(pool.ids, pool.pixels, strict=True):
        assert (pixels == readable(paths[id])).all(), id


def classes(pool):
    """From the id of each image to the names of its classes."""
    return {
        id: {name for name, there in zip(pool.class_names, row, strict=True) if there}
        for id, row in zip(pool.ids.tolist(), pool.labels, strict=True)
    }


@given(st.lists(st.tuples(st.lists(TOPS, max_size=3), NAMES, KINDS), min_size=1, max_size=12))
def test_folders(drawn):
    with folder() as root:
        for parts, name, kind in drawn:
            write(root.joinpath(*parts, name), kind)
        pool, skipped = load("folder", root)
        if pool is None:
            assert str(root) in skipped
            return
        found = {}
        for above, _, names in os.walk(root):
            for name in names:
                path = Path(above, name)
                id = path.relative_to(root).as_posix()
                if not any(part.startswith(".") for part in id.split("/")):
                    found[id] = path
        beside = {id for id in found if "/" not in id}  # files that are no pictures may be there
        ids = {printable(id) for id in pool.ids}
        others = {id for id, _ in skipped}
        assert not ids & others and len(others) == len(skipped)
        assert {printable(id) for id in found.keys() - beside} <= ids | others
        assert ids | others <= {printable(id) for id in found}
        for id in beside:
            assert printable(id) in others or readable(found[id]) is None
        check_pixels(pool, found)
        depth = 1 if set(pool.parts) != {"all"} else 0
        for id, labels in classes(pool).items():
            assert labels == {id.split("/")[depth].strip()}


WRITTEN = {
    "plain": lambda name, root: name,
    "dot": lambda name, root: f"./{name}",
    "absolute": lambda name, root: f"{root}/{name}",
    "backslash": lambda name, root: f"sub\\..\\{name}",
    "home": lambda name, root: f"~/{name}",
    "url": lambda name, root: f"file://{root}/{name}",
    "gone": lambda name, root: f"gone/{name}",
    "none": lambda name, root: "",
}
LABELS = st.one_of(
    st.sampled_from(["cat", "dog", "cat|dog", "", "cat, small", "0|1|0", "['cat']", "b'cat'"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["plain"] * 12 + [*WRITTEN]), KINDS, LABELS), min_size=1, max_size=14
)
DAMAGE = st.sampled_from(["none"] * 8 + ["header again", "short row", "no labels", "two paths"])
ENCODINGS = st.sampled_from(["utf-8"] * 4 + ["utf-8-sig", "utf-16", "utf-16-le", "latin-1", "pq"])


def write_table(path, rows, damage, encoding):
    header = ["path", "labels"]
    if damage == "header again":
        rows.insert(1, header)
    if damage == "short row":
        rows.append(rows[-1][:1])
    if damage == "no labels":
        header = ["path", "class"]
    if damage == "two paths":
        header = ["path", "path"]
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    path.write_bytes(text.getvalue().encode(encoding, errors="replace"))


@given(ROWS, DAMAGE, ENCODINGS, st.sampled_from(["|"] * 4 + [";", ",", "at"]))
def test_tables(drawn, damage, encoding, separator):
    with folder() as root:
        (root / "sub").mkdir()
        rows, paths, expected = [], {}, {}
        for number, (style, kind, text) in enumerate(drawn):
            name = f"{number}.png"
            write(root / name, kind)
            rows.append([WRITTEN[style](name, root), text])
            id = Path(os.path.normpath(rows[-1][0])).as_posix()
            paths[id] = root / "gone" if style == "gone" else root / name
            expected[id] = {label.strip() for label in text.split(separator)} - {""}
        if encoding == "pq":
            table = root / "manifest.parquet"
            columns = dict(zip(("path", "labels"), map(list, zip(*rows, strict=True)), strict=True))
            pyarrow.parquet.write_table(pyarrow.table(columns), table)
        else:
            table = root / "manifest.csv"
            write_table(table, rows, damage, encoding)
        pool, skipped = load("manifest", table, label_separator=separator)
        if pool is None:
            assert str(table) in skipped
            return
        assert len(pool.ids) + len(skipped) == len(drawn) and len(skipped) <= len(drawn) / 10
        for id in expected:
            assert (id in pool.ids) == (readable(paths[id]) is not None)
        check_pixels(pool, paths)
        if encoding != "latin-1":  # which holds not all letters
            assert classes(pool) == {id: expected[id] for id in pool.ids.tolist()}


NO_LINE_BREAK = st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0\n\r")
LINES = st.lists(
    st.tuples(
        st.sampled_from(["train", "test", "database"]),
        st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0\n\r"), max_size=5
        ),
        KINDS,
        st.lists(st.sampled_from("01"), min_size=3, max_size=3),
    ),
    min_size=3,
    max_size=12,
)


@given(
    LINES,
    st.sampled_from(["utf-8"] * 4 + ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
    st.sampled_from(["none"] * 6 + ["no label", "more labels", "twice", "no image", "a number"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_lists(drawn, encoding, damage, end):
    with folder() as root:
        lists = root / "downloads" / "manual" / "coco"
        lines = {"train": [], "test": [], "database": []}
        paths, expected = {}, {}
        for number, (role, letters, kind, row) in enumerate(drawn):
            id = f"i/{number} {letters}.png"
            write(lists / id, kind)
            paths[id], expected[id] = lists / id, row
            lines[role].append(f"{id} {' '.join(row)}")
        last = next(role for role in reversed(lines) if lines[role])
        extra = {
            "no label": "i/x.png 1 0",
            "more labels": "i/x.png 1 0 1 1",
            "twice": lines[last][-1],
            "a number": "i/x.png 1 0 2",
            "no image": "i/gone.png 1 0 0",
        }
        if damage in extra:
            lines[last].append(extra[damage])
        if damage == "no image":
            paths["i/gone.png"], expected["i/gone.png"] = lists / "gone", list("100")
        for role, some in lines.items():
            lists.mkdir(parents=True, exist_ok=True)
            text = "".join(f"{line}{end}" for line in some)
            (lists / f"{role}.txt").write_bytes(text.encode(encoding, errors="replace"))
        pool, skipped = load("coco", root)
        if pool is None:
            assert str(lists) in skipped
            return
        assert damage in ("none", "no image") and len(pool.ids) + len(skipped) == len(expected)
        if encoding == "latin-1":
            return
        for id in expected:
            assert (id in pool.ids) == (readable(paths[id]) is not None)
        check_pixels(pool, paths)
        for id, row in zip(pool.ids.tolist(), pool.labels.tolist(), strict=True):
            assert list(map(str, row)) == expected[id]
