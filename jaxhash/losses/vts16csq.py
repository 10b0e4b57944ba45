"""VTS16-CSQ: the objective of CSQ, for a vision transformer (Dubey, Singh and Chu, ICME 2022)."""

from jaxhash.losses.csq import build

__all__ = ["build"]
