"""Swin Transformer (Liu et al., ICCV 2021): attention in windows that shift from block to block.

Attention can also be inserted inside the blocks, parallel to window attention: where HAT (Chen et
al., CVPR 2023) has its channel attention, and where HRMPA names it.
"""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange

from jaxhash.errors import UserError
from jaxhash.models.backbones._torch_names import torch_name
from jaxhash.models.layers import Dropout

# Channels of the first stage, doubled by each further one; blocks in each stage (section 3.3).
VARIANTS = {
    "swin_tiny": (96, (2, 2, 6, 2)),
    "swin_small": (96, (2, 2, 18, 2)),
    "swin_base": (128, (2, 2, 18, 2)),
    "swin_micro": (32, (1, 1, 2, 1)),  # no paper's: for small images, from random weights
}
HEAD_SIZE = 32  # channels of a head, in all variants
STAGES = 4

# As PyTorch's trunc_normal_, which truncates at -2 and 2 and not at two standard deviations.
_normal = nn.initializers.normal(0.02)
_layer_norm = partial(nn.LayerNorm, epsilon=1e-5)
_dense = partial(nn.Dense, kernel_init=_normal)


def window_attention(
    q: jax.Array, k: jax.Array, v: jax.Array, bias: jax.Array, mask: jax.Array
) -> jax.Array:
    """Attends within windows, Swin equation 4: softmax(q k^T / sqrt(d) + bias + mask) v.

    Scores and softmax are float32, whatever q and k are.

    Args:
      q, k, v: [b w n h d] images, windows, positions of a window, heads, channels of a head.
      bias: [h n n] by head, the position that attends, the one attended to.
      mask: [w n n], the same for all heads.

    Returns:
      [b w n h d] in the type of v.

    >>> q = jnp.zeros((1, 1, 2, 1, 3))
    >>> v = jnp.arange(2.0).reshape(1, 1, 2, 1, 1)
    >>> window_attention(q, q, v, jnp.zeros((1, 2, 2)), jnp.zeros((1, 2, 2))).ravel().tolist()
    [0.5, 0.5]
    """
    scores = jnp.einsum("bwnhd,bwmhd->bwhnm", q, k, preferred_element_type=jnp.float32)
    scores = scores / np.sqrt(q.shape[-1]) + bias[None, None] + mask[None, :, None]
    weights = jax.nn.softmax(scores).astype(v.dtype)
    return jnp.einsum("bwhnm,bwmhd->bwnhd", weights, v)


def relative_index(window: tuple[int, int]) -> np.ndarray:
    """Numbers the offsets between the positions of a window (Swin section 3.2).

    Args:
      window: height and width.

    Returns:
      [n n] rows of the bias table, for n = height * width positions in reading order: that of the
      offset from the second position to the first.

    >>> relative_index((1, 3)).tolist()
    [[2, 1, 0], [3, 2, 1], [4, 3, 2]]
    """
    height, width = window
    rows, columns = np.divmod(np.arange(height * width), width)
    down = rows[:, None] - rows[None, :] + height - 1
    right = columns[:, None] - columns[None, :] + width - 1
    return down * (2 * width - 1) + right


def shift_mask(
    height: int, width: int, window: tuple[int, int], shift: tuple[int, int]
) -> np.ndarray:
    """Hides from each other what only the cyclic roll brought together (Swin section 3.2).

    The roll moves the first `shift` rows behind the last one. In a window at that edge, they see
    themselves, and the others see the others; the same holds for columns.

    Args:
      height, width: of the map. window, shift: in rows and columns.

    Returns:
      [w n n] float32, for windows and their positions in reading order: 0 between two positions
      that were neighbours before the roll, -100 between others.

    >>> shift_mask(1, 4, (1, 2), (0, 1)).tolist()
    [[[0.0, 0.0], [0.0, 0.0]], [[0.0, -100.0], [-100.0, 0.0]]]
    """
    down = np.arange(height) >= height - shift[0]
    right = np.arange(width) >= width - shift[1]
    region = 2 * down[:, None] + right[None, :]
    region = rearrange(region, "(i m) (j n) -> (i j) (m n)", m=window[0], n=window[1])
    apart = region[:, :, None] != region[:, None, :]
    return np.where(apart, -100, 0).astype(np.float32)


