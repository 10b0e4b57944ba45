"""Train a network to hash images, measure it, and leave the results in a folder.

  python -m jaxhash.main --config=configs/quickstart.py
  python -m jaxhash.main --config=configs/dhida.py:bits=16,dataset=cifar10 --workdir=runs/a
  python -m jaxhash.main --config=configs/dhida.py --config.optim.lr=1e-4 --config.data.dir=PATH
  python -m jaxhash.main --config=... --workdir=runs/a --extend --config.train.total_epochs=300
  python -m jaxhash.main --config=... --workdir=runs/b --config.model.weights=runs/a
  python -m jaxhash.main --mode=evaluate --workdir=runs/a
  python -m jaxhash.main --mode=explain --workdir=runs/a --images=cat.jpg,dog.png
  python -m jaxhash.main --config=... --coordinator=HOST:PORT --num_processes=2 --process_id=0
  srun python -m jaxhash.main --config=... --coordinator=auto

Every value of a config can be set on the command line, as --config.NAME=VALUE; a config says at its
top what it does, which arguments it takes after the colon, and what to expect of it. Started again
in the same --workdir, a run resumes from its last checkpoint. Several processes share a run where
each is started with the same --coordinator, and all see the same --workdir; see docs/devices.md.
"""

import argparse
import sys
from collections.abc import Sequence

from absl import logging
from etils import epath
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.cli import command_line, overrides
from jaxhash.errors import UserError

MODES = ("train", "evaluate", "explain")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the mode that the arguments name."""
    options, config = _parse(sys.argv[1:] if arguments is None else arguments)
    logging.set_verbosity(logging.ERROR)  # of libraries; warnings of Python are still shown
    from jaxhash.distributed import processes  # noqa: PLC0415  --help and a typing error need no jax

    job = processes.Job(
        options.coordinator,
        options.process_id,
        options.num_processes,
        options.coordinator_timeout,
        options.lost_after,
    )
    with processes.joined(job):
        _run(options, config)


def _run(options: argparse.Namespace, config: ConfigDict | None) -> None:
    from jaxhash.encoders import attention_maps  # noqa: PLC0415  --help and a typing error need no jax
    from jaxhash.training import loop  # noqa: PLC0415  --help and a typing error need no jax

    if options.mode == "explain":
        print(f"see {attention_maps.explain_checkpoint(options.workdir, options.images)}")
        return
    if options.mode == "evaluate":
        loop.evaluate_checkpoint(options.workdir, config)
        return
    assert config is not None  # or _parse would have refused the arguments
    default = f"runs/{config.name}-{config.model.bits}-{config.seed}"
    folder = epath.Path(options.workdir or default)
    if loop.train_and_evaluate(config, folder, extend=options.extend):
        print(f"\nresults and pictures are in {folder}")


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, ConfigDict | None]:
    """Reads the arguments, and builds the config that they name, if any."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    config = None
    if options.config is not None:
        config = configs.load(options.config)
        given, rest = overrides.split(rest, config)
        config = overrides.apply(config, given)
    elif rest and rest[0].startswith(overrides.PREFIX):
        raise UserError(f"{rest[0]}: sets a value of a config; give --config=FILE too")
    if rest:
        parser.refuse(rest[0])
    if options.mode == "train" and config is None:
        raise UserError("--config is missing; try --config=configs/quickstart.py")
    if options.extend and options.mode != "train":
        raise UserError(f"--extend trains; leave out --mode={options.mode}")
    if options.mode == "explain" and options.coordinator is not None:
        raise UserError("--mode=explain takes one process; leave out --coordinator")
    if options.mode != "train" and options.workdir is None:
        raise UserError(f"--mode={options.mode} needs --workdir, the folder of a trained run")
    if options.mode == "explain" and not options.images:
        raise UserError("--mode=explain needs --images=PATH,PATH,...")
    return options, config


def _parser() -> command_line.Parser:
    parser = command_line.Parser("python -m jaxhash.main", description=__doc__)
    add = parser.add_argument
    add("--config", metavar="FILE", help="a file in configs/, its arguments after a colon")
    add(
        "--workdir",
        metavar="FOLDER",
        help="folder of the run, or gs:// or s3://; made if need be (runs/NAME-BITS-SEED)",
    )
    add(
        "--mode",
        choices=MODES,
        default="train",
        help="train and measure; measure a checkpoint again; or draw where it looks in --images",
    )
    add(
        "--images",
        type=lambda text: [path for path in text.split(",") if path],
        metavar="PATH,PATH,...",
        help="pictures for --mode=explain",
    )
    add(
        "--extend",
        action="store_true",
        help="train a finished run for longer: with a greater --config.train.total_epochs, or "
        "total_steps, and a new cycle of the schedule over the added steps",
    )
    several = parser.add_argument_group("for a run that several processes share")
    add = several.add_argument
    add(
        "--coordinator",
        metavar="HOST:PORT",
        help="where process 0 listens, with --process_id and --num_processes; or auto, where "
        "SLURM, Open MPI, a TPU pod or GKE knows all three",
    )
    add("--process_id", type=int, metavar="N", help="number of this process, from 0")
    add("--num_processes", type=int, metavar="N", help="how many processes share the run")
    add(
        "--coordinator_timeout",
        type=command_line.whole(1),
        default=60,
        metavar="SECONDS",
        help="until all processes must have joined (%(default)s)",
    )
    add(
        "--lost_after",
        type=command_line.whole(2),
        default=20,
        metavar="SECONDS",
        help="without a heartbeat from a process, after which all others end (%(default)s)",
    )
    return parser


def run() -> None:
    """Enters from the command line: exit code 2 and one line on stderr for a UserError."""
    command_line.run(main, stopped="stopped; what was saved is kept", steps=True)


if __name__ == "__main__":
    run()
