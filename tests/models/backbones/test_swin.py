from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from safetensors.numpy import save_file

from jaxhash import config as configs
from jaxhash.distributed import devices
from jaxhash.errors import UserError
from jaxhash.models import hash_network, pretrained
from jaxhash.models.backbones import swin
from tests.models.backbones import make_swin_parity as parity
from tests.models.backbones import timm_parity
from tests.models.torch_weights import images


def untouched(node, x):
    return x


def shapes_of(network, size):
    x = jnp.zeros((1, size, size, 3))
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0), x, train=False, at_node=untouched)
    )["params"]


def drawn_like(template):
    leaves = traverse_util.flatten_dict(template, sep="/")
    drawn = timm_parity.draw({name: leaf.shape for name, leaf in leaves.items()})
    return traverse_util.unflatten_dict(drawn, sep="/")


@pytest.fixture(scope="module")
def stored():
    return timm_parity.read("swin")


@pytest.fixture(scope="module")
def small(stored, tmp_path_factory):
    """The network of the stored features, its converted weights, and its images."""
    head_size = parity.EMBED // parity.HEADS[0]
    network = swin.SwinTransformer(
        parity.DEPTHS, parity.EMBED, parity.WINDOW, 4, 0.5, head_size=head_size
    )
    path = tmp_path_factory.mktemp("weights") / "swin.safetensors"
    save_file(timm_parity.draw(stored[0]), path)
    template = {"params": {"backbone": shapes_of(network, parity.SIZE)}}
    converted = pretrained.initialise(template, str(path), swin.torch_names)
    variables = {"params": converted["params"]["backbone"]}
    return network, variables, images(2, parity.SIZE, parity.SIZE, 3)


@pytest.fixture(scope="module")
def plain(small):
    network, variables, x = small
    step = partial(network.apply, train=False, at_node=untouched)
    return np.asarray(jax.jit(step)(variables, x))


def test_converted_weights_give_what_timm_gives(stored, plain):
    expected = stored[1]
    assert np.abs(plain - expected).max() < 1e-4 * np.abs(expected).max()


def test_every_tensor_of_the_file_but_the_classifier_is_used(stored, small):
    paths = traverse_util.flatten_dict(small[1]["params"])
    names = [name for path in paths for name in swin.torch_names(path)]
    assert sorted(names) == sorted(name for name in stored[0] if not name.startswith("head."))


@pytest.mark.parametrize("window", [(1, 1), (2, 3), (4, 4)])
def test_relative_index_numbers_offsets(window):
    height, width = window
    index = swin.relative_index(window)
    pixels = [(row, column) for row in range(height) for column in range(width)]
    assert index.shape == (len(pixels), len(pixels))
    for i, (row, column) in enumerate(pixels):
        for j, (other_row, other_column) in enumerate(pixels):
            down, right = row - other_row, column - other_column
            expected = (down + height - 1) * (2 * width - 1) + (right + width - 1)
            assert index[i, j] == expected
    assert sorted(set(index.ravel())) == list(range((2 * height - 1) * (2 * width - 1)))


def sees(one, other, window, shift):
    """Whether two pixels of the map lie in one window, when windows begin `shift` pixels later."""
    return all(
        (a - s) // size == (b - s) // size
        for a, b, size, s in zip(one, other, window, shift, strict=True)
    )


@pytest.mark.parametrize(
    ("height", "width", "window", "shift"),
    [
        (6, 6, (3, 3), (1, 1)),
        (8, 4, (4, 2), (2, 1)),
        (4, 4, (4, 4), (0, 0)),
        (2, 8, (2, 4), (0, 2)),
    ],
)
def test_shift_mask_hides_what_the_roll_brought_together(height, width, window, shift):
    mask = swin.shift_mask(height, width, window, shift)
    windows = [
        [
            # After the roll, the pixel at (row, column) is the map's, `shift` further on.
            ((top + row + shift[0]) % height, (left + column + shift[1]) % width)
            for row in range(window[0])
            for column in range(window[1])
        ]
        for top in range(0, height, window[0])
        for left in range(0, width, window[1])
    ]
    expected = [
        [[0 if sees(a, b, window, shift) else -100 for b in pixels] for a in pixels]
        for pixels in windows
    ]
    assert np.array_equal(mask, expected)


def attend(q, k, v, extra):
    """One position with scores `extra` [m] added: q [d], k [m d], v [m d]."""
    scores = np.array([np.dot(q, key) for key in k]) / len(q) ** 0.5 + extra
    weights = np.exp(scores - scores.max())
    return sum(w * value for w, value in zip(weights / weights.sum(), v, strict=True))


def test_window_attention_is_equation_4():
    b, w, n, h, d = 2, 3, 5, 2, 4
    draw = np.random.RandomState(0).normal
    q, k, v = draw(size=(3, b, w, n, h, d)).astype(np.float32)
    bias = draw(size=(h, n, n)).astype(np.float32)
    mask = np.where(draw(size=(w, n, n)) > 0.5, -100, 0).astype(np.float32)
    got = swin.window_attention(*map(jnp.asarray, (q, k, v, bias, mask)))
    for i in np.ndindex(b, w, n, h):
        image, window, one, head = i
        extra = bias[head, one] + mask[window, one]
        keys, values = k[image, window, :, head], v[image, window, :, head]
        np.testing.assert_allclose(got[i], attend(q[i], keys, values, extra), atol=1e-5)


