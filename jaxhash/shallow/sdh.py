"""SDH: supervised discrete hashing, codes that classify (Shen et al., CVPR 2015)."""

from functools import partial

import numpy as np

from jaxhash.errors import UserError
from jaxhash.shallow import Method
from jaxhash.shallow._kernel import Kernel, around

MOST_SWEEPS = 10  # over the bits of a code step; it ends where a sweep changes nothing


def fit(
    vectors: np.ndarray,
    labels: np.ndarray,
    bits: int,
    seed: int = 0,
    anchors: int = 1_000,
    decay: float = 1.0,
    penalty: float = 1e-5,
    rounds: int = 5,
) -> Kernel:
    """Fits codes B, a classifier W of codes and a kernel function F = phi(X) P, in turns.

        min |Y - B W|^2 + lambda |W|^2 + nu |B - F|^2      (equation 5, as norms over all images)

    From random codes, a round solves for W and P in closed form and for B bit by bit (discrete
    cyclic coordinate descent, equation 14). phi is the Gaussian kernel to anchors, and a constant 1
    as in the paper's code, by which a bit can be the same for all images. That code has a fixed
    width for features of length 1, here it is the one of `jaxhash.shallow._kernel.around`.

    Args:
      vectors: [n d].
      labels: [n c] 0 or 1, Y.
      bits: k.
      seed: of the anchors and of the first codes.
      anchors: 1,000 in the paper.
      decay: lambda.
      penalty: nu.
      rounds: 5 in the paper.

    Raises:
      UserError: there are fewer vectors than anchors.

    >>> draw = np.random.default_rng(0)
    >>> labels = np.eye(2)[draw.integers(0, 2, 200)]
    >>> kernel = fit(draw.normal(size=(200, 3)) + 4 * labels[:, :1], labels, 4, anchors=20)
    >>> kernel.weights.shape
    (20, 4)
    """
    draw = np.random.default_rng(seed)
    kernel = around(vectors, anchors, draw)
    features, wanted = kernel.features(vectors), labels.astype(float)
    codes = draw.choice([-1.0, 1.0], (len(vectors), bits))
    # The kernel is centred, and so orthogonal to the constant, whose weight is the mean of a bit.
    to_codes = np.linalg.pinv(features)
    for _ in range(rounds):
        classifier = classifier_of(codes, wanted, decay)
        near = features @ (to_codes @ codes) + codes.mean(axis=0)
        codes = discrete(codes, classifier, wanted @ classifier.T + penalty * near)
    return kernel._replace(weights=to_codes @ codes, bias=codes.mean(axis=0))


def classifier_of(codes: np.ndarray, labels: np.ndarray, decay: float) -> np.ndarray:
    """Returns W [k c] = (B^T B + lambda I)^-1 B^T Y.

    >>> classifier_of(np.array([[1.0], [-1.0]]), np.array([[1.0], [0.0]]), decay=0.0)
    array([[0.5]])
    """
    gram = codes.T @ codes + decay * np.eye(codes.shape[1])
    return np.linalg.solve(gram, codes.T @ labels)


def discrete(codes: np.ndarray, classifier: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """Minimises |B W|^2 - 2 tr(B^T Q) over codes, bit by bit, from given ones.

        b_k = sgn(q_k - B_rest W_rest w_k)

    Args:
      codes: [n k] of -1 and 1.
      classifier: [k c] W.
      pull: [n k] Q.

    Returns:
      [n k]; a bit for which both values are as good stays.

    >>> discrete(np.array([[-1.0]]), np.array([[1.0]]), np.array([[2.0]]))
    array([[1.]])
    """
    codes, gram = codes.copy(), classifier @ classifier.T
    for _ in range(MOST_SWEEPS):
        before = codes.copy()
        for k in range(codes.shape[1]):
            slope = pull[:, k] - codes @ gram[k] + codes[:, k] * gram[k, k]
            codes[:, k] = np.where(slope == 0, codes[:, k], np.sign(slope))
        if (codes == before).all():
            break
    return codes


def build(
    anchors: int = 1_000, decay: float = 1.0, penalty: float = 1e-5, rounds: int = 5
) -> Method:
    """Returns the method; see `fit`."""
    if anchors < 1 or rounds < 1:
        raise UserError("model.shallow.sdh: expected anchors and rounds of at least 1")
    if decay <= 0 or penalty < 0:
        raise UserError("model.shallow.sdh: expected decay above 0, and penalty of at least 0")
    fitted = partial(fit, anchors=anchors, decay=decay, penalty=penalty, rounds=rounds)
    return Method(fitted, partial(Kernel.shapes, anchors))
