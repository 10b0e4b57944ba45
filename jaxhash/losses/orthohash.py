"""OrthoHash: cosines with the fixed codes of classes, and a margin (Hoe et al., NeurIPS 2021)."""

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _centres as class_centres
from jaxhash.losses import _classes as classes
from jaxhash.losses import _distances as distances

KINDS = ("cos", "arc")
INSIDE = 0.99999  # the largest cosine whose angle has a derivative worth taking


def build(
    kind: str = "cos", scale: float = 8.0, margin: float = 0.2, centres: str = "published"
) -> HashLoss:
    """Builds the cross-entropy of scaled cosines between outputs and the codes of classes.

        cos:  logits_c = s (cos(u, o_c) - m y_c)           (equation 7, OrthoCos)
        arc:  logits_c = s cos(acos(cos(u, o_c)) + m y_c)  (OrthoArc)

    with o_c the code of class c, which stays as it was drawn. There is no other term: the paper
    normalises the outputs of the hash layer over the batch, which balances bits and lowers the
    quantisation error (`model.hash_norm`). With several labels, the target is y / |y|_1 and every
    label has the margin.

    Args:
      kind: `"cos"` or `"arc"`.
      scale: s; 8 in the public implementation for cos, 10 for arc.
      margin: m.
      centres: how the codes are chosen, `"published"` or `"balanced"`, see
        `jaxhash/losses/_centres.py`.

    Returns:
      the loss; its state is the codes, [l k].

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build(margin=0.0)
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0].round(4))
    [0.6931 0.6931]
    """
    if kind not in KINDS:
        raise UserError(f"loss.orthohash.kind={kind}: expected cos or arc")
    class_centres.check("orthohash", centres)

    def init(task: Task) -> jax.Array:
        return jnp.asarray(class_centres.centres(centres, task.labels.shape[1], task.bits)[0])

    def apply(state: jax.Array, rows: Codes, columns: Codes):
        cosine = distances.cosine(rows.u, state)
        y = rows.labels.astype(jnp.float32)
        if kind == "cos":
            logits = scale * (cosine - margin * y)
        else:
            angle = jnp.arccos(jnp.clip(cosine, -INSIDE, INSIDE))
            logits = scale * jnp.cos(angle + margin * y)
        entropy = classes.cross_entropy(logits, rows.labels)
        own = (cosine * classes.shares(rows.labels)).sum(axis=1)
        return entropy, state, {"cross_entropy": entropy.mean(), "cosine": own.mean()}

    return HashLoss(init, apply)
