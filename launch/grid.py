"""Trains a grid of runs; `python launch/grid.py --help` says how, docs/grids.md says more."""

from jaxhash.grid import command

if __name__ == "__main__":
    command.run()
