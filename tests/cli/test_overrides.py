"""Values on the command line, checked by the types of the config."""

import pytest

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
    ],
)
def test_values_of_another_type_are_refused(argument, message):
    with pytest.raises(UserError) as error:
        overrides.build(QUICKSTART, [argument])
    assert str(error.value) == message


def test_a_config_is_built_as_the_command_line_would():
    given = ("--config.optim.lr=0.5", "--config.train.total_steps=3", "--config.data.dir=/x")
    config = overrides.build(f"{QUICKSTART}:bits=8", [*given, "--config.eval.at_start=false"])
    assert (config.model.bits, config.optim.lr, config.train.total_steps) == (8, 0.5, 3)
    assert config.data.dir == "/x" and config.eval.at_start is False and config.is_locked
