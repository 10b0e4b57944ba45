"""The name of `jaxhash.losses.greedyhash` until version 0.2, which runs and configs hold."""

from jaxhash.losses.greedyhash import build

__all__ = ["build"]
