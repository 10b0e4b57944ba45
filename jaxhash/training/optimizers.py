"""Optimizers and learning rate schedules from `config.optim`."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import optax

from jaxhash.errors import UserError, nearest
from jaxhash.models import hash_network


def _rmsprop(lr: optax.Schedule) -> optax.GradientTransformation:
    """Returns RMSProp as in PyTorch: decay .99, and epsilon outside the root."""
    return optax.rmsprop(lr, decay=0.99, eps=1e-8, eps_in_sqrt=False)


def _sgd(lr: optax.Schedule) -> optax.GradientTransformation:
    return optax.sgd(lr, momentum=0.9)


OPTIMIZERS = {"rmsprop": _rmsprop, "adam": optax.adam, "adamw": optax.adamw, "sgd": _sgd}
SCHEDULES = ("constant", "step", "cosine", "one_cycle")


def schedule(config: Any, total_steps: int) -> optax.Schedule:
    """Builds the learning rate as a function of the step.

    `constant`; `step`, `lr` and after `drop_percent` of the steps a tenth of it; `cosine`, from
    `lr` to 0; `one_cycle`, up to `lr` over the first `warmup_percent` and down to nearly 0, both
    along a cosine.

    >>> from ml_collections import ConfigDict
    >>> config = ConfigDict(dict(schedule="cosine", lr=0.1, warmup_percent=30.0))
    >>> [round(float(schedule(config, 100)(step)), 3) for step in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    """
    if config.schedule == "constant":
        return optax.constant_schedule(config.lr)
    if config.schedule == "step":
        fall = round(total_steps * config.drop_percent / 100)
        return optax.piecewise_constant_schedule(config.lr, {fall: 0.1})
    if config.schedule == "cosine":
        return optax.cosine_decay_schedule(config.lr, total_steps)
    if config.schedule == "one_cycle":
        return optax.cosine_onecycle_schedule(
            total_steps, config.lr, pct_start=config.warmup_percent / 100
        )
    raise UserError(
        f"unknown optim.schedule {config.schedule!r}: {nearest(config.schedule, SCHEDULES)}"
    )


def cycles(config: Any, total_steps: int, extended: Sequence[int] = ()) -> optax.Schedule:
    """Builds the learning rate of a run that was extended: a cycle of its schedule after another.

    Args:
      config: see `schedule`.
      total_steps: of all cycles.
      extended: the steps at which cycles before the last one ended, ascending.

    >>> from ml_collections import ConfigDict
    >>> config = ConfigDict(dict(schedule="cosine", lr=0.1))
    >>> [round(float(cycles(config, 60, [40])(step)), 3) for step in (0, 20, 40, 50, 60)]
    [0.1, 0.05, 0.1, 0.05, 0.0]
    """
    if not extended:
        return schedule(config, total_steps)
    lengths = (end - start for start, end in pairwise((0, *extended, total_steps)))
    return optax.join_schedules([schedule(config, length) for length in lengths], [*extended])


def frozen(config: Any) -> frozenset[str]:
    """Returns the parts of the network that `multiplier` holds still."""
    return frozenset(part for part, factor in config.multiplier.items() if factor == 0)


def build(
    config: Any, total_steps: int, extended: Sequence[int] = (), trained: Any = None
) -> optax.GradientTransformation:
    """Builds the optimizer.

    In this order: the gradient of all weights is scaled down to a norm of `clip_norm`, where it is
    larger and `clip_norm` is not 0; weight decay times the weights is added; the optimizer makes a
    step of it; `multiplier` scales the step of each part. Of adamw, weight decay is decoupled
    (Loshchilov and Hutter, ICLR 2019): it is added to the step, times the learning rate, as in
    PyTorch. The papers' PyTorch code has it in the gradient.

    Args:
      config: `config.optim`.
      total_steps: of the run.
      extended: see `cycles`.
      trained: of the weights, a tree of bool: the others stay as they are, and nothing is kept of
        them. None trains all.

    Raises:
      UserError: an unknown optimizer or schedule.
    """
    if config.name not in OPTIMIZERS:
        raise UserError(f"unknown optim.name {config.name!r}: {nearest(config.name, OPTIMIZERS)}")
    rate, decay = cycles(config, total_steps, extended), config.weight_decay
    if config.name == "adamw":
        step = [optax.adamw(rate, weight_decay=decay)]
    else:
        step = [optax.add_decayed_weights(decay), OPTIMIZERS[config.name](rate)]
    clip_norm = config.get("clip_norm", 0.0)
    clip = [optax.clip_by_global_norm(clip_norm)] if clip_norm else []
    optimizer = optax.chain(*clip, *step, _by_part(dict(config.multiplier)))
    if trained is None:
        return optimizer
    # What is masked passes as it is: the gradient of frozen weights, which is 0.
    return optax.masked(optimizer, trained)


def _by_part(multiplier: dict[str, float]) -> optax.GradientTransformation:
    """Scales the steps of each part of the network, like a learning rate of its own."""

    def scale(path: tuple, step: jax.Array) -> jax.Array:
        return step * multiplier[hash_network.part(path[0].key)]

    return optax.stateless(lambda steps, _: jax.tree_util.tree_map_with_path(scale, steps))
