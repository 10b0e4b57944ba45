"""Mechanisms against NumPy, written from their equations, and the maps that they show."""

import jax
import numpy as np
import pytest
from scipy.special import erf

from jaxhash import registry
from jaxhash.models.attention import MAPS

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(2, 5, 4, 12)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis):
    odds = np.exp(x - x.max(axis=axis, keepdims=True))
    return odds / odds.sum(axis=axis, keepdims=True)


def dense(x, layer):
    return x @ layer["kernel"] + layer.get("bias", 0)


def convolve(x, kernel, bias=0.0):
    """A convolution that keeps the size, pixel by pixel: x [b h w c], kernel [s s c d]."""
    side = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (side, side), (side, side), (0, 0)))
    out = np.zeros((*x.shape[:3], kernel.shape[3]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            window = padded[:, i : i + kernel.shape[0], j : j + kernel.shape[1]]
            out[:, i, j] = np.einsum("bstc,stcd->bd", window, kernel) + bias
    return out


def normalise(x, params, stats):
    return (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5) * params["scale"] + params["bias"]


def cbam(params, stats):
    excite = sum(
        dense(np.maximum(dense(pooled, params["squeeze"]), 0), params["excite"])
        for pooled in (X.mean((1, 2)), X.max((1, 2)))
    )
    x = X * sigmoid(excite)[:, None, None]
    pooled = np.stack([x.max(-1), x.mean(-1)], axis=-1)
    gate = convolve(pooled, params["spatial"]["kernel"])
    gate = sigmoid(normalise(gate, params["norm"], stats["norm"]))
    return x * gate, gate[..., 0]


def triplet(params, stats):
    out, shown = 0, 0
    for name, pooled_axis in (("channel_width", 1), ("height_channel", 2), ("height_width", 3)):
        # The axes that are left, in the order in which the published code's permutation leaves them
        rest = {1: (3, 2), 2: (1, 3), 3: (1, 2)}[pooled_axis]
        turned = X.transpose(0, *rest, pooled_axis)
        pooled = np.stack([turned.max(-1), turned.mean(-1)], axis=-1)
        gate = convolve(pooled, params[name]["kernel"])
        gate = sigmoid(normalise(gate, params[f"{name}_norm"], stats[f"{name}_norm"]))
        gate = np.broadcast_to(gate, turned.shape).transpose(
            0, *(1 + (*rest, pooled_axis).index(axis) for axis in (1, 2, 3))
        )
        out, shown = out + X * gate / 3, shown + gate.mean(-1) / 3
    return out, shown


def cab(params, stats):
    y = convolve(X, params["compress"]["kernel"], params["compress"]["bias"])
    y = y * (1 + erf(y / np.sqrt(2))) / 2
    y = convolve(y, params["expand"]["kernel"], params["expand"]["bias"])
    hidden = np.maximum(dense(y.mean((1, 2)), params["squeeze_gate"]), 0)
    y = y * sigmoid(dense(hidden, params["excite_gate"]))[:, None, None]
    return X + 0.01 * y, np.abs(y).mean(-1)


def se(params, stats):
    hidden = np.maximum(X.mean((1, 2)) @ params["squeeze"], 0)
    x = X * sigmoid(hidden @ params["excite"])[:, None, None]
    return x, np.abs(x).mean(-1)


def danet(params, stats):
    flat = X.reshape(2, 20, 12)
    query, key, value = (dense(flat, params[name]) for name in ("query", "key", "value"))
    weights = softmax(key @ query.transpose(0, 2, 1), axis=1)  # [b i j]
    position = weights.transpose(0, 2, 1) @ value
    energy = flat.transpose(0, 2, 1) @ flat
    channels = softmax(energy.max(1, keepdims=True) - energy, axis=1)
    out = params["position_scale"] * position + params["channel_scale"] * flat @ channels + 2 * flat
    return out.reshape(X.shape), weights.mean(2).reshape(2, 5, 4)


def ida(params, stats):
    flat = X.reshape(2, 20, 12)
    b, c, d = (dense(flat, params[name]) for name in "bcd")

    def weigh(scores):
        salient = (scores.max(2, keepdims=True) + scores.mean(2, keepdims=True)) / 2
        return softmax(salient - scores, axis=1)

    weights = weigh(b @ c.transpose(0, 2, 1))
    position = weights.transpose(0, 2, 1) @ d
    channel = flat @ weigh(flat.transpose(0, 2, 1) @ flat)
    out = params["alpha"] * position + params["beta"] * channel + 2 * flat
    return out.reshape(X.shape), weights.mean(2).reshape(2, 5, 4)


BY_HAND = {
    "cbam": (cbam, {"reduction": 4}),
    "triplet": (triplet, {}),
    "cab": (cab, {"squeeze": 4}),
    "se": (se, {"reduction": 4}),
    "danet": (danet, {"reduction": 4}),
    "ida": (ida, {}),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_mechanism_and_map_are_those_of_the_equations(name):
    by_hand, options = BY_HAND[name]
    module = registry.find("jaxhash.models.attention", name).build(**options)
    shapes = module.init(jax.random.key(0), X, False)
    assert MAPS not in shapes
    variables = jax.tree.map(lambda leaf: np.abs(RANDOM.normal(size=leaf.shape)) * 0.3, shapes)
    got, kept = module.apply(variables, X, False, mutable=[MAPS])
    out, shown = by_hand(variables["params"], variables.get("batch_stats"))
    np.testing.assert_allclose(got, out, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(kept[MAPS]["map"][0], shown, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", registry.names("jaxhash.models.attention"))
def test_every_mechanism_keeps_the_shape_for_any_number_of_images(name):
    """And its map, where it shows one, has a weight a position; so it can be exported."""
    module = registry.find("jaxhash.models.attention", name).build()
    variables = jax.eval_shape(lambda: module.init(jax.random.key(0), X, False))
    (batch,) = jax.export.symbolic_shape("b")
    images = jax.ShapeDtypeStruct((batch, *X.shape[1:]), X.dtype)
    out, kept = jax.eval_shape(
        lambda variables, x: module.apply(variables, x, False, mutable=[MAPS]), variables, images
    )
    assert out.shape == images.shape and out.dtype == X.dtype
    for shown in jax.tree.leaves(kept):
        assert shown.shape == images.shape[:3]
