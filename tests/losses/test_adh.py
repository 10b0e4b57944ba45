import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.errors import UserError
from jaxhash.losses import Codes, adh

RANDOM = np.random.RandomState(0)
CLASSES = np.array([0, 1, 2, 0, 1])
LABELS = jnp.array(np.eye(3, dtype=np.uint8)[CLASSES])


def value(u, **options):
    rows = Codes(jnp.asarray(u, jnp.float32), LABELS, jnp.arange(5))
    return adh.build(**options).apply((), rows, rows)[0]


@pytest.mark.parametrize(("activation", "f"), [("tanh", np.tanh), ("identity", lambda u: u)])
def test_value_is_likelihood_and_quantisation(activation, f):
    u = RANDOM.normal(size=(5, 4))
    v = f(u)
    theta = v @ v.T / 2
    terms = np.log(1 + np.exp(theta)) - (CLASSES[:, None] == CLASSES[None, :]) * theta
    np.fill_diagonal(terms, 0)
    expected = terms.sum(axis=1) / 4 + 0.2 * ((np.where(v >= 0, 1, -1) - v) ** 2).mean(axis=1)
    np.testing.assert_allclose(value(u, eta=0.2, activation=activation), expected, rtol=1e-5)


def test_gradient_is_numerical_away_from_zero():
    u = jnp.array(RANDOM.uniform(0.3, 2, (5, 4)) * RANDOM.choice([-1, 1], (5, 4)), jnp.float32)
    check_grads(lambda u: value(u).mean(), (u,), order=1, modes=["rev"], rtol=0.01)


def test_sign_is_a_constant_to_the_gradient():
    u = jnp.zeros((5, 4))
    assert np.isfinite(jax.grad(lambda u: value(u, eta=1.0).mean())(u)).all()


def test_unknown_activations_are_refused():
    with pytest.raises(UserError, match="did you mean tanh"):
        adh.build(activation="tahn")
