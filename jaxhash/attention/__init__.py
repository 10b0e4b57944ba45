"""Attention mechanisms, one a file: a pure function with its einsum, and a Linen module of weights.

Each file has `build(**options) -> flax.linen.Module`, a map of [b h w c] to [b h w c], and is found
by its name: `model.attention.name` of a config.
"""
