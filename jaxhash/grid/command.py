"""Train every combination of some settings, one run after another or several at once.

  python -m jaxhash.grid --config=configs/dhida.py --sweep bits=16,32,48,64 \
      --sweep attention=none,danet,ida --seeds=3 --out=runs/attention

--config may be given several times; the arguments after its colon, and every --config.NAME=VALUE,
are set for all runs. Started again, the same command skips finished runs and resumes interrupted
ones; at the end it prints one table of all. --list shows the runs and starts none; --slurm submits
them as a job array. See docs/grids.md.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxhash import config as configs
from jaxhash.cli import command_line, overrides
from jaxhash.grid import expand, local, slurm
from jaxhash.grid.progress import Progress
from jaxhash.grid.run import Run
from jaxhash.report import lengths, lines
from jaxhash.runs import results, workdir

TABLES = {
    "table.md": lengths.markdown,
    "table.csv": lengths.csv_text,
    "runs.csv": lines.csv_text,
}


def main(argv: Sequence[str]) -> int:
    """Trains the grid of the arguments; returns 0 where all runs are finished, else 1.

    Raises:
      UserError: a mistake in the arguments; no run was started.
    """
    options, fixed = _arguments(argv)
    asked = expand.expand(
        expand.paths(options.config),
        [expand.sweep(text) for text in options.sweep],
        fixed,
        options.seeds,
        options.out,
    )
    if options.list:
        for run in asked:
            print(f"{run.state():8}{shlex.join(run.command())}")
        return 0
    left = [run for run in asked if not run.finished()]
    with Progress(len(asked), len(asked) - len(left)) as progress:
        if options.slurm:
            slurm.train(left, _job(options), options.out / "slurm", progress)
        else:
            local.train(left, options.jobs or 1, progress)
    return _conclude(asked, progress, options.out)


def _conclude(asked: Sequence[Run], progress: Progress, out: Path) -> int:
    """Writes and prints the table of the finished runs, and names the others on stderr."""
    done = [run.folder for run in asked if run.finished()]
    if done:
        found = results.read(done)
        for name, write in TABLES.items():
            workdir.write(out / name, write(found))
        print(f"\n{lengths.markdown(found)}\nsee {', '.join(str(out / n) for n in TABLES)}")
    for failure in progress.failures:
        print(failure, file=sys.stderr)
    left = len(asked) - len(done)
    if left:
        print(f"{left} of {len(asked)} runs are left; the same command continues", file=sys.stderr)
    return 1 if left else 0


def _job(options: argparse.Namespace) -> slurm.Options:
    more = [pair.partition("=") for pair in options.sbatch]
    return slurm.Options(
        options.partition,
        options.time,
        options.gpus,
        options.cpus,
        options.jobs,
        {name: value for name, _, value in more},
    )


def _arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = command_line.Parser("python -m jaxhash.grid", description=__doc__)
    add = parser.add_argument
    add("--config", action="append", default=[], help="a config, or several with commas")
    add(
        "--sweep",
        action="append",
        default=[],
        metavar="KEY=VALUE,...",
        help="a setting to vary",
    )
    add(
        "--seeds",
        type=command_line.whole(1),
        metavar="N",
        help="train with the seeds 0 to N - 1",
    )
    add(
        "--out",
        type=Path,
        default=Path("runs/grid"),
        help="folder of all runs (%(default)s)",
    )
    add(
        "--jobs",
        type=command_line.whole(1),
        metavar="N",
        help="how many runs at once (1; with --slurm, no limit)",
    )
    add("--list", action="store_true", help="show the runs and their states, start none")
    cluster = parser.add_argument_group("on a cluster")
    add = cluster.add_argument
    add("--slurm", action="store_true", help="submit the runs as a job array, and wait for it")
    add("--partition", help="partition of the jobs")
    add(
        "--time",
        type=command_line.whole(1),
        default=60,
        metavar="MINUTES",
        help="time limit of a job (%(default)s)",
    )
    add("--gpus", type=command_line.whole(0), default=0, help="GPUs of a run (%(default)s)")
    add("--cpus", type=command_line.whole(1), help="CPUs of a run")
    add(
        "--sbatch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another option of sbatch",
    )
    options, rest = parser.parse_known_args(argv)
    if not options.config:
        parser.error("--config is missing")
    fixed, rest = overrides.split(rest, configs.load(expand.paths(options.config)[0]))
    if rest:
        parser.refuse(rest[0])
    for text in options.sbatch:
        if "=" not in text:
            parser.error(f"--sbatch={text}: expected NAME=VALUE, such as account=me")
    options.out = options.out.expanduser()
    return options, fixed


def run() -> None:
    """Enters from the command line."""
    command_line.run(lambda: main(sys.argv[1:]), "ended at once; the same command continues")
