"""CIFAR-10 without TensorFlow: an archive of the published layout, fetched, checked, prepared."""

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxhash.data import __main__ as command
from jaxhash.data import archives, datasets
from jaxhash.data.sets import _cifar10_archive as cifar10
from jaxhash.errors import UserError

RANDOM = np.random.RandomState(0)
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
EACH = 4  # images of a batch; published are 10,000


def pack(path, change=None):
    """Writes an archive of the published layout; returns its images and classes by split."""
    rows = {}
    files = {"batches.meta.txt": "\n".join(NAMES).encode() + b"\n\n"}
    for split, names in cifar10.BATCHES.items():
        rows[split] = []
        for name in names:
            pixels = RANDOM.randint(0, 256, (EACH, 32, 32, 3)).astype(np.uint8)
            classes = RANDOM.randint(0, 10, EACH).astype(np.uint8)
            planes = pixels.transpose(0, 3, 1, 2).reshape(EACH, -1)
            files[name] = np.concatenate([classes[:, None], planes], axis=1).tobytes()
            rows[split] += zip(pixels, classes, strict=True)
    if change:
        change(files)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return rows


def published(monkeypatch, path, url="http://127.0.0.1:9/cifar-10-binary.tar.gz"):
    """Has jaxhash take a file for the published one."""
    content = path.read_bytes()
    archive = archives.Archive(url, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(cifar10, "ARCHIVE", archive)
    return content


@pytest.fixture
def packed(tmp_path, monkeypatch):
    path = tmp_path / "given" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()
    (tmp_path / "sets").mkdir()
    rows = pack(path)
    return path, rows, published(monkeypatch, path)


class Server:
    """Serves one file; `broken` answers stop after half of what is left."""

    def __init__(self, content, broken=0, ranges=True):
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                start = self.headers.get("Range", "bytes=0-")
                outer.asked.append(start)
                first = int(start.removeprefix("bytes=").rstrip("-")) if ranges else 0
                rest = content[first:]
                self.send_response(206 if first else 200)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                cut = len(outer.asked) <= broken
                self.wfile.write(rest[: len(rest) // 2] if cut else rest)

            def log_message(self, *arguments):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/cifar-10-binary.tar.gz"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve(monkeypatch):
    """Starts servers of an archive."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started = []

    def start(packed, **options):
        server = Server(packed[2], **options)
        started.append(server)
        published(monkeypatch, packed[0], server.url)
        return server

    yield start
    for server in started:
        server.close()


def check(root, rows):
    """The images are those of the archive, for TFDS and for jaxhash."""
    pool = datasets.load("cifar10", str(root), 32)
    builder = tfds.builder_from_directory(root / "cifar10" / "3.0.2")
    assert (builder.name, str(builder.version)) == ("cifar10", "3.0.2")
    assert list(builder.info.splits) == ["train", "test"]
    assert pool.class_names == NAMES
    count = {"train": 5 * EACH, "test": EACH}
    assert {part: int((pool.parts == part).sum()) for part in count} == count
    for id, pixels, label in zip(pool.ids, pool.pixels, pool.labels, strict=True):
        split, number = str(id).split("_")
        expected, kind = rows[split][int(number)]
        assert np.array_equal(pixels, expected) and label.argmax() == kind and label.sum() == 1
    assert not [path.name for path in root.iterdir() if path.name.startswith(".")]


def test_a_given_archive_becomes_a_data_set_of_tfds(packed, tmp_path, capsys):
    path, rows, _ = packed
    command.main(["cifar10", f"--archive={path}", f"--dir={tmp_path / 'sets'}"])
    assert f"give --config.data.dir={tmp_path / 'sets'}" in capsys.readouterr().out
    check(tmp_path / "sets", rows)
    before = (tmp_path / "sets/cifar10/3.0.2/dataset_info.json").stat().st_mtime_ns
    command.main(["cifar10", f"--archive={path}", f"--dir={tmp_path / 'sets'}"])
    assert (tmp_path / "sets/cifar10/3.0.2/dataset_info.json").stat().st_mtime_ns == before


def test_a_run_fetches_it_once(packed, tmp_path, serve, capfd):
    server = serve(packed)
    check(tmp_path / "sets", packed[1])
    check(tmp_path / "sets", packed[1])
    assert server.asked == ["bytes=0-"] and "100%" in capfd.readouterr().err


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_is_continued(packed, tmp_path, serve, ranges):
    server = serve(packed, broken=1, ranges=ranges)
    with pytest.raises(UserError, match="cannot be fetched.*goes on with what has come.*--archive"):
        cifar10.prepare(tmp_path / "sets")
    cifar10.prepare(tmp_path / "sets")
    assert server.asked == ["bytes=0-", f"bytes={len(packed[2]) // 2}-"]
    check(tmp_path / "sets", packed[1])


def test_what_is_not_the_published_file_is_refused(packed, tmp_path, serve, monkeypatch):
    server = serve((packed[0], packed[1], packed[2][:-1] + b"\1"))
    with pytest.raises(UserError, match="not cifar-10-binary.tar.gz as published"):
        cifar10.prepare(tmp_path / "sets")
    assert len(server.asked) == 1
    assert [path.name for path in (tmp_path / "sets").rglob("*")] == ["downloads"]
    (tmp_path / "other.tar.gz").write_bytes(b"something else")
    with pytest.raises(UserError, match="14 bytes.*delete it, and fetch it again from http"):
        cifar10.prepare(tmp_path / "sets", tmp_path / "other.tar.gz")


def test_a_folder_that_is_not_there_is_not_filled(packed, tmp_path):
    with pytest.raises(UserError, match="data.dir=.*nowhere: no such folder; correct it"):
        datasets.load("cifar10", str(tmp_path / "nowhere"), 32)
    assert not (tmp_path / "nowhere").exists()


def test_without_a_network_there_is_one_line(packed, tmp_path):
    with pytest.raises(UserError, match="cannot be fetched .*python -m jaxhash.data") as error:
        datasets.load("cifar10", str(tmp_path / "sets"), 32)
    assert "\n" not in str(error.value) and not (tmp_path / "sets" / "cifar10").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda files: files.pop("data_batch_3.bin"), "data_batch_3.bin"),
        (lambda files: files.update({"test_batch.bin": b"x" * 5000}), "test_batch.bin is cut off"),
    ],
)
def test_an_archive_of_another_layout_is_refused(tmp_path, monkeypatch, change, reason):
    pack(tmp_path / "a.tar.gz", change)
    published(monkeypatch, tmp_path / "a.tar.gz")
    with pytest.raises(UserError, match=f"not the archive of CIFAR-10 .*{reason}"):
        cifar10.prepare(tmp_path / "sets", tmp_path / "a.tar.gz")
    assert not (tmp_path / "sets" / "cifar10").exists()


def test_two_processes_prepare_it_once(packed, tmp_path, serve):
    server, errors = serve(packed), []

    def run():
        try:
            cifar10.prepare(tmp_path / "sets")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(server.asked) == 1
    check(tmp_path / "sets", packed[1])


def test_a_place_that_cannot_be_written_is_one_line(packed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written .(Not a directory|File exists)"):
        cifar10.prepare(tmp_path / "file", packed[0])
    with pytest.raises(UserError, match="cannot be written .(Not a directory|File exists)"):
        cifar10.prepare(tmp_path / "file")
