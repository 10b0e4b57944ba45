"""`python -m jaxhash.grid` trains a grid of runs; --help and docs/grids.md say how."""

from jaxhash.grid import command

if __name__ == "__main__":
    command.run()
