"""ADH: pairwise likelihood and quantisation. A reading of an abstract, not of a paper.

The abstract of ADH (Zhang and Lu) names a convolutional network with attention over regions and
over features, and a mean average precision of .768 on CIFAR-10. It prints no objective. The one
here is that of DPSH (Li et al., IJCAI 2016), the pairwise deep hash that such networks are usually
trained with, and whose published results are close to ADH's.
"""

from jaxhash.losses import HashLoss, dpsh


def build(eta: float = 0.1, activation: str = "tanh") -> HashLoss:
    """Builds the objective of DPSH on v = activation(u), see `jaxhash.losses.dpsh.build`.

    Args:
      eta: weight of the quantisation error.
      activation: a name in `quantizers.BY_NAME`; DPSH itself has `"identity"`.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> from jaxhash.losses import Codes
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build(eta=1.0).apply((), codes, codes)[0].round(4))  # log 2 + 1
    [1.6931 1.6931]
    """
    return dpsh.build(eta, activation)
