"""The steps of one replica, pure functions; `jaxhash.distributed.devices` maps them."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxhash.data.augment import Augment
from jaxhash.distributed import devices
from jaxhash.losses import Codes, HashLoss
from jaxhash.models import freezing
from jaxhash.models.hash_network import HashModel
from jaxhash.training import keys
from jaxhash.training.state import TrainState


class Images(NamedTuple):
    """Training images on the device: `pixels` uint8 [n h w c], `labels` [n l].

    With a frozen trunk, `pixels` may be what it keeps of the images, float16 [n ...].
    """

    pixels: jax.Array | np.ndarray
    labels: jax.Array | np.ndarray


class Batch(NamedTuple):
    """The images of one step: `pixels` uint8 [b h w c], or float16, and `labels` [b l].

    index: [b] numbers of the training images, from 0. Where a loss compares v views of each image,
      float16 `pixels` have v rows an image.
    """

    pixels: jax.Array
    labels: jax.Array
    index: jax.Array  # type: ignore[assignment]  # not the method of tuples

    def by_views(self, count: int) -> "Batch":
        """Repeats every image, so that there is a row for each of its views; image by image.

        What a frozen trunk keeps of the views has these rows already.
        """
        if count == 1:
            return self
        labels, index = (jnp.repeat(x, count, axis=0) for x in (self.labels, self.index))
        pixels = self.pixels
        if pixels.dtype == jnp.uint8:
            pixels = jnp.repeat(pixels, count, axis=0)
        return Batch(pixels, labels, index)


def gather(images: Images, index: jax.Array, row: jax.Array) -> Batch:
    """Selects the images of a step from those on the device.

    Args:
      images: on the device.
      index: [b] numbers of the training images.
      row: [b] their rows in `images.pixels`, where features have several views of an image.

    A separate step, so that training is the same compiled program, bit for bit, whether its images
    are on the device or streamed.
    """
    return Batch(images.pixels[row], images.labels[index], index)


def train_step(
    state: TrainState,
    batch: Batch,
    *,
    model: HashModel,
    loss: HashLoss,
    optimizer: optax.GradientTransformation,
    augment: Augment,
    seed: int,
    average: float = 0.0,
    trained: Any = None,
    used: Any = None,
    shapes: Any = None,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Takes one step of the optimizer.

    Args:
      state: an `AveragedState` where `average` is not 0.
      batch: this replica's rows of the global batch; instead of images, it may have what
        `HashModel.trunk` keeps of them, in float16, which is not augmented.
      model, loss, optimizer, augment: built from the config.
      seed: of augmentation and dropout.
      average: decay of the average of the weights.
      trained: which weights and running statistics change, {"params", "batch_stats"} of bool; see
        `jaxhash.models.freezing`. None: all.
      used: which ones the step needs, in the same form: not those of a trunk whose output is kept.
        The state has none of the others, and a step does not pass them on. None: all.
      shapes: of all weights and running statistics, where `used` is given.

    Rows are this replica's images, columns those of all replicas, so the loss is that of the global
    batch whatever the number of devices. The gradient of its mean over replicas is the mean of the
    replicas' gradients, because the gradient of `gather_columns` is returned to the replica whose
    rows they are.

    Returns:
      the next state, the same on every replica, and scalars averaged over the replicas: `loss`,
      `gradient_norm`, and what the loss reports.
    """
    if used is not None:  # the compiler leaves out what depends on the zeros
        state = state.map_variables(partial(freezing.fill, with_=shapes))
    batch = batch.by_views(loss.views)
    augment_key, dropout_key = jax.random.split(keys.of_step(seed, state.step))
    kept = None
    if batch.pixels.dtype == jnp.uint8:
        numbers = batch.index
        if loss.views > 1:
            numbers = numbers * loss.views + jnp.arange(len(numbers)) % loss.views
        x = augment.for_training(augment_key, batch.pixels, numbers)
        if model.cut:
            fixed = {"params": state.params, "batch_stats": state.batch_stats}
            kept = jax.lax.stop_gradient(model.apply(fixed, x, method=HashModel.trunk))
    else:
        x, kept = augment.blank(len(batch.pixels)), batch.pixels

    def objective(params):
        params = freezing.stop(trained and trained["params"], params)
        variables = {"params": params, "batch_stats": state.batch_stats}
        outputs, updated = model.apply(
            variables,
            x,
            train=True,
            kept=kept,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_key},
        )
        place = devices.rows(len(outputs.u))
        rows = Codes(outputs.u, batch.labels, batch.index, outputs.logits, outputs.features, place)
        columns = devices.gather_columns(rows)
        losses, loss_state, metrics = loss.apply(state.loss_state, rows, columns)
        batch_stats = {**state.batch_stats, **updated.get("batch_stats", {})}
        value = losses.mean()
        if loss.regulariser:
            value += loss.regulariser(params["head"])
        return value, (batch_stats, loss_state, metrics)

    (value, aux), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    batch_stats, loss_state, metrics = aux
    gradient, metrics = devices.mean((gradient, {"loss": value, **metrics}))
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    metrics["gradient_norm"] = optax.tree.norm(gradient)
    state = state.replace(
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        batch_stats=freezing.select(
            trained and trained.get("batch_stats"), batch_stats, state.batch_stats
        ),
        opt_state=opt_state,
        loss_state=loss_state,
    )
    state = state.averaged(average)
    return state.map_variables(partial(freezing.leave_out, used)), metrics


def after_epoch(state: TrainState, *, loss: HashLoss) -> TrainState:
    """Updates the state of the loss by its `after_epoch`."""
    assert loss.after_epoch is not None  # otherwise the step is not mapped
    return state.replace(loss_state=loss.after_epoch(state.loss_state))
