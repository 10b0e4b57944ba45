"""DPSH: pairwise likelihood and quantisation (Li, Wang and Kang, IJCAI 2016)."""

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _pairs as pairs
from jaxhash.models import quantizers


def build(eta: float = 0.1, activation: str = "identity") -> HashLoss:
    """Builds the pairwise likelihood on v = activation(u) plus eta mean_k (sign(v) - v)^2.

        L = mean over pairs of log(1 + exp(theta)) - s theta + eta mean_k (b^k - v^k)^2

    with theta = <v_i, v_j> / 2 and b = sign(v), equation 7, where both terms are sums; means make
    eta independent of the batch and of k. The paper's eta of 10, divided by 5,000 training images
    as in its code, is .096 at 48 bits. b is a constant to the gradient. An image is not paired with
    itself.

    Args:
      eta: weight of the quantisation error.
      activation: a name in `quantizers.BY_NAME`; DPSH has none.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build(eta=1.0).apply((), codes, codes)[0].round(4))  # log 2 + 1
    [1.6931 1.6931]
    """
    activate = quantizers.find(activation)

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        v, others = activate(rows.u), activate(columns.u)
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = pairs.negative_log_likelihood(v, others, similar)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        error = pairs.quantisation_error(v)
        metrics = {"likelihood": likelihood.mean(), "quantisation": error.mean()}
        return likelihood + eta * error, state, metrics

    return HashLoss(stateless, apply)
