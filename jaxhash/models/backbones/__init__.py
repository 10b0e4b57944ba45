"""Trunks of networks, one family a file, and the converter of pretrained weights.

A family's file has

    VARIANTS                    the names it builds ("resnet18", ...)
    nodes(name)                 the places where attention can stand, in order, the last one last
    build(name, ..., dtype)     a Linen module, called as (images [b h w c], train, at_node), that
                                returns a map [b h w c], or features [b c] behind connected layers
    torch_names(path)           what PyTorch checkpoints may call a weight, the likeliest first

At each of its nodes a backbone calls at_node(node, map [b h w c]), once, and goes on with what that
returns: a map of the same shape.
"""

from types import ModuleType

from jaxhash import registry
from jaxhash.errors import UserError, nearest


def family(name: str) -> ModuleType:
    """Finds the file that builds the named network.

    >>> family("resnet18").nodes("resnet18")[-1]
    'stage4'
    """
    families = [registry.find(__name__, module) for module in registry.names(__name__)]
    for module in families:
        if name in module.VARIANTS:
            return module
    known = [variant for module in families for variant in module.VARIANTS]
    raise UserError(f"unknown backbone {name!r}: {nearest(name, known)}")
