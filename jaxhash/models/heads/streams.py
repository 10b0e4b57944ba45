"""TransHash's head: a hash layer for the whole image, and one for each of several parts of it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.errors import UserError
from jaxhash.models.heads import Outputs, normalised


class StreamsHead(nn.Module):
    """A hash layer for each stream, whose bits are joined.

    Features of `tokens` tokens are taken apart: the first token is the first stream's, the others
    take turns among the streams after it, which average theirs. With one token all streams have
    the same features.

    Attributes:
      bits: k.
      norm: see `jaxhash.models.heads.HashLayer`.
      streams: how many share the k bits, as evenly as they can be divided.
      tokens: how many tokens the features are.
    """

    bits: int
    norm: bool
    streams: int
    tokens: int

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b tc], or [b c] for one token, to u [b k]."""
        if features.shape[1] % self.tokens:
            raise UserError(
                f"model.head.streams.tokens={self.tokens}: {features.shape[1]} features are no "
                "multiple of it"
            )
        tokens = features.reshape(features.shape[0], self.tokens, -1)
        found = []
        for number, own in enumerate(np.array_split(np.arange(self.bits), self.streams)):
            seen = tokens[:, :1]
            if number and self.tokens > 1:
                seen = tokens[:, number :: self.streams - 1]
            layer = nn.Dense(len(own), name=f"hash_{number}")
            found.append(layer(seen.mean(axis=1)))
        u = jnp.concatenate(found, axis=1)
        return Outputs(normalised(u, train) if self.norm else u)


def build(bits: int, labels: int, norm: bool, streams: int = 5, tokens: int = 1) -> nn.Module:
    """Returns the module; the number of labels is unused.

    The paper repeats the last block of the transformer for the local streams and shuffles its
    tokens, which is left out: the tokens are those of the one last block.

    Raises:
      UserError: there are fewer bits, or tokens beside the first, than streams.
    """
    del labels
    if not 0 < streams <= bits:
        raise UserError(f"model.head.streams.streams={streams}: expected 1 to {bits}, a bit each")
    if tokens < 1 or 1 < tokens < streams:
        raise UserError(
            f"model.head.streams.tokens={tokens}: expected 1, or at least one for each of "
            f"{streams} streams"
        )
    return StreamsHead(bits, norm, streams, tokens)
