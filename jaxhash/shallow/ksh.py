"""KSH: supervised hashing with kernels, one bit after another (Liu et al., CVPR 2012)."""

from functools import partial

import numpy as np

from jaxhash.errors import UserError
from jaxhash.shallow import Method
from jaxhash.shallow._kernel import Kernel, around

RIDGE = 1e-6  # of the mean of the diagonal: keeps the generalised eigenproblem definite


def fit(
    vectors: np.ndarray,
    labels: np.ndarray,
    bits: int,
    seed: int = 0,
    anchors: int = 300,
    labelled: int = 2_000,
) -> Kernel:
    """Fits weights of a kernel so that B B^T / k comes near S, greedily bit by bit.

    With K [l m] the centred kernel of the labelled vectors, S = 1 for images that share a label and
    -1 otherwise, and R_1 = k S, bit t maximises

        y^T R_t y,   y = sgn(K a),   |K a|^2 = l,   R_(t+1) = R_t - y y^T

    from the best real K a (the top vector of K^T R K a = lambda K^T K a), by ascent on the smooth
    phi(K a)^T R_t phi(K a) with phi(x) = 2 / (1 + e^-x) - 1 (equations 9 to 13). The paper ascends
    by Nesterov's method, here it is SciPy's L-BFGS-B on the same function and gradient; as in the
    paper, what it finds is taken where it raises y^T R_t y.

    Args:
      vectors: [n d].
      labels: [n c] 0 or 1.
      bits: k.
      seed: of the anchors and of the labelled vectors.
      anchors: m; 300 in the paper.
      labelled: l, at most; 2,000 in the paper for CIFAR-10.

    Raises:
      UserError: there are fewer vectors than anchors.

    >>> draw = np.random.default_rng(0)
    >>> labels = np.eye(2)[draw.integers(0, 2, 200)]
    >>> kernel = fit(draw.normal(size=(200, 3)) + 4 * labels[:, :1], labels, 4, anchors=20)
    >>> kernel.weights.shape
    (20, 4)
    """
    from scipy.optimize import minimize  # noqa: PLC0415  slow to import, and every command reads this file

    draw = np.random.default_rng(seed)
    kernel = around(vectors, anchors, draw)
    chosen = np.sort(draw.permutation(len(vectors))[:labelled])
    features = kernel.features(vectors[chosen])
    similar = labels[chosen].astype(float) @ labels[chosen].T > 0
    residual = np.where(similar, float(bits), -float(bits))
    gram = features.T @ features
    ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = []
    for _ in range(bits):
        start = _spectral(features, residual, gram + ridge)
        found = minimize(
            partial(negative_agreement, features=features, residual=residual),
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500},
        ).x
        codes = [np.where(features @ a >= 0, 1.0, -1.0) for a in (start, found)]
        raised = codes[1] @ residual @ codes[1] > codes[0] @ residual @ codes[0]
        weights.append(found if raised else start)
        code = codes[int(raised)]
        residual -= np.outer(code, code)
    return kernel._replace(weights=np.stack(weights, axis=1), bias=np.zeros(bits))


def negative_agreement(
    weights: np.ndarray, features: np.ndarray, residual: np.ndarray
) -> tuple[float, np.ndarray]:
    """Computes -phi(K a)^T R phi(K a) and its gradient by a, equations 12 and 13.

    Args:
      weights: [m] a.
      features: [l m] K.
      residual: [l l] R, symmetric.

    >>> value, gradient = negative_agreement(np.ones(1), np.ones((2, 1)), np.eye(2))
    >>> round(float(value), 3), gradient.round(3)
    (-0.427, array([-0.727]))
    """
    smooth = np.tanh(features @ weights / 2)  # 2 / (1 + e^-x) - 1
    pull = residual @ smooth
    return -smooth @ pull, -features.T @ (pull * (1 - smooth**2))


def build(anchors: int = 300, labelled: int = 2_000) -> Method:
    """Returns the method; see `fit`."""
    if min(anchors, labelled) < 1:
        raise UserError("model.shallow.ksh: expected anchors and labelled of at least 1")

    def fitted(vectors: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Kernel:
        return fit(vectors, labels, bits, seed, anchors, labelled)

    return Method(fitted, partial(Kernel.shapes, anchors))


def _spectral(features: np.ndarray, residual: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Returns the a [m] of the largest a^T K^T R K a, scaled to |K a|^2 = l."""
    from scipy.linalg import eigh  # noqa: PLC0415  as above

    top = [len(gram) - 1] * 2
    _, found = eigh(features.T @ residual @ features, gram, subset_by_index=top)
    a = found[:, 0]
    return a * np.sqrt(len(features) / max(((features @ a) ** 2).sum(), np.finfo(float).tiny))
