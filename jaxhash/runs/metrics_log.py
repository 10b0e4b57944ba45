"""The metrics of a run while it trains: JSON lines and TensorBoard events."""

import json
import math

from etils import epath
from tensorboardX import SummaryWriter

from jaxhash.errors import UserError
from jaxhash.runs import workdir as workdirs

METRICS = "metrics.jsonl"


class Writer:
    """Appends scalars to `metrics.jsonl` and to TensorBoard events in one folder.

    In object storage, which cannot append, `metrics.jsonl` is rewritten each time, and there are no
    events.
    """

    def __init__(self, workdir: epath.Path, step: int, *, silent: bool = False):
        """Opens the files, and drops rows after `step`, the step of a resume.

        A silent writer has no files; processes other than 0 have one.
        """
        self._path, self._silent = workdir / METRICS, silent
        self._remote = workdirs.remote(workdir)
        self._events: SummaryWriter | None = None
        self._rows = [row for row in read(workdir) if row["step"] <= step]
        self._written = {(row["step"], name) for row in self._rows for name in row}
        if silent:
            return
        self._rewrite()
        if not self._remote:
            self._events = SummaryWriter(str(workdir / "events"), purge_step=step + 1)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_) -> None:
        if self._events:
            self._events.close()

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Writes one row; TensorBoard groups names by what precedes their slash."""
        row = {"step": step, **scalars}
        self._rows.append(row)
        self._written |= {(step, name) for name in scalars}
        if self._silent:
            return
        if self._remote:
            self._rewrite()
            return
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self._events:
            for name, value in scalars.items():
                self._events.add_scalar(name, value, step)

    def has(self, step: int, name: str) -> bool:
        """Tells whether a scalar was written for a step, by this process or an earlier one."""
        return (step, name) in self._written

    def _rewrite(self) -> None:
        workdirs.write(self._path, "".join(json.dumps(row) + "\n" for row in self._rows))


def read(workdir: epath.Path) -> list[dict[str, float]]:
    """Reads the rows of a run, oldest first; an incomplete last row is left out."""
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
