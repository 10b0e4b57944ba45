"""How many devices JAX makes of a processor."""

import importlib.metadata
import os
from collections.abc import Collection, MutableMapping

from jaxhash.cli import memory

MOST = 2  # each holds a copy of the weights; of more than two cores nothing was measured
VARIABLE, FLAG = "JAX_NUM_CPU_DEVICES", "xla_force_host_platform_device_count"
# XLA ends the process where one device waits for another for 40 seconds, as it may in a large step
# on a busy machine. It also ends where it does not know a flag, so this is for versions that do.
PATIENCE, KNOWN = "xla_cpu_collective_call_terminate_timeout_seconds", ("0.10.",)


def share(environment: MutableMapping[str, str], cores: Collection[int] = ()) -> None:
    """Has JAX see two devices in a processor of two cores or more; to be called before its import.

    The threads of one device share every operation and wait for each other at its end. Two devices
    each compute half of the batch, with the gradients averaged as over any devices: images a second
    of training and encoding are 1.2 to 1.4 and 1.5 times as many for ResNet18 with IDA at 64 px,
    and 1.2 and 1.3 times at 224 px; of EfficientNet-Lite0, .8 to .95 and 1.05 to 1.15 times (two
    cores of an AMD EPYC, `benchmarks/networks.py`).

    Nothing is changed where an accelerator computes: its plugin may not know the flag.

    Args:
      environment: of the process; left as it is where its user has chosen a number, by
        JAX_NUM_CPU_DEVICES or in XLA_FLAGS.
      cores: on which the process runs; by default those on which this one may.

    >>> environment = {"JAX_PLATFORMS": "cpu"}
    >>> share(environment, cores=[2, 3, 4])
    >>> environment["JAX_NUM_CPU_DEVICES"]
    '2'
    """
    chosen = VARIABLE in environment or FLAG in environment.get("XLA_FLAGS", "")
    if chosen or not memory.on_cpu(environment):
        return
    count = min(len(cores) or _available(), MOST)
    environment[VARIABLE] = str(count)
    flags = environment.get("XLA_FLAGS", "")
    knows = importlib.metadata.version("jaxlib").startswith(KNOWN)
    if count > 1 and knows and PATIENCE not in flags:
        environment["XLA_FLAGS"] = f"{flags} --{PATIENCE}=86400".strip()


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
