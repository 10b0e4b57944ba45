"""Modules that register themselves by being there, and files that cannot."""

import pytest

from jaxhash import config as configs
from jaxhash import registry
from jaxhash.cli import overrides
from jaxhash.errors import UserError
from tests import plugins

LOSSES, BACKBONES = "jaxhash.losses", "jaxhash.models.backbones"
BROKEN = {
    "import jaxhash.nowhere": "ModuleNotFoundError: No module named 'jaxhash.nowhere'",
    "def build(:": "SyntaxError: invalid syntax",
    "raise ValueError": "ValueError: ValueError",
    "import jax": "it has no function build",
    "build = 3": "it has no function build",
    "def build(activation=print): ...": "the default of activation in its build is a builtin",
    "def build(sizes=[1]): ...": "the default of sizes in its build is a list",
}


@pytest.mark.parametrize(("text", "reason"), BROKEN.items())
def test_a_broken_file_is_named_once_and_stops_nothing_but_itself(tmp_path, capsys, text, reason):
    with plugins.added(tmp_path, LOSSES, mine=text):
        config = overrides.build("configs/quickstart.py", [])
        registry.find(LOSSES, "dhida")
        assert "mine" not in config.loss and "mine" not in registry.names(LOSSES)
        err = capsys.readouterr().err
        assert err.startswith(f"jaxhash: left out: {tmp_path}/mine.py: ") and reason in err
        assert err.count("\n") == 1
        with pytest.raises(UserError) as error:
            overrides.build("configs/quickstart.py", ["--config.loss.name=mine"])
        assert f"{tmp_path}/mine.py: " in str(error.value) and reason in str(error.value)
        assert "choose another: adh, " in str(error.value) and "\n" not in str(error.value)
        assert capsys.readouterr().err == ""


def test_helpers_are_never_offered(tmp_path):
    with plugins.added(tmp_path, LOSSES, _mine=plugins.LOSS):
        assert not [name for name in registry.names(LOSSES) if name.startswith("_")]
        with pytest.raises(UserError, match="unknown '_mine' in jaxhash/losses: known: adh"):
            registry.find(LOSSES, "_mine")


def test_a_variant_is_built_by_the_file_that_lists_it(tmp_path):
    with plugins.added(tmp_path, BACKBONES, mine=plugins.BACKBONE):
        assert registry.builder(BACKBONES, "narrow") == "mine"
        assert registry.find(BACKBONES, "narrow").__name__ == f"{BACKBONES}.mine"
        assert overrides.build(
            "configs/quickstart.py",
            ["--config.model.backbone.name=wide", "--config.model.backbone.mine.width=4"],
        )
        with pytest.raises(UserError, match=r"unknown 'wid' in .*backbones: did you mean wide\?"):
            registry.find(BACKBONES, "wid")
        with pytest.raises(UserError, match="name=mine: expected one of wide, narrow"):
            overrides.build("configs/quickstart.py", ["--config.model.backbone.name=mine"])


def test_a_new_loss_stands_in_every_config_with_its_options(tmp_path):
    with plugins.added(tmp_path, LOSSES, mine=plugins.LOSS):
        assert configs.base().loss.mine.to_dict() == {"margin": 8.0, "power": 2}
