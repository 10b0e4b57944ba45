"""Data sets, one a file, found by name: `data.name` of a config.

A file has `build() -> jaxhash.data.datasets.DataSet`: where TFDS keeps the images, and the
protocols by which papers split them.
"""
