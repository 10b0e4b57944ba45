"""Configurations: the default that every config starts from, their files, ranges and comparison."""

from jaxhash.config.baselines import baseline, shallow
from jaxhash.config.comparison import FREE_TO_CHANGE, differences, in_use
from jaxhash.config.default import base
from jaxhash.config.files import UnknownArgument, arguments, known_arguments, load
from jaxhash.config.ranges import check
from jaxhash.config.saved import from_json, to_json
from jaxhash.config.scales import check_backbone, frozen, lite, quick, whitened
from jaxhash.config.values import duration, flatten

__all__ = [
    "FREE_TO_CHANGE",
    "UnknownArgument",
    "arguments",
    "base",
    "baseline",
    "check",
    "check_backbone",
    "differences",
    "duration",
    "flatten",
    "from_json",
    "frozen",
    "in_use",
    "known_arguments",
    "lite",
    "load",
    "quick",
    "shallow",
    "to_json",
    "whitened",
]
