"""The network: backbone, attention at its nodes, average pool, hash head."""

import functools
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import FrozenDict

from jaxhash import registry, shallow
from jaxhash.errors import UserError
from jaxhash.models import backbones
from jaxhash.models.heads import Outputs
from jaxhash.models.heads._fitted import FittedHead

PARTS = ("backbone", "attention", "head")
LAST = "last"  # stands for the last node of any backbone
ALL = "all"  # the cut behind the backbone


class _Reached(Exception):
    """The backbone has come to the cut."""

    def __init__(self, x: jax.Array):
        super().__init__()
        self.map = x


class HashModel(nn.Module):
    """Maps normalised images [b h w c] to `Outputs`.

    Attributes:
      backbone: a module of `jaxhash.models.backbones`.
      attention: nodes of the backbone, and the module of `jaxhash.models.attention` at each.
      head: a module of `jaxhash.models.heads`.
      frozen: which of `PARTS` are in inference mode while the others train.
      cut: the node of the backbone at which a map can be kept and handed in again, or `ALL`.
    """

    backbone: nn.Module
    attention: Mapping[str, nn.Module]
    head: nn.Module
    dtype: jnp.dtype = jnp.float32
    frozen: frozenset[str] = frozenset()
    cut: str = ""

    def __call__(
        self, images: jax.Array, train: bool = False, kept: jax.Array | None = None
    ) -> Outputs:
        """Computes head(pool(attention(backbone(x)))).

        A backbone that ends in fully connected layers returns features [b c] and is not pooled.

        Args:
          images: [b h w c].
          train: whether parts that are not frozen are in training mode.
          kept: what `trunk` returned for these images; the result then depends on the images no
            more, and the compiler leaves out all that comes before the cut.
        """

        trains = {part: train and part not in self.frozen for part in PARTS}
        if kept is not None and self.cut == ALL:
            features = kept
        else:
            features = self._features(images, trains, kept)
        features = features.astype(jnp.float32)
        return self.head(features, trains["head"])._replace(features=features)

    def trunk(self, images: jax.Array) -> jax.Array:
        """Computes what is kept of images [b h w c], in inference mode.

        Returns:
          float16: the map [b h' w' c'] at the cut, before attention there; for `ALL`, the pooled
          features [b c'].
        """
        try:
            found = self._features(images, dict.fromkeys(PARTS, False), stop=True)
        except _Reached as reached:  # what follows is not even traced
            found = reached.map
        return found.astype(jnp.float16)

    def _features(
        self,
        images: jax.Array,
        trains: Mapping[str, bool],
        kept: jax.Array | None = None,
        stop: bool = False,
    ) -> jax.Array:
        """Computes the pooled features [b c]; at the cut it takes `kept`, or raises _Reached."""

        def at_node(node: str, x: jax.Array) -> jax.Array:
            if node == self.cut and stop:
                raise _Reached(x)
            if node == self.cut and kept is not None:
                x = kept.astype(x.dtype)
            return self.attention[node](x, trains["attention"]) if node in self.attention else x

        features = self.backbone(images.astype(self.dtype), trains["backbone"], at_node)
        return features.mean(axis=(1, 2)) if features.ndim == 4 else features


def initial(model: HashModel, key: jax.Array, image: tuple[int, ...]) -> dict:
    """Draws the variables of a network, as `model.init` does.

    What comes before the head is a program of its own, without the forward pass: it takes long to
    compile, and is the same for every head, number of bits and size of images.

    Args:
      model: the network.
      key: of the random numbers.
      image: [h w c] of an input.

    Returns:
      {"params", "batch_stats"}; the latter is absent where the network has none.

    >>> from jaxhash.config import base
    >>> config = base().model
    >>> config.backbone.name = "pixels"
    >>> model = build(config, labels=10)
    >>> sorted(initial(model, jax.random.key(0), (4, 4, 1))["params"])
    ['head']
    """
    model, images = model.clone(cut=ALL, frozen=frozenset()), (1, *image)
    trunk = model.clone(head=None)
    head = model.clone(backbone=None, attention=FrozenDict())
    parts = (_drawn(key, trunk, images), _drawn(key, head, images, _features_shape(trunk, images)))
    return {
        kind: {name: leaf for part in parts for name, leaf in part.get(kind, {}).items()}
        for kind in ("params", "batch_stats")
        if any(kind in part for part in parts)
    }