class WindowAttention(nn.Module):
    """Multi-head self-attention in (shifted) windows, W-MSA and SW-MSA of section 3.2."""

    heads: int
    window: tuple[int, int]
    shift: tuple[int, int]
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        height, width, channels = x.shape[1:]
        rows, columns = self.window
        offsets = (2 * rows - 1) * (2 * columns - 1)
        table = self.param("relative_position_bias_table", _normal, (offsets, self.heads))
        bias = rearrange(table[relative_index(self.window)], "n m h -> h n m")
        mask = jnp.asarray(shift_mask(height, width, self.window, self.shift))
        x = jnp.roll(x, [-offset for offset in self.shift], (1, 2))
        qkv = _dense(3 * channels, dtype=self.dtype, name="qkv")(x)
        windows = "b (i m) (j n) (qkv h d) -> qkv b (i j) (m n) h d"
        q, k, v = rearrange(qkv, windows, qkv=3, h=self.heads, m=rows, n=columns)
        out = window_attention(q, k, v, bias, mask)
        back = "b (i j) (m n) h d -> b (i m) (j n) (h d)"
        out = rearrange(out, back, i=height // rows, m=rows)
        return jnp.roll(_dense(channels, dtype=self.dtype, name="proj")(out), self.shift, (1, 2))


class Block(nn.Module):
    """Window attention and a perceptron, each with a shortcut (Swin equation 3, HAT's block).

        y = LN(x),   x = x + W-MSA(y) + (at_node(y) - y),   x = x + MLP(LN(x))

    What an inserted mechanism adds to its own input is added to the output of window attention.
    Stochastic depth drops W-MSA and MLP, each with probability `drop`.
    """

    heads: int
    window: tuple[int, int]
    shift: tuple[int, int]
    drop: float
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        channels = x.shape[3]
        # In float32: an inserted mechanism may add a hundredth of y, which bfloat16 would lose.
        y = _layer_norm(dtype=jnp.float32, name="norm1")(x)
        attend = WindowAttention(self.heads, self.window, self.shift, self.dtype, name="attn")
        update = Dropout(self.drop, whole=True)(attend(y), train)
        attended = at_node(y)
        if attended is not y:
            update += attended - y
        x = (x + update).astype(self.dtype)
        y = _layer_norm(dtype=self.dtype, name="norm2")(x)
        y = _dense(4 * channels, dtype=self.dtype, name="mlp_fc1")(y)
        y = _dense(channels, dtype=self.dtype, name="mlp_fc2")(nn.gelu(y, approximate=False))
        return x + Dropout(self.drop, whole=True)(y, train)


class PatchEmbedding(nn.Module):
    """Maps each patch of the image to a pixel of the first map."""

    channels: int
    patch: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h/patch w/patch channels]."""
        size = (self.patch, self.patch)
        x = nn.Conv(self.channels, size, size, "VALID", dtype=self.dtype, name="proj")(x)
        return _layer_norm(dtype=self.dtype, name="norm")(x)


class PatchMerging(nn.Module):
    """Makes one pixel of twice the channels out of 2 x 2."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h/2 w/2 2c]."""
        out = 2 * x.shape[3]
        # Down before right, as the published weights have it.
        x = rearrange(x, "b (h down) (w right) c -> b h w (right down c)", down=2, right=2)
        x = _layer_norm(dtype=self.dtype, name="norm")(x)
        return _dense(out, use_bias=False, dtype=self.dtype, name="reduction")(x)