def test_scores_are_float32_in_bfloat16():
    """Two keys whose scores differ by less than bfloat16 can tell apart, at 256."""
    q = jnp.ones((1, 1, 1, 1, 256), jnp.bfloat16) * 4
    k = jnp.ones((1, 1, 2, 1, 256), jnp.bfloat16) * 4
    k = k.at[0, 0, 1, 0, :2].add(1)
    v = jnp.array([0.0, 1.0], jnp.bfloat16).reshape(1, 1, 2, 1, 1)
    got = swin.window_attention(q, k, v, jnp.zeros((1, 1, 2)), jnp.zeros((1, 1, 2)))
    assert got.dtype == jnp.bfloat16
    assert float(got[0, 0, 0, 0, 0]) == pytest.approx(1 / (1 + np.exp(-0.5)), abs=2e-3)


@pytest.mark.parametrize(
    ("height", "width", "window", "shift"),
    [(6, 6, (3, 3), (1, 1)), (4, 8, (4, 4), (0, 2)), (6, 4, (3, 2), (0, 0))],
)
def test_the_module_attends_pixel_by_pixel(height, width, window, shift):
    heads, channels = 2, 6
    module = swin.WindowAttention(heads, window, shift, jnp.float32)
    x = images(2, height, width, channels)
    template = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.asarray(x)))["params"]
    params = drawn_like(template)
    got = module.apply({"params": params}, jnp.asarray(x))

    drawn = traverse_util.flatten_dict(params, sep="/")
    qkv = x @ drawn["qkv/kernel"] + drawn["qkv/bias"]
    q, k, v = qkv.reshape(2, height, width, 3, heads, -1).transpose(3, 0, 4, 1, 2, 5)
    table = drawn["relative_position_bias_table"]
    out = np.zeros((2, height, width, heads, channels // heads))
    pixels = list(np.ndindex(height, width))
    for image, head in np.ndindex(2, heads):
        for one in pixels:
            seen = [other for other in pixels if sees(one, other, window, shift)]
            rows = [
                (one[0] - other[0] + window[0] - 1) * (2 * window[1] - 1)
                + (one[1] - other[1] + window[1] - 1)
                for other in seen
            ]
            keys, values = ([z[image, head][other] for other in seen] for z in (k, v))
            query = q[image, head][one]
            out[image, one[0], one[1], head] = attend(query, keys, values, table[rows, head])
    expected = out.reshape(x.shape) @ drawn["proj/kernel"] + drawn["proj/bias"]
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("name", swin.VARIANTS)
def test_nodes_are_visited_in_their_order(name):
    network = swin.build(name, embed=8, window=4)
    visited = {}

    def at_node(node, x):
        assert node not in visited
        visited[node] = x.shape[1:], x.dtype
        return x

    x = jnp.zeros((1, 64, 64, 3))
    jax.eval_shape(lambda: network.init(jax.random.key(0), x, train=False, at_node=at_node))
    assert tuple(visited) == swin.nodes(name)
    assert visited["stage1_block0"] == visited["stage1"] == ((16, 16, 8), jnp.float32)
    assert visited["stage4"] == ((2, 2, 64), jnp.float32)


def test_in_bfloat16_blocks_hand_out_float32():
    network = swin.build("swin_tiny", embed=8, window=4, dtype=jnp.bfloat16)
    types = {}

    def at_node(node, x):
        types["block" in node] = x.dtype
        return x + 0.01 * x

    x = jnp.zeros((1, 64, 64, 3), jnp.bfloat16)
    out, _ = jax.eval_shape(
        lambda: network.init_with_output(jax.random.key(0), x, train=False, at_node=at_node)
    )
    assert types == {True: jnp.float32, False: jnp.bfloat16}
    assert out.dtype == jnp.bfloat16


def test_a_block_adds_what_the_mechanism_adds():
    """With W-MSA and MLP held at zero, a block is x + (at_node(LN(x)) - LN(x))."""
    block = swin.Block(1, (2, 2), (1, 1), 0.0, jnp.bfloat16)
    x = jnp.asarray(images(1, 4, 4, 8), jnp.bfloat16)
    template = jax.eval_shape(lambda: block.init(jax.random.key(0), x, False, lambda y: y))
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), template)
    params["params"]["norm1"]["scale"] = jnp.ones(8)

    @partial(jax.jit, static_argnums=0)
    def run(mechanism):
        given = []

        def at_node(y):
            given.append(y)
            return mechanism(y)

        return block.apply(params, x, False, at_node), given[0]

    assert np.array_equal(run(lambda y: y)[0], x)
    got, given = run(lambda y: y + 0.0625)
    assert np.array_equal(got, (x.astype(jnp.float32) + 0.0625).astype(jnp.bfloat16))
    mean, deviation = np.mean(x, axis=-1, dtype=float), np.std(x, axis=-1, dtype=float)
    expected = (np.asarray(x, float) - mean[..., None]) / deviation[..., None]
    np.testing.assert_allclose(given, expected, atol=1e-3)


