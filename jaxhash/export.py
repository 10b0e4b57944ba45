"""Export a trained network to a folder that runs without this library.

  python -m jaxhash.export --workdir=runs/a --out=encoder

The folder holds the compiled steps from uint8 images to packed codes (StableHLO, by jax.export, for
CPU, CUDA and TPU and batches of any size), the weights (safetensors), and a model card, README.md,
that says how to load it in a few lines. python -m jaxhash.search takes it as --workdir.
"""

from absl import logging

from jaxhash.cli import command_line


def main(arguments: list[str] | None = None) -> None:
    """Exports what the arguments name."""
    parser = command_line.Parser("python -m jaxhash.export", description=__doc__)
    parser.add_argument("--workdir", required=True, help="folder of a trained run")
    parser.add_argument("--out", required=True, help="folder to make; missing yet, or empty")
    options = parser.parse_args(arguments)
    logging.set_verbosity(logging.ERROR)  # of libraries; warnings of Python are still shown
    from jaxhash.encoders.exporter import export_encoder  # noqa: PLC0415  --help and mistakes need no jax

    out = export_encoder(options.workdir, options.out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"see {out / 'README.md'}; {size / 1e6:.1f} MB in all")


def run() -> None:
    """Enters from the command line."""
    command_line.run(main)


if __name__ == "__main__":
    run()
