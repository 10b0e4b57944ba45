"""The names that PyTorch gives to the parameters and statistics of a layer."""

from collections.abc import Iterable

_LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def torch_name(modules: Iterable[str], leaf: str) -> str:
    """Joins the names of PyTorch modules and a Flax leaf, translated, to the name of a tensor.

    >>> torch_name(["layer1", "0", "bn1"], "var"), torch_name(["fc"], "bias")
    ('layer1.0.bn1.running_var', 'fc.bias')
    """
    return ".".join([*modules, _LEAVES.get(leaf, leaf)])
