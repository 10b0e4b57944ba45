"""Convolutional trunks, one family a file, and the converter of pretrained weights.

A family's file has

    VARIANTS                    the names it builds ("resnet18", ...)
    NODES                       the places, in order, where attention can stand
    build(name, ..., dtype)     a Linen module, called as (images [b h w c], train, at_node)
    torch_name(path)            what a PyTorch checkpoint calls a weight
"""

from types import ModuleType

from jaxhash import registry
from jaxhash.errors import UserError, nearest


def family(name: str) -> ModuleType:
    """Finds the file that builds the named network.

    >>> family("resnet18").NODES[-1]
    'stage4'
    """
    families = [registry.find(__name__, module) for module in registry.names(__name__)]
    for module in families:
        if name in module.VARIANTS:
            return module
    known = [variant for module in families for variant in module.VARIANTS]
    raise UserError(f"unknown backbone {name!r}: {nearest(name, known)}")
