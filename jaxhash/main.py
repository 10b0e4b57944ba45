"""Train a network to hash images, measure it, and leave the results in a folder.

  python -m jaxhash.main --config=configs/quickstart.py
  python -m jaxhash.main --config=configs/dhida.py:bits=16,dataset=cifar10 --workdir=runs/a
  python -m jaxhash.main --config=configs/dhida.py --config.optim.lr=1e-4 --config.data.dir=PATH
  python -m jaxhash.main --mode=evaluate --workdir=runs/a
  python -m jaxhash.main --mode=explain --workdir=runs/a --images=cat.jpg,dog.png
  python -m jaxhash.main --config=... --coordinator=HOST:PORT --num_processes=2 --process_id=0
  srun python -m jaxhash.main --config=... --coordinator=auto

Every value of a config can be set on the command line, as --config.NAME=VALUE; a config says at its
top what it does, which arguments it takes after the colon, and what to expect of it. Started again
in the same --workdir, a run goes on where it was. Several processes share a run where each is
started with the same --coordinator, and all see the same --workdir; docs/devices.md says more.
"""

import sys

from absl import app, flags, logging
from etils import epath
from ml_collections import config_flags

from jaxhash import config as configs
from jaxhash.cli import overrides
from jaxhash.errors import UserError, report

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file in configs/, with its arguments after a colon.", lock_config=True
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the run, or gs:// or s3://; made if need be. Default: runs/NAME-BITS-SEED.",
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "explain"],
    "Train and measure; measure a checkpoint again; or draw where it looks in --images.",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    "Of a run that several processes share: HOST:PORT where process 0 listens, with --process_id "
    "and --num_processes; or auto, where SLURM, Open MPI, a TPU pod or GKE knows all three.",
)
_PROCESS = flags.DEFINE_integer("process_id", None, "Number of this process, from 0.")
_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes share the run.")
_GATHERING = flags.DEFINE_integer(
    "coordinator_timeout", 60, "Seconds until all processes must have come together.", lower_bound=1
)
_LOST_AFTER = flags.DEFINE_integer(
    "lost_after",
    20,
    "Seconds without a sign of life from a process, after which all others end.",
    lower_bound=2,
)
_IMAGES = flags.DEFINE_list("images", [], "Pictures for --mode=explain, separated by commas.")


def main(argv: list[str]) -> None:
    """Runs the mode that the flags name."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: flags start with --")
    logging.set_verbosity(logging.ERROR)  # libraries' chatter; warnings of Python still show
    if _MODE.value == "explain" and _COORDINATOR.value is not None:
        raise UserError("--mode=explain takes one process; leave out --coordinator")
    from jaxhash.distributed import processes  # noqa: PLC0415  --help and a typing error need no jax

    job = processes.Job(
        _COORDINATOR.value, _PROCESS.value, _PROCESSES.value, _GATHERING.value, _LOST_AFTER.value
    )
    with processes.joined(job):
        _run()


def _run() -> None:
    from jaxhash.encoders import attention_maps  # noqa: PLC0415  --help and a typing error need no jax
    from jaxhash.training import loop  # noqa: PLC0415  --help and a typing error need no jax

    if _MODE.value != "train" and _WORKDIR.value is None:
        raise UserError(f"--mode={_MODE.value} needs --workdir, the folder of a trained run")
    if _MODE.value == "explain":
        if not _IMAGES.value:
            raise UserError("--mode=explain needs --images=PATH,PATH,...")
        print(f"see {attention_maps.explain_checkpoint(_WORKDIR.value, _IMAGES.value)}")
        return
    if _MODE.value == "evaluate":
        loop.evaluate_checkpoint(_WORKDIR.value, _CONFIG.value)
        return
    config = _CONFIG.value
    if config is None:
        raise UserError("--config is missing; try --config=configs/quickstart.py")
    default = f"runs/{config.name}-{config.model.bits}-{config.seed}"
    folder = epath.Path(_WORKDIR.value or default)
    if loop.train_and_evaluate(config, folder):
        print(f"\nresults and pictures are in {folder}")


def parse(argv: list[str]) -> list[str]:
    """Parses flags; turns every mistake in them into a UserError of one line."""
    path = next((a.removeprefix("--config=") for a in argv if a.startswith("--config=")), None)
    if path is not None:
        # First without flags: what they say of a mistake in a config runs over several lines.
        overrides.check(argv, configs.load(path))
    return overrides.parse(flags.FLAGS, argv)


def run() -> None:
    """Enters from the command line: exit code 2 and one line on stderr for a UserError."""
    try:
        app.run(main, flags_parser=parse)
    except UserError as error:
        sys.exit(report(error))


if __name__ == "__main__":
    run()
