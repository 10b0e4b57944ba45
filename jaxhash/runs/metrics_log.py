"""The metrics of a run while it trains: JSON lines and TensorBoard events."""

import json
import math
import socket
import struct
import time
from collections.abc import Iterable

from etils import epath
from tensorboardX import summary
from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import masked_crc32c

from jaxhash.errors import UserError
from jaxhash.runs import disk
from jaxhash.runs import workdir as workdirs

METRICS = "metrics.jsonl"
EVENTS = "events"


class Writer:
    """Appends scalars to `metrics.jsonl` and to TensorBoard events in one folder.

    In object storage, which cannot append, `metrics.jsonl` is rewritten each time, and there are no
    events.
    """

    def __init__(self, workdir: epath.Path, step: int, *, silent: bool = False):
        """Opens the files, and drops rows after `step`, the step of a resume.

        A silent writer has no files; processes other than 0 have one.

        Raises:
          UserError: they cannot be read or written.
        """
        self._workdir, self._path, self._silent = workdir, workdir / METRICS, silent
        self._remote = workdirs.remote(workdir)
        self._events: _Events | None = None
        self._rows = [row for row in read(workdir) if row["step"] <= step]
        self._written = {(row["step"], name) for row in self._rows for name in row}
        if silent:
            return
        self._rewrite()
        if not self._remote:
            with disk.writing(workdir, workdir / EVENTS):
                self._events = _Events(workdir / EVENTS, step + 1)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_) -> None:
        """Does nothing: no file is open between two rows."""

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Writes one row; TensorBoard groups names by what precedes their slash.

        Raises:
          UserError: it cannot be written.
        """
        row = {"step": step, **scalars}
        self._rows.append(row)
        self._written |= {(step, name) for name in scalars}
        if self._silent:
            return
        if self._remote:
            self._rewrite()
            return
        with disk.writing(self._workdir, self._path), self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self._events:
            with disk.writing(self._workdir, self._workdir / EVENTS):
                self._events.write(step, scalars)

    def has(self, step: int, name: str) -> bool:
        """Tells whether a scalar was written for a step, by this process or an earlier one."""
        return (step, name) in self._written

    def _rewrite(self) -> None:
        with disk.writing(self._workdir, self._path):
            workdirs.write(self._path, "".join(json.dumps(row) + "\n" for row in self._rows))


class _Events:
    """A file of TensorBoard events, opened and closed again for each row.

    `tensorboardX.SummaryWriter` has a thread of its own, which ends at an error of the disk; its
    queue then fills, and the run would wait for ever.
    """

    def __init__(self, folder: epath.Path, purge: int):
        """Begins a file; what other files say of step `purge` and later is void."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{purge}"
        self._path = folder / name
        begin = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2", step=purge)
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._append([begin, event_pb2.Event(step=purge, session_log=start)])

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Writes one row."""
        now = time.time()
        self._append(
            event_pb2.Event(wall_time=now, step=step, summary=summary.scalar(name, value))
            for name, value in scalars.items()
        )

    def _append(self, events: Iterable[event_pb2.Event]) -> None:
        with self._path.open("ab") as file:
            file.write(b"".join(map(_record, events)))


def _record(event: event_pb2.Event) -> bytes:
    """Frames an event as TFRecord does: length, its checksum, content, its checksum."""
    content = event.SerializeToString()
    length = struct.pack("<Q", len(content))
    sums = (struct.pack("<I", masked_crc32c(part)) for part in (length, content))
    return length + next(sums) + content + next(sums)


def read(workdir: epath.Path) -> list[dict[str, float]]:
    """Reads the rows of a run, oldest first, up to the first that is incomplete.

    Raises:
      OSError: the file is there and cannot be read.
    """
    rows = []
    path = workdir / METRICS
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def check_finite(step: int, scalars: dict[str, float], last_good: int | None) -> None:
    """Raises UserError where a scalar is NaN or infinite.

    >>> check_finite(3, {"loss": 0.5}, None)
    """
    for name, value in scalars.items():
        if not math.isfinite(value):
            kept = f"checkpoint {last_good} is intact" if last_good else "no checkpoint was written"
            raise UserError(
                f"{name} is {value} at step {step}, training cannot go on; {kept}; "
                "lower optim.lr and start in a new --workdir"
            )
