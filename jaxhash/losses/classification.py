"""Classification alone: cross-entropy of a classifier on the code."""

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _classes as classes


def build() -> HashLoss:
    """Builds the cross-entropy of the head's classifier; with several labels, of y / |y|_1.

    What the code is that the classifier is given, the head says: with `model.head.name=bihalf` it
    is the bi-half net with labels; with a classifier on tanh(u), what methods with further terms
    are to be compared with.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.ones((1, 4)), jnp.eye(2)[:1], jnp.arange(1), logits=jnp.zeros((1, 2)))
    >>> print(build().apply((), codes, codes)[0].round(4))
    [0.6931]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        right = rows.logits.argmax(axis=1) == rows.labels.argmax(axis=1)
        return entropy, state, {"cross_entropy": entropy.mean(), "accuracy": right.mean()}

    return HashLoss(stateless, apply, needs_logits=True)