class SwinTransformer(nn.Module):
    """Four stages of blocks; the last map leaves normalised, without pooling.

    Attributes:
      depths: blocks in each stage.
      embed: channels of the first stage, doubled by each further one.
      window: height and width of a window; a map that is no larger is one window, and not shifted.
      patch: height and width of a patch, a pixel of the first map.
      drop_path: how often stochastic depth drops the last block; rises to it linearly from 0.
      head_size: channels of a head.
    """

    depths: Sequence[int]
    embed: int
    window: int
    patch: int
    drop_path: float
    head_size: int = HEAD_SIZE
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to a feature map [b h/(8 patch) w/(8 patch) 8*embed].

        Raises UserError on a height or width that `check_size` refuses.
        """
        for size in x.shape[1:3]:
            check_size("the Swin Transformer", size, self.window, self.patch)
        drops = iter(np.linspace(0, self.drop_path, sum(self.depths)))
        x = PatchEmbedding(self.embed, self.patch, self.dtype, name="patch_embed")(x)
        for stage, depth in enumerate(self.depths):
            if stage > 0:
                x = PatchMerging(self.dtype, name=f"layers_{stage}_downsample")(x)
            height, width = x.shape[1:3]
            window = min(self.window, height), min(self.window, width)
            half = self._shift(height), self._shift(width)
            for block in range(depth):
                x = Block(
                    max(1, x.shape[3] // self.head_size),
                    window,
                    half if block % 2 else (0, 0),
                    float(next(drops)),
                    self.dtype,
                    name=f"layers_{stage}_blocks_{block}",
                )(x, train, partial(at_node, f"stage{stage + 1}_block{block}"))
            if stage == len(self.depths) - 1:
                x = _layer_norm(dtype=self.dtype, name="norm")(x)
            x = at_node(f"stage{stage + 1}", x)
        return x

    def _shift(self, size: int) -> int:
        """Returns by how much windows shift along a height or width; 0 for a single window."""
        return self.window // 2 if size > self.window else 0


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: parallel to each block's own, and after each stage.

    >>> nodes("swin_tiny")[:4]
    ('stage1_block0', 'stage1_block1', 'stage1', 'stage2_block0')
    """
    _, depths = VARIANTS[name]
    stages = {f"stage{stage + 1}": depth for stage, depth in enumerate(depths)}
    return tuple(
        node
        for stage, depth in stages.items()
        for node in (*(f"{stage}_block{block}" for block in range(depth)), stage)
    )


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as timm has done since version 0.9.

    The authors' own files name the merging before layer i "layers.{i-1}.downsample", which timm
    names another merging; for its shape, such a file is refused.

    >>> torch_names(("layers_1_downsample", "norm", "scale"))
    ('layers.1.downsample.norm.weight',)
    """
    *modules, leaf = path
    parts = [m if m == "patch_embed" else m.replace("_", ".") for m in modules]
    return (torch_name(parts, leaf),)


def check_size(name: str, size: int, window: int = 7, patch: int = 4, **options: object) -> None:
    """Raises UserError where an image's height or width cannot be cut into patches and windows.

    Args:
      name: of the network, for the message.
      size: in pixels.
      window, patch, options: those of `build`.

    >>> check_size("swin_tiny", 224)
    >>> check_size("swin_tiny", 256, window=8)
    """
    step = patch * 2 ** (STAGES - 1)

    def fits(size: int) -> bool:
        maps = [size // (patch * 2**stage) for stage in range(STAGES)]
        return size % step == 0 and all(m <= window or m % window == 0 for m in maps)

    if not fits(size):
        # A multiple of step * window always fits.
        fitting = [s for s in range(step, size + step * window + 1, step) if fits(s)]
        near = [s for s in fitting if s < size][-1:] + [s for s in fitting if s > size][:1]
        raise UserError(
            f"{name} cannot take images of {size} pixels: expected, with patch={patch} and "
            f"window={window}, a multiple of {step} whose maps, in each stage, divide by the "
            f"window or are no larger; nearest that would do: {' or '.join(map(str, near))}"
        )


def build(
    name: str,
    window: int = 7,
    patch: int = 4,
    embed: int = 0,
    drop_path: float = 0.1,
    dtype: jnp.dtype = jnp.float32,
) -> nn.Module:
    """Returns the named network; raises UserError on a value that none could have.

    `embed=0` is the variant's own. Each stage has as many heads as it has 32 channels, at least 1.

    >>> build("swin_base").embed, build("swin_base", embed=8).embed
    (128, 8)
    """
    own, depths = VARIANTS[name]
    embed = embed or own
    if min(window, patch) < 1:
        raise UserError("model.backbone.swin: window and patch are expected to be at least 1")
    if embed < 0 or (embed % HEAD_SIZE and HEAD_SIZE % embed):
        expected = f"0, a multiple of {HEAD_SIZE}, or 1, 2, 4, 8 or 16"
        raise UserError(f"model.backbone.swin.embed={embed}: expected {expected}")
    if not 0 <= drop_path < 1:
        expected = "at least 0 and below 1"
        raise UserError(f"model.backbone.swin.drop_path={drop_path}: expected {expected}")
    return SwinTransformer(depths, embed, window, patch, drop_path, dtype=dtype)
