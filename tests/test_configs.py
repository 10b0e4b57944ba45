"""The files in configs/: what their arguments choose."""

import pytest

from jaxhash import config as configs
from jaxhash.errors import UserError


@pytest.mark.parametrize(("attention", "row"), [("ida", "whole"), ("danet", "D"), ("none", "R")])
def test_attentions_of_dhida_are_the_rows_of_its_ablation(attention, row):
    by_row = configs.load(f"configs/dhida.py:row={row},bits=16")
    assert configs.load(f"configs/dhida.py:attention={attention},bits=16") == by_row
    assert by_row.model.attention.name == attention


def test_dhida_takes_other_attentions_but_not_in_rows_that_have_their_own():
    config = configs.load("configs/dhida.py:attention=cbam")
    assert (config.name, config.model.attention.name) == ("dhida-cbam", "cbam")
    with pytest.raises(UserError, match="row=A has an attention of its own"):
        configs.load("configs/dhida.py:attention=none,row=A")


@pytest.mark.parametrize(
    ("arguments", "dataset", "protocol"),
    [
        ("bits=48", "cifar10", "cifar10_official"),
        ("scale=small", "cifar10", "cifar10_54k"),
        ("dataset=digits", "digits", "digits"),
    ],
)
def test_the_protocol_of_dah_goes_with_its_data_set(arguments, dataset, protocol):
    data = configs.load(f"configs/dah.py:{arguments}").data
    assert (data.name, data.protocol) == (dataset, protocol)