@functools.partial(jax.jit, static_argnames=("model", "images", "features"))
def _drawn(
    key: jax.Array,
    model: HashModel,
    images: tuple[int, ...],
    features: tuple[int, ...] | None = None,
) -> dict:
    """Draws the variables of the head, which takes `features`, or of all that comes before it."""
    x = jax.ShapeDtypeStruct(images, jnp.float32)
    if features is None:
        return dict(model.lazy_init(key, x, method=HashModel.trunk))
    return dict(model.lazy_init(key, x, kept=jax.ShapeDtypeStruct(features, jnp.float16)))


@functools.lru_cache(maxsize=8)  # a grid asks for the same at every run
def _features_shape(trunk: HashModel, images: tuple[int, ...]) -> tuple[int, ...]:
    def traced(x: jax.Array) -> jax.Array:
        return trunk.init_with_output(jax.random.key(0), x, method=HashModel.trunk)[0]

    return jax.eval_shape(traced, jax.ShapeDtypeStruct(images, jnp.float32)).shape


def cut(backbone: str, freeze: str) -> str:
    """Returns the node that `train.freeze` names, `ALL`, or "" where nothing is frozen by it.

    Raises:
      UserError: the backbone has no such node.

    >>> cut("resnet18", "last"), cut("resnet18", "all"), cut("resnet18", "none")
    ('stage4', 'all', '')
    """
    if freeze == "none":
        return ""
    if freeze == ALL:
        return ALL
    offered = backbones.family(backbone).nodes(backbone)
    if freeze != LAST and freeze not in offered:
        raise UserError(
            f"train.freeze={freeze}: {backbone} offers {', '.join(offered)}; or {LAST}, {ALL} for "
            "the whole backbone, or none"
        )
    return offered[-1] if freeze == LAST else freeze


def part(name: str) -> str:
    """Returns which of `PARTS` a key of the network's variables belongs to.

    >>> part("attention_stage4")
    'attention'
    """
    return name.partition("_")[0]


def build(config: Any, labels: int) -> HashModel:
    """Builds the network that `config.model` names.

    Args:
      config: with `backbone`, `attention`, `head` and, as long as it is not none, in place of the
        head `shallow` (each a `name`, and options under that name),
        `attention.nodes` where attention is inserted, `bits`, `hash_norm`, `dtype`.
      labels: l, the number of labels of the data.

    Raises:
      UserError: an unknown backbone, attention or head, or a node that the backbone does not have.
    """
    dtype = jnp.dtype(config.dtype)
    name = config.backbone.name
    family = backbones.family(name)
    backbone = family.build(name, **registry.options(config.backbone, family), dtype=dtype)
    mechanism = registry.find("jaxhash.models.attention", config.attention.name)
    options = registry.options(config.attention, mechanism)
    attention = {
        node: mechanism.build(**options, dtype=dtype)
        for node in nodes(name, config.attention.nodes)
    }
    return HashModel(backbone, FrozenDict(attention), _head(config, labels), dtype)


def is_fitted(config: Any) -> bool:
    """Says whether a shallow method fits the hash layer of `config.model`, and nothing is trained.

    >>> from jaxhash.config import base
    >>> is_fitted(base().model)
    False
    """
    return "shallow" in config and config.shallow.name != "none"


def _head(config: Any, labels: int) -> nn.Module:
    if is_fitted(config):
        if config.hash_norm:
            raise UserError(
                f"model.hash_norm=True: the hash layer of model.shallow.name={config.shallow.name} "
                "is fitted, not trained; use False"
            )
        return FittedHead(config.bits, shallow.build(config.shallow))
    kind = registry.find("jaxhash.models.heads", config.head.name)
    return kind.build(config.bits, labels, config.hash_norm, **registry.options(config.head, kind))


def nodes(backbone: str, wanted: tuple[str, ...]) -> list[str]:
    """Lists the nodes of a backbone that names or patterns pick, in the backbone's order.

    Args:
      backbone: its name.
      wanted: names of nodes, patterns such as "stage*", or "last".

    Raises:
      UserError: one of them picks nothing.

    >>> nodes("resnet18", ("stage[12]", "last"))
    ['stage1', 'stage2', 'stage4']
    """
    offered = backbones.family(backbone).nodes(backbone)
    picked = set()
    for pattern in wanted:
        found = [node for node in offered if fnmatchcase(node, pattern)]
        if pattern == LAST:
            found = [offered[-1]]
        if not found:
            raise UserError(
                f"model.attention.nodes has {pattern!r}: {backbone} offers {', '.join(offered)}"
            )
        picked.update(found)
    return [node for node in offered if node in picked]
