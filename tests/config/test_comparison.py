"""What of two configs makes two runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash import config as configs
from tests import plugins

FLAT = configs.flatten(configs.base())


def changed(name):
    """Returns the default config with another value."""
    config, value = configs.base(), FLAT[name]
    if value is None:
        value = 3 if name.endswith("steps") else "elsewhere"
    else:
        value = not value if isinstance(value, bool) else value * 2 or type(value)(1)
    config.update_from_flattened_dict({name: value})
    return config


@given(st.sampled_from(sorted(FLAT)))
def test_every_change_of_what_is_in_use_is_named_unless_it_is_free(name):
    found = configs.differences(configs.base(), changed(name))
    used = name in configs.in_use(FLAT) and name not in configs.FREE_TO_CHANGE
    assert len(found) == used
    assert all(line.startswith(name) for line in found)


def test_what_the_default_uses():
    used = configs.in_use(FLAT)
    unused = {name.rpartition(".")[0] for name in FLAT.keys() - used.keys()}
    assert "loss.dhida" not in unused and {"loss.adh", "loss.dah", "loss.hrmpa"} <= unused
    assert "model.backbone.resnet" not in unused and "model.backbone.resnet30" in unused


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"optim.schedule": "one_cycle"}, "optim.warmup_percent"),
        ({"optim.schedule": "step"}, "optim.drop_percent"),
        ({"model.attention.name": "ida"}, "model.attention.nodes"),
        ({"model.attention.name": "ida"}, "model.attention.ida.reduce_axis"),
        ({"model.attention.name": "cbam"}, "optim.multiplier.attention"),
        ({"model.backbone.name": "swin_micro"}, "model.backbone.swin.window"),
        ({"model.backbone.name": "resnet30"}, "model.backbone.resnet30.width"),
        ({"model.head.name": "classifier"}, "model.head.classifier.bias"),
        ({"loss.name": "greedy"}, "loss.greedy.alpha"),
    ],
)
def test_what_one_value_switches_on(change, name):
    assert name not in configs.in_use(FLAT) and name in configs.in_use(FLAT | change)


def test_steps_make_epochs_unused():
    for name in ("train.total", "eval.every", "checkpoint.every"):
        assert f"{name}_epochs" in configs.in_use(FLAT)
        assert f"{name}_epochs" not in configs.in_use(FLAT | {f"{name}_steps": 3})


def test_a_choice_is_named_alone_without_the_options_that_follow():
    other = configs.base()
    other.loss.name, other.model.backbone.name = "adh", "alexnet"
    assert configs.differences(configs.base(), other) == [
        "loss.name is dhida there and adh here",
        "model.backbone.name is resnet18 there and alexnet here",
    ]


def test_variants_have_the_options_of_their_file(tmp_path):
    with plugins.added(tmp_path, "jaxhash.models.backbones", mine=plugins.BACKBONE):
        flat = configs.flatten(configs.base()) | {"model.backbone.name": "narrow"}
        assert "model.backbone.mine.width" in configs.in_use(flat)
        assert "model.backbone.resnet.width" not in configs.in_use(flat)


def test_options_of_a_backbone_that_is_not_here_are_kept():
    """A report may hold runs of somebody else's backbone: two widths stay two systems."""
    flat = {"model.backbone.name": "narrow", "model.backbone.mine.width": 8}
    assert configs.in_use(flat | {"model.backbone.resnet.width": 64}) == flat
