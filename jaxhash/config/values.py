"""Reading values of a config: all of them by dotted name, and durations in steps."""

from typing import Any

from ml_collections import ConfigDict


def flatten(config: ConfigDict | dict) -> dict[str, Any]:
    """Lists every value under its dotted name, of a config or of the JSON that it became.

    >>> flatten(ConfigDict(dict(a=1, b=dict(c=2))))
    {'a': 1, 'b.c': 2}
    """
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict | dict):
            flat |= {f"{name}.{inner}": leaf for inner, leaf in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def duration(section: ConfigDict, prefix: str, steps_per_epoch: int) -> int:
    """Reads a duration in steps: `<prefix>_steps` where it is set, else `<prefix>_epochs`.

    >>> duration(ConfigDict(dict(every_epochs=1.5, every_steps=None)), "every", 10)
    15
    """
    steps = section[f"{prefix}_steps"]
    if steps is None:
        steps = round(section[f"{prefix}_epochs"] * steps_per_epoch)
    return steps
