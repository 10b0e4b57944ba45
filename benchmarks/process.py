"""What the commands of jaxhash set for their process, set for a benchmark."""

import os

import jax

from jaxhash.cli import cpu_devices, memory


def prepare() -> None:
    """Keeps memory, and makes two devices of a CPU; to be called before JAX computes anything."""
    memory.keep()
    cpu_devices.share(os.environ)
    if cpu_devices.VARIABLE in os.environ:  # JAX, which is imported, reads it no more
        jax.config.update("jax_num_cpu_devices", int(os.environ[cpu_devices.VARIABLE]))
