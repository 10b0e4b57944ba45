"""Every value has a range, and nothing out of it gets as far as the data."""

import math

import pytest

from jaxhash import config as configs
from jaxhash.config import default, ranges
from jaxhash.data import sampler
from jaxhash.errors import UserError
from jaxhash.training import optimizers

NAN, INF = math.nan, math.inf
BAD = {
    "name": ["", " ", "a/b"],
    "seed": [-1, 2**32],
    "data.split_seed": [-1, 2**32],
    "devices": [-1],
    "data.name": ["", "cifar01"],
    "data.protocol": [""],
    "data.dir": [""],
    "data.label_separator": [""],
    "data.size": [0, 7, 10**9],
    "data.stored": [-1],
    "data.stream": ["sometimes", ""],
    "data.workers": [-1, 10**6],
    "data.features": [""],
    "data.pad": [-1],
    "data.zoom": [0.0, 1.5, NAN],
    "data.central": [0.0, 1.5, NAN],
    "data.jitter": [-0.1, 1.5, NAN],
    "data.mean": [("half",), (), (NAN,), (-0.1, 0.5, 0.5), (123.0, 116.0, 103.0), (0.5,)],
    "data.std": [(0.0, 0.5, 0.5), (-0.5,) * 3, (INF,) * 3, (NAN,) * 3, (58.0,) * 3, (0.5,)],
    "model.bits": [0, -3, 5000],
    "model.backbone.name": ["resnet19", "resnet", ""],
    "model.attention.name": ["idaa", ""],
    "model.attention.nodes": [(), ("",), (1,)],
    "model.head.name": ["Linear", ""],
    "model.shallow.name": ["ITQ", ""],
    "model.weights": [""],
    "model.dtype": ["float8", ""],
    "loss.name": ["dihda", ""],
    "optim.name": ["adamm", ""],
    "optim.lr": [0.0, -1.0, NAN, INF, 1e9],
    "optim.weight_decay": [-1.0, NAN, INF],
    "optim.clip_norm": [-1.0, NAN, INF],
    "optim.average": [-0.1, 1.0, NAN],
    "data.held_out": [-0.1, 1.5, NAN],
    "optim.schedule": ["linear", ""],
    "optim.drop_percent": [-1.0, 101.0, NAN],
    "optim.warmup_percent": [-1.0, 150.0, NAN],
    "optim.multiplier.backbone": [-1.0, NAN, INF],
    "optim.multiplier.attention": [-1.0, NAN, INF],
    "optim.multiplier.head": [-1.0, NAN, INF],
    "train.freeze": [""],
    "train.views": [-1, 1_001],
    "train.batch_size": [1, 0, -4, 2**21],
    "train.order": ["sorted", ""],
    "train.total_epochs": [-1.0, NAN, INF, 1e7],
    "train.total_steps": [0, -5, 2**31],
    "eval.batch_size": [0, 2**21],
    "eval.every_epochs": [-1.0, NAN, INF],
    "eval.every_steps": [-3],
    "checkpoint.every_epochs": [-1.0, NAN, INF],
    "checkpoint.every_steps": [-3],
    "checkpoint.keep": [0],
    "log.every_steps": [0, -1],
    # Options of modules, by the type of their defaults.
    "loss.dhida.gamma": [NAN, INF],
    "loss.dhida.quantizer": [""],
    "model.backbone.resnet.width": [2**40],
}


def test_every_value_has_a_range_and_every_range_a_value():
    options = {
        f"{section}.{module}.{option}"
        for section, package in default.CHOICES.items()
        for module, names in ranges.registry.defaults(package).items()
        for option in names
    }
    assert configs.flatten(configs.base()).keys() - options == ranges.RANGES.keys()


def test_every_range_is_tried():
    truths = {name for name, kind in ranges.RANGES.items() if kind is ranges.TRUTH}
    assert ranges.RANGES.keys() - BAD.keys() == truths  # a ConfigDict itself keeps to True, False


@pytest.mark.parametrize("name", BAD)
def test_what_is_out_of_range_is_one_line_that_names_it(name):
    for value in BAD[name]:
        config = configs.base()
        config.update_from_flattened_dict({name: value})
        with pytest.raises(UserError) as error:
            configs.check(config)
        said = str(error.value)
        assert (name in said or f"unknown {value!r}" in said) and "\n" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 2**32 - 1),
        ("optim.warmup_percent", 0.0),
        ("optim.warmup_percent", 100.0),
        ("optim.weight_decay", 0.0),
        ("optim.multiplier.backbone", 0.0),
        ("train.total_steps", 1),
        ("checkpoint.every_steps", 0),
        ("data.dir", "~/images"),
        ("model.attention.nodes", ("stage*", "last")),
    ],
)
def test_the_ends_of_ranges_are_in_them(name, value):
    config = configs.base()
    config.update_from_flattened_dict({name: value})
    configs.check(config)


def test_an_option_of_what_is_not_chosen_may_be_anything():
    config = configs.base()
    config.loss.adh.eta = NAN
    configs.check(config)


def test_an_option_that_a_module_does_not_have_is_refused():
    config = configs.base()
    config.loss.dhida.gama = 0.5
    with pytest.raises(UserError, match=r"'loss.dhida.gama': did you mean loss.dhida.gamma\?"):
        configs.check(config)


def test_names_that_the_ranges_list_are_those_that_there_are():
    assert {*ranges.RANGES["optim.name"].known} == optimizers.OPTIMIZERS.keys()
    assert ranges.RANGES["optim.schedule"].known == optimizers.SCHEDULES
    assert ranges.RANGES["train.order"].known == sampler.ORDERS
