"""A process of a grid that runs lines of Python in place of trainings."""

import socket
import sys

from jaxhash.grid import worker

if __name__ == "__main__":
    worker.serve(socket.socket(fileno=int(sys.argv[1])), lambda lines: exec(lines[0], {}))
