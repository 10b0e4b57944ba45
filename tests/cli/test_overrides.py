"""Values on the command line, checked by the types of the config."""

import pytest

from jaxhash import config as configs
from jaxhash.cli import overrides
from jaxhash.errors import UserError

QUICKSTART = "configs/quickstart.py"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.optim.lr=fast", "optim.lr=fast: expected a number"),
        ("--config.model.bits=7.5", "model.bits=7.5: expected a whole number"),
        ("--config.train.total_steps=x", "train.total_steps=x: expected a whole number"),
        ("--config.eval.at_start=maybe", "eval.at_start=maybe: expected True or False"),
        ("--config.optim.lrr=1", "unknown config key 'optim.lrr': did you mean optim.lr?"),
        ("--config.optim.lrr", "unknown config key 'optim.lrr': did you mean optim.lr?"),
        ("--noconfig.data.flop", "unknown config key 'data.flop': did you mean data.flip?"),
        ("--config.optim=1", "unknown config key 'optim': did you mean optim.lr?"),
        ("--config.=1", "unknown config key '': known: "),
        ("--config.optim.lr", "--config.optim.lr: expected a value, as in --config.optim.lr=VALUE"),
        ("--noconfig.seed", "--noconfig.seed: --noconfig.NAME is for True and False, without a"),
        ("--noconfig.data.flip=1", "--noconfig.data.flip=1: --noconfig.NAME is for True and False"),
        ("--config.data.mean=.5 .5", "data.mean=.5 .5: expected a tuple, such as (0.5,) or "),
        ("--config.data.mean=(half,)", "data.mean=('(half,)',): expected a number from 0 to 1"),
        ("--config.seed=-1", "seed=-1: expected a whole number from 0"),
        ("--config.train.total_steps=-5", "train.total_steps=-5: expected a whole number from 1"),
        ("--config.train.total_epochs=nan", "train.total_epochs=nan: expected a number from 0"),
        ("--config.optim.lr=inf", "optim.lr=inf: expected a number above 0, at most 1000"),
        ("--lr=1", "unexpected argument '--lr=1'; values are set as --config.NAME=VALUE"),
    ],
)
def test_what_does_not_fit_the_config_is_refused(argument, message):
    with pytest.raises(UserError) as error:
        overrides.build(QUICKSTART, [argument])
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_config_is_built_as_the_command_line_would():
    given = ("--config.optim.lr=0.5", "--config.train.total_steps=3", "--config.data.dir=/x")
    config = overrides.build(f"{QUICKSTART}:bits=8", [*given, "--config.eval.at_start=false"])
    assert (config.model.bits, config.optim.lr, config.train.total_steps) == (8, 0.5, 3)
    assert config.data.dir == "/x" and config.eval.at_start is False and config.is_locked


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (["--config.optim.lr", "1e-3"], "optim.lr", 1e-3),
        (["--config.seed", "7"], "seed", 7),
        (["-config.seed=7"], "seed", 7),
        (["--config.seed=1", "--config.seed=7"], "seed", 7),
        (["--config.data.dir", "my photos"], "data.dir", "my photos"),
        (["--config.data.dir", "a=b"], "data.dir", "a=b"),
        (["--config.data.flip"], "data.flip", True),
        (["--config.data.flip=t"], "data.flip", True),
        (["--noconfig.eval.at_start"], "eval.at_start", False),
        (["--config.eval.at_start=0"], "eval.at_start", False),
        (["--config.data.mean", "(0.25,)"], "data.mean", (0.25,)),
        (["--config.model.attention.nodes=stage*"], "model.attention.nodes", ("stage*",)),
        (["--config.checkpoint.every_steps", "0"], "checkpoint.every_steps", 0),
    ],
)
def test_every_form_that_absl_takes_is_taken(given, name, value):
    config = overrides.build(QUICKSTART, given)
    assert configs.flatten(config)[name] == value


def test_all_else_is_left_in_its_order():
    given = ["--a", "--config.data.flip", "b", "--config.seed", "--c", "-1"]
    with pytest.raises(UserError, match="seed=--c: expected a whole number"):
        overrides.split(given, configs.base())
    given.remove("--c")
    assert overrides.split(given, configs.base()) == (
        ["--config.data.flip=True", "--config.seed=-1"],
        ["--a", "b"],
    )
