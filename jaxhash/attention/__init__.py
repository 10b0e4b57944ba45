"""Attention mechanisms, one a file: a pure function with its einsum, and a Linen module of weights.

Each file has `build(**options, dtype) -> flax.linen.Module`, called as (x [b h w c], train) for a
map of the same shape, and is found by its name: `model.attention.name` of a config. The options of
`build`, with their defaults, stand in the config under that name, `model.attention.ida` say.
"""
