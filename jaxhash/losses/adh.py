"""ADH: pairwise likelihood and quantisation. A reading of an abstract, not of a paper.

The abstract of ADH (Zhang and Lu) names a convolutional network with attention over regions and
over features, and a mean average precision of .768 on CIFAR-10. It prints no objective. The one
here is that of DPSH (Li et al., IJCAI 2016), the pairwise deep hash that such networks are usually
trained with, and whose published results are close to ADH's.
"""

from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _pairs as pairs
from jaxhash.models import quantizers


def build(eta: float = 0.1, activation: str = "tanh") -> HashLoss:
    """Builds the pairwise likelihood on v = activation(u) plus eta mean_k (sign(v) - v)^2.

        L = mean over pairs of log(1 + exp(theta)) - s theta + eta mean_k (b^k - v^k)^2

    with theta = <v_i, v_j> / 2 and b = sign(v), DPSH equation 7, where both terms are sums; means
    make eta independent of the batch and of k. b is a constant to the gradient.

    Args:
      eta: weight of the quantisation error.
      activation: a name in `quantizers.BY_NAME`; DPSH itself has `"identity"`.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build(eta=1.0).apply((), codes, codes)[0].round(4))  # log 2 + 1
    [1.6931 1.6931]
    """
    activate = quantizers.find(activation)

    def init(task: Task) -> tuple[()]:
        return ()

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        v, others = activate(rows.u), activate(columns.u)
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = pairs.negative_log_likelihood(v, others, similar)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        error = pairs.quantisation_error(v)
        metrics = {"likelihood": likelihood.mean(), "quantisation": error.mean()}
        return likelihood + eta * error, state, metrics

    return HashLoss(init, apply)
