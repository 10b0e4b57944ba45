"""How gates between 0 and 1 start: as the published modules do, or near one.

A gate whose weights are drawn as usual is about a half, or anything between 0 and 1 where features
are large. In a network from random weights this is a scale like any other. Between pretrained
layers it makes the features smaller than those that the following layers were trained on, so that
their biases outweigh them. Near one, each gate is sigmoid(4) = .982 for every image, and what
depends on the image grows from zero, as the scales of DANet and IDA do.

Root mean square of the features behind a gate, in parts of that before it, untrained, at the scale
`paper` of each config, on random images in training mode (as batch normalisation by the batch):

    config                      published                       near one
    adh (CBAM, AlexNet)         .28                             .96
    triplet_greedy (VGG16)      .45                             .98
    triplet_greedy, at=stages   .52 .47 .55 .48 .45; all .029   .98 each; all .91
    dah (CBAM, ResNet30)        .34 .35 .36; all .042           .96 each; all .90

DAH trains from random weights and starts as published. IDA (dhida) gives 2.0 by its definition, and
CAB (hrmpa) 1.0. SE starts at .5 and has no bias that could say otherwise.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models import convolution as convolutions

STARTS = ("published", "one")
LOGIT = 4.0  # of a gate near one; its slope, .018, is a fourteenth of that of a gate of a half


def check(option: str, start: str) -> None:
    """Raises UserError on a start that is not one of `STARTS`.

    >>> check("model.attention.cbam.start", "two")
    Traceback (most recent call last):
    jaxhash.errors.UserError: model.attention.cbam.start=two: expected published or one
    """
    if start not in STARTS:
        raise UserError(f"{option}={start}: expected {' or '.join(STARTS)}")


def convolution(name: str, dtype: jnp.dtype) -> nn.Conv:
    """Builds the convolution 7x7 of pooled maps [b d e 2] to the logits [b d e 1] of a gate.

    Args:
      name: of its weights.
      dtype: of its values.
    """
    return nn.Conv(
        features=1,
        kernel_size=(7, 7),
        padding=3,
        use_bias=False,
        dtype=dtype,
        conv_general_dilated=convolutions.conv_general_dilated,
        name=name,
    )


def normalisation(start: str) -> dict[str, Any]:
    """Returns the initialisers of the batch normalisation before a sigmoid.

    Near one, its scale is 0 and its bias the logit, so that neither the batch nor the running
    statistics, which an untrained network does not have yet, change the gate.

    Args:
      start: one of `STARTS`.

    Returns:
      arguments of `jaxhash.models.normalization.BatchNorm`.
    """
    if start == "published":
        return {}
    return {"scale_init": nn.initializers.zeros, "bias_init": nn.initializers.constant(LOGIT)}


def dense(start: str, sums: int) -> dict[str, Any]:
    """Returns the initialisers of the layer before a sigmoid.

    Args:
      start: one of `STARTS`.
      sums: how many outputs of the layer are added to one logit.

    Returns:
      arguments of `flax.linen.Dense`.
    """
    if start == "published":
        return {}
    bias = nn.initializers.constant(LOGIT / sums)
    return {"kernel_init": nn.initializers.zeros, "bias_init": bias}
