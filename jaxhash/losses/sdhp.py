"""SDHP, with which DAH compares itself. A reading: its source could not be identified.

DAH's reference 6 ("Supervised Deep Hashing Perception") is found nowhere under that name. DAH says
that it "combines paired loss and quantized loss"; that is the objective of DPSH, which stands here.
"""

from jaxhash.losses import HashLoss, dpsh


def build(eta: float = 0.1) -> HashLoss:
    """Builds the objective of DPSH, see `jaxhash.losses.dpsh.build`.

    Args:
      eta: weight of the quantisation error.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> from jaxhash.losses import Codes
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build(eta=1.0).apply((), codes, codes)[0].round(4))  # log 2 + 1
    [1.6931 1.6931]
    """
    return dpsh.build(eta)
