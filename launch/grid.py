"""Trains a grid of runs, as `python -m jaxhash.grid` does; --help and docs/grids.md say how."""

from jaxhash.grid import command

if __name__ == "__main__":
    command.run()
