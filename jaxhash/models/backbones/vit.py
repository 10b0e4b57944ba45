"""Vision Transformer (Dosovitskiy et al., ICLR 2021): attention of all patches to all patches."""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from jaxhash.errors import UserError
from jaxhash.models.backbones._torch_names import torch_name
from jaxhash.models.layers import Dropout

# Channels, blocks and heads of each.
VARIANTS = {
    "vit_tiny": (192, 12, 3),
    "vit_small": (384, 12, 6),
    "vit_base": (768, 12, 12),
    "vit_micro": (32, 2, 2),  # no paper's: for small images, from random weights
}
POOLS = ("token", "mean", "all")

_normal = nn.initializers.normal(0.02)
_layer_norm = partial(nn.LayerNorm, epsilon=1e-6)
_dense = partial(nn.Dense, kernel_init=_normal)


class SelfAttention(nn.Module):
    """Multi-head attention of every token to every token; scores and softmax are float32."""

    heads: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b n c] to [b n c]."""
        channels = x.shape[-1]
        qkv = _dense(3 * channels, dtype=self.dtype, name="qkv")(x)
        q, k, v = rearrange(qkv, "b n (qkv h d) -> qkv b h n d", qkv=3, h=self.heads)
        scores = jnp.einsum("bhnd,bhmd->bhnm", q, k, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores / q.shape[-1] ** 0.5).astype(v.dtype)
        out = rearrange(jnp.einsum("bhnm,bhmd->bhnd", weights, v), "b h n d -> b n (h d)")
        return _dense(channels, dtype=self.dtype, name="proj")(out)


class Block(nn.Module):
    """x = x + MSA(LN(x)), x = x + MLP(LN(x)): equations 2 and 3."""

    heads: int
    drop: float
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b n c] to [b n c]."""
        channels = x.shape[-1]
        drop = partial(Dropout, self.drop)
        y = _layer_norm(dtype=self.dtype, name="norm1")(x)
        x = x + drop()(SelfAttention(self.heads, self.dtype, name="attn")(y), train)
        y = _layer_norm(dtype=self.dtype, name="norm2")(x)
        y = _dense(4 * channels, dtype=self.dtype, name="mlp_fc1")(y)
        y = _dense(channels, dtype=self.dtype, name="mlp_fc2")(nn.gelu(y, approximate=False))
        return x + drop()(y, train)


class VisionTransformer(nn.Module):
    """Patches, a class token, learnt positions, blocks, and a last normalisation.

    Attributes:
      embed, depth, heads: channels, blocks, heads of a block.
      patch: height and width of a patch.
      pool: features are the class `"token"`, the `"mean"` of the patches, or `"all"` tokens, flat.
      drop: share that dropout takes of what each part of a block adds.
    """

    embed: int
    depth: int
    heads: int
    patch: int
    pool: str
    drop: float
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to features [b embed], or [b (1 + h w / patch^2) embed] flat.

        At its nodes, the map [b 1 n embed] is the class token and then the patches in reading
        order.

        Raises UserError on a height or width that is no multiple of the patch.
        """
        for side in x.shape[1:3]:
            check_size("the Vision Transformer", side, self.patch)
        size = (self.patch, self.patch)
        x = nn.Conv(self.embed, size, size, "VALID", dtype=self.dtype, name="patch_embed_proj")(x)
        x = rearrange(x, "b h w c -> b (h w) c")
        token = self.param("cls_token", _normal, (1, 1, self.embed)).astype(self.dtype)
        tokens = jnp.broadcast_to(token, (x.shape[0], 1, self.embed))
        x = jnp.concatenate([tokens, x], axis=1)
        positions = self.param("pos_embed", _normal, (1, x.shape[1], self.embed))
        x = x + positions.astype(self.dtype)
        for number in range(self.depth):
            x = Block(self.heads, self.drop, self.dtype, name=f"blocks_{number}")(x, train)
            if number == self.depth - 1:
                x = _layer_norm(dtype=self.dtype, name="norm")(x)
            x = at_node(f"block{number + 1}", x[:, None])[:, 0]
        if self.pool == "all":
            return x.reshape(x.shape[0], -1)
        return x[:, 0] if self.pool == "token" else x[:, 1:].mean(axis=1)


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: after each block.

    >>> nodes("vit_base")[-1]
    'block12'
    """
    return tuple(f"block{number + 1}" for number in range(VARIANTS[name][1]))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as timm does, in files of networks with the same size of image.

    >>> torch_names(("blocks_0", "attn", "qkv", "kernel")), torch_names(("cls_token",))
    (('blocks.0.attn.qkv.weight',), ('cls_token',))
    """
    *modules, leaf = path
    parts = [
        m.replace("blocks_", "blocks.").replace("mlp_", "mlp.").replace("embed_", "embed.")
        for m in modules
    ]
    return (torch_name(parts, leaf),)


def check_size(name: str, size: int, patch: int = 16, **options: object) -> None:
    """Raises UserError where an image's height or width cannot be cut into patches.

    Args:
      name: of the network, for the message.
      size: in pixels.
      patch, options: those of `build`.

    >>> check_size("vit_base", 224)
    """
    if size % patch or size < patch:
        below = max(size // patch, 1) * patch
        near = [below] if size < patch else [below, below + patch]
        raise UserError(
            f"{name} cannot take images of {size} pixels: expected a multiple of patch={patch}; "
            f"nearest that would do: {' or '.join(map(str, near))}"
        )


def build(
    name: str,
    patch: int = 16,
    pool: str = "token",
    drop: float = 0.0,
    dtype: jnp.dtype = jnp.float32,
) -> nn.Module:
    """Returns the named network; raises UserError on a value that none could have.

    The published ViT-B/16 is `build("vit_base")`.

    >>> build("vit_base").embed
    768
    """
    if patch < 1:
        raise UserError(f"model.backbone.vit.patch={patch}: expected at least 1")
    if pool not in POOLS:
        raise UserError(f"model.backbone.vit.pool={pool}: expected token, mean or all")
    if not 0 <= drop < 1:
        raise UserError(f"model.backbone.vit.drop={drop}: expected at least 0 and below 1")
    embed, depth, heads = VARIANTS[name]
    return VisionTransformer(embed, depth, heads, patch, pool, drop, dtype)
