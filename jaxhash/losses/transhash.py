"""TransHash: a Cauchy likelihood of each of several codes of an image (Chen et al., ICMR 2022)."""

import jax.numpy as jnp
import numpy as np

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, dch, stateless
from jaxhash.losses import _pairs as pairs


def build(gamma: float = 20.0, quantisation_weight: float = 0.1, streams: int = 5) -> HashLoss:
    """Builds the objective of TransHash, a reading.

        L = mean over streams m of DCH(u^m),    u = (u^1, ..., u^M)

    with `jaxhash.losses.dch` of the bits of a stream. The paper has a global stream and local ones
    of a vision transformer, each with a hash layer of its own, joined to one code, and learns them
    by a Bayesian likelihood with similarities that are counted in each batch. It was not at hand
    in full and has no published code; that the likelihood is Cauchy's, that it is summed over the
    streams, and that k bits are divided evenly among them is read. The head
    `jaxhash.models.heads.streams` has the hash layers.

    Args:
      gamma: scale of the distribution, in bits.
      quantisation_weight: weight of the quantisation.
      streams: M: one of the whole image, and the others of parts of it.

    Returns:
      the loss, without state.

    Raises:
      UserError: gamma is not above 0, there is no stream, or there are fewer bits than streams.

    >>> u = jnp.array([[1.0, 1.0], [-1.0, -1.0]])
    >>> codes = Codes(u, jnp.eye(2), jnp.arange(2))
    >>> print(build(gamma=1.0, streams=2).apply((), codes, codes)[0].round(4))  # d = 1: log 2
    [0.6931 0.6931]
    """
    dch.check_gamma("transhash", gamma)
    if streams < 1:
        raise UserError(f"loss.transhash.streams={streams}: expected at least 1")

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        bits = rows.u.shape[1]
        if bits < streams:
            raise UserError(
                f"loss.transhash.streams={streams}: model.bits={bits} are fewer; expected a bit "
                "for each stream"
            )
        share = pairs.share_of_similar(columns)
        cauchy = error = jnp.zeros(len(rows.u))
        for own in np.array_split(np.arange(bits), streams):
            own_rows, own_columns = (c._replace(u=c.u[:, own]) for c in (rows, columns))
            of_pairs, of_codes = dch.terms(own_rows, own_columns, share, gamma)
            cauchy, error = cauchy + of_pairs / streams, error + of_codes / streams
        metrics = {"cauchy": cauchy.mean(), "quantisation": error.mean()}
        return cauchy + quantisation_weight * error, state, metrics

    return HashLoss(stateless, apply)
