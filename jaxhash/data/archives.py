"""Archives of published data sets: fetched once, resumed where they broke off, and checked."""

import hashlib
import http.client
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from jaxhash.data import locks
from jaxhash.data.progress import Progress
from jaxhash.errors import UserError, first_line

CHUNK = 2**20
# What a broken connection raises; other errors of the system are those of the disk.
NETWORK = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
TIMEOUT = 30  # seconds without an answer


class Archive(NamedTuple):
    """A published file: its address, its length in bytes and its SHA-256."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.url.rpartition("/")[2]


def check(path: Path, archive: Archive) -> None:
    """Raises UserError where a file is not the published one."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if (size, found) != (archive.size, archive.sha256):
        raise UserError(
            f"{path}: not {archive.name} as published: {size:,} bytes, sha256 {found[:16]}..., "
            f"expected {archive.size:,} and {archive.sha256[:16]}...; delete it, and fetch it "
            f"again from {archive.url}"
        )


def fetch(archive: Archive, folder: Path, advice: str) -> Path:
    """Returns the path of an archive in a folder, into which it is fetched if it is not there.

    Of several processes one fetches it, and the others wait. What has come when a download breaks
    off is kept, and the next call goes on from there.

    Args:
      archive: what to fetch.
      folder: where it is to lie; made where it is not there.
      advice: what else to do, for the message where there is no network.

    Raises:
      UserError: it cannot be fetched or written, or is not what was published.
    """
    path, unfinished = folder / archive.name, folder / f"{archive.name}.unfinished"

    def waiting() -> None:
        print(f"{path}: waiting for another process that fetches it", file=sys.stderr, flush=True)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locks.exclusive(folder / f".{archive.name}.lock", waiting):
            if path.exists():
                check(path, archive)
            else:
                _download(archive, unfinished)
                try:
                    check(unfinished, archive)
                except UserError:
                    unfinished.unlink()  # it would be refused for ever
                    raise
                unfinished.replace(path)
    except NETWORK as error:
        reason = first_line(getattr(error, "reason", None) or error)
        raise UserError(
            f"{archive.url}: cannot be fetched ({reason}); the same command goes on with what has "
            f"come; {advice}"
        ) from None
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); make room there, or give "
            "another folder with --config.data.dir=PATH"
        ) from None
    return path


def _download(archive: Archive, path: Path) -> None:
    done = path.stat().st_size if path.exists() else 0
    if done >= archive.size:
        return
    request = urllib.request.Request(archive.url, headers={"User-Agent": "jaxhash"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if answer.status != 206:  # the whole, whatever was asked for
            done = 0
        print(f"fetching {archive.url}", file=sys.stderr, flush=True)
        with (
            path.open("r+b" if done else "wb") as file,
            Progress(archive.name, done, archive.size, unit="bytes") as progress,
        ):
            file.seek(done)
            file.truncate()
            while part := answer.read(CHUNK):
                file.write(part)
                done += len(part)
                progress.at(done)
    if done < archive.size:
        raise ConnectionError(f"it broke off after {done:,} bytes")
