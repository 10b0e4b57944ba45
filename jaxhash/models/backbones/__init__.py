"""Backbones, one family of networks a file.

A family's file has

    VARIANTS                    the names it builds ("resnet18", ...)
    nodes(name)                 where attention can be inserted, in the order of the network
    build(name, ..., dtype)     a Linen module, called as (images [b h w c], train, at_node), that
                                returns a map [b h w c], or features [b c] behind connected layers
    torch_names(path)           names that a weight may have in PyTorch checkpoints, likeliest first
    from_images(variables, images)  optional: sets a first layer by training images, for a network
                                that starts from random weights

At each of its nodes a backbone calls at_node(node, map [b h w c]), once, and continues with the map
of the same shape that it returns.
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
