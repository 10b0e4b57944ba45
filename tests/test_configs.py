"""The files in configs/: what their arguments choose."""

from pathlib import Path

import pytest

from jaxhash import config as configs
from jaxhash import losses
from jaxhash.data import augment
from jaxhash.errors import UserError
from jaxhash.models import hash_network
from jaxhash.training import checks

ROOT = Path(__file__).parents[1]
BASELINES = sorted(path.stem for path in (ROOT / "configs" / "baselines").glob("*.py"))


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("dhida.py:row=I,scale=lite", "row=I has AlexNet, scale=lite EfficientNet-Lite0"),
        ("dhida.py:row=A,scale=lite", "row=A has AlexNet"),
        ("dhida.py:row=A,scale=frozen", "row=A has AlexNet, scale=frozen EfficientNet-Lite0"),
        ("adh.py:backbone=resnet18,scale=lite", "backbone=resnet18: scale=lite has a network of"),
        ("adh.py:backbone=resnet18,scale=small", "backbone=resnet18: scale=small has a network of"),
        ("hrmpa.py:backbone=swin_base,scale=lite", "backbone=swin_base: scale=lite has a network"),
        ("triplet_greedy.py:backbone=vgg16_bn,scale=lite", "backbone=vgg16_bn: scale=lite has a"),
    ],
)
def test_an_argument_that_a_scale_would_ignore_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        configs.load(f"configs/{arguments}")


def test_attention_stands_where_the_scale_lite_is_asked_for_it():
    for config, nodes in {
        "dhida.py:row=D,scale=lite": ("block16",),
        "dah.py:scale=lite": ("block11", "block15", "block16"),
        "dah.py:scale=frozen": ("block16",),
        "hrmpa.py:scale=frozen": ("block16",),
        "triplet_greedy.py:scale=lite": ("block16",),
        "triplet_greedy.py:at=stages,scale=lite": ("block11", "block15", "block16"),
    }.items():
        assert configs.load(f"configs/{config}").model.attention.nodes == nodes


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_whole_at_its_scale_for_digits(name):
    config = configs.load(f"configs/baselines/{name}.py:dataset=digits,scale=quick,bits=16")
    network = hash_network.build(config.model, labels=10)
    checks.before_data(config, losses.build(config.loss), augment.build(config.data), network)


def test_a_part_of_the_network_that_cannot_be_hashed_is_one_line():
    config = configs.load("configs/baselines/dpsh.py:dataset=digits,scale=quick")
    network = hash_network.build(config.model, labels=10).clone(attention={})  # not a FrozenDict
    loss, augmentation = losses.build(config.loss), augment.build(config.data)
    with pytest.raises(UserError, match="cannot be hashed") as error:
        checks.before_data(config, loss, augmentation, network)
    assert "\n" not in str(error.value)