@pytest.fixture
def shallow(monkeypatch):
    """Fewer blocks to compile."""
    monkeypatch.setitem(swin.VARIANTS, "swin_tiny", (8, (1, 2, 1, 1)))


def hashing(attention="cab", **cab):
    config = configs.base().model
    config.backbone.name = "swin_tiny"
    config.backbone.swin.window = 4
    config.attention.update(name=attention, nodes=("stage*_block*",))
    config.attention.cab.update(cab)
    return hash_network.build(config, labels=10)


@pytest.mark.slow
def test_attention_in_the_blocks_has_parameters_for_each_and_acts_by_its_scale(shallow):
    x = jnp.asarray(images(1, 64, 64, 3))
    template = jax.eval_shape(lambda: hashing().init(jax.random.key(0), x))["params"]
    nodes = [f"stage{stage}_block{block}" for stage, block in ((1, 0), (2, 0), (2, 1), (3, 0))]
    attention = {f"attention_{node}" for node in (*nodes, "stage4_block0")}
    assert {name for name in template if name.startswith("attention_")} == attention
    variables = {"params": drawn_like(template)}

    def u(*args, **cab):
        return np.asarray(jax.jit(hashing(*args, **cab).apply)(variables, x).u)

    without = u("none")
    np.testing.assert_allclose(u(scale=0.0), without, rtol=0, atol=1e-6)
    assert not np.allclose(u(scale=0.5), without, atol=1e-3)


@pytest.mark.parametrize(
    ("size", "options", "nearest"),
    [
        (256, {}, "224 or 448"),
        (230, {}, "224 or 448"),
        (32, {"patch": 1}, "56"),
        (100, {"window": 8}, "64 or 128"),
        (48, {"window": 4, "patch": 2}, "32 or 64"),
    ],
)
def test_sizes_that_do_not_divide_are_refused(size, options, nearest):
    with pytest.raises(UserError, match=f"images of {size} pixels.*would do: {nearest}$") as error:
        swin.check_size("swin_tiny", size, **options, embed=8)
    assert str(error.value).startswith("swin_tiny ") and "\n" not in str(error.value)
    network = swin.build("swin_tiny", embed=8, **options)
    x = jnp.zeros((1, 224, size, 3))
    with pytest.raises(UserError, match=r"cannot take images of"):
        jax.eval_shape(lambda: network.init(jax.random.key(0), x, False, untouched))


@pytest.mark.parametrize(("height", "width"), [(32, 64), (128, 64)])
def test_an_oblong_image_is_cut_by_each_side(height, width):
    network = swin.build("swin_tiny", embed=8, window=4)
    out = jax.eval_shape(
        lambda: network.init_with_output(
            jax.random.key(0), jnp.zeros((1, height, width, 3)), False, untouched
        )[0]
    )
    assert out.shape == (1, height // 32, width // 32, 64)


@pytest.mark.slow
def test_stochastic_depth_drops_whole_branches_of_images_in_training_alone(small, plain):
    """At evaluation, the parity above holds although half of the last block's are dropped."""
    network, variables, x = small
    same = np.concatenate([x[:1]] * 4)

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None), axis_name=devices.AXIS)
    def train(x, key):
        return network.apply(variables, x, train=True, at_node=untouched, rngs={"dropout": key})

    first, second = (np.asarray(train(same[None], jax.random.key(seed))[0]) for seed in (0, 1))
    assert not np.allclose(first, second, atol=1e-3)
    assert not np.allclose(first, plain[:1], atol=1e-3)
    # The same image four times, and not the same branches of each.
    assert not np.allclose(first[:1], first[1:], atol=1e-3)


def test_the_last_block_is_dropped_most():
    drops = []

    def see(next_function, args, kwargs, context):
        if isinstance(context.module, swin.Block) and context.method_name == "__call__":
            drops.append(context.module.drop)
        return next_function(*args, **kwargs)

    with swin.nn.intercept_methods(see):
        shapes_of(swin.build("swin_tiny", embed=8, window=4, drop_path=0.2), 64)
    assert drops == pytest.approx([0.2 * i / 11 for i in range(12)])


@pytest.mark.parametrize(
    ("name", "count"),
    [("swin_tiny", 27_519_354), ("swin_small", 48_837_258), ("swin_base", 86_743_224)],
)
def test_published_sizes(name, count):
    leaves = jax.tree.leaves(shapes_of(swin.build(name), 224))
    assert sum(leaf.size for leaf in leaves) == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window and patch"),
        ({"patch": 0}, "window and patch"),
        ({"embed": 40}, "swin.embed=40"),
        ({"embed": -32}, "swin.embed=-32"),
        ({"drop_path": 1.0}, "swin.drop_path=1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        swin.build("swin_tiny", **options)
