"""Configs that a run left, read by a version of jaxhash that has other settings."""

import json
from pathlib import Path

import pytest

from jaxhash import config as configs
from jaxhash.config import saved
from jaxhash.errors import UserError
from jaxhash.runs import workdir
from tests import plugins

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "results").rglob("*.json"))


@pytest.fixture
def path(tmp_path):
    """Where the config of a run is."""
    folder = tmp_path / "run"
    folder.mkdir()
    return folder / workdir.CONFIG


def old(path, change=lambda values: None, config=None):
    """Writes a config as another version would have: `change` edits its JSON."""
    values = (config or configs.base()).to_dict()
    change(values)
    path.write_text(json.dumps(values))


def test_a_config_survives_its_file(tmp_path):
    config = configs.load("configs/dhida.py:scale=tiny,row=I")
    path = tmp_path / "config.json"
    path.write_text(configs.to_json(config))
    assert configs.from_json(path) == config
    assert configs.differences(configs.from_json(path), config) == []


@pytest.mark.parametrize(
    "text",
    ['{"a": 1', "[]", "3", '"x"', '{"model": {"bits": "many"}}', '{"model": 3}', "\xff"],
)
def test_damaged_files_are_refused(path, text):
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"config.json: (damaged|model=3 is no setting)"):
        configs.from_json(path)


def test_a_missing_file_is_refused(path):
    with pytest.raises(UserError, match="not found; --workdir must name the folder of a run"):
        configs.from_json(path)


def test_a_loss_that_is_added_leaves_workdirs_as_they_are(path, tmp_path):
    old(path)
    with plugins.added(tmp_path / "mine", "jaxhash.losses", mine=plugins.LOSS):
        workdir.check(path.parent, configs.base())
        assert configs.from_json(path).loss.mine.margin == 8.0
        configs.check(configs.from_json(path))
        other = configs.base()
        other.loss.name = "mine"
        with pytest.raises(UserError, match="config: loss.name is dhida there and mine here; give"):
            workdir.check(path.parent, other)
        old(path, config=other)
    configs.check(configs.base())


def test_a_loss_that_is_gone_leaves_the_workdirs_of_others_as_they_are(path):
    old(path, lambda values: values["loss"].update(gone={"margin": 1.0, "deep": {"er": 2}}))
    workdir.check(path.parent, configs.base())
    assert "gone" not in configs.from_json(path).loss
    old(path, lambda values: values["loss"].update(name="gone", gone={"margin": 1.0}))
    with pytest.raises(UserError, match="loss.gone.margin=1.0 is no setting of this version"):
        workdir.check(path.parent, configs.base())


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("data", "stored", 0), ("data", "stream", "auto"), ("eval", "every_steps", None)],
)
def test_a_value_that_did_not_exist_takes_its_default(path, section, name, value):
    old(path, lambda values: values[section].pop(name))
    assert configs.from_json(path)[section][name] == value
    workdir.check(path.parent, configs.base())


def test_a_section_that_did_not_exist_takes_its_defaults(path):
    old(path, lambda values: (values.pop("log"), values["optim"].pop("multiplier")))
    assert configs.from_json(path) == configs.base()
    changed = configs.base()
    changed.optim.multiplier.head = 0.5
    with pytest.raises(UserError, match="optim.multiplier.head is 1.0 there and 0.5 here"):
        workdir.check(path.parent, changed)


def test_an_option_that_the_chosen_module_did_not_have_takes_its_default(path):
    old(path, lambda values: values["loss"]["dhida"].pop("memory_bank"))
    workdir.check(path.parent, configs.base())
    changed = configs.base()
    changed.loss.dhida.memory_bank = True
    with pytest.raises(UserError, match="loss.dhida.memory_bank is False there and True here"):
        workdir.check(path.parent, changed)


def test_an_option_of_another_type_matters_where_it_is_chosen(path):
    old(path, lambda values: values["loss"]["adh"].update(eta="large"))
    workdir.check(path.parent, configs.base())
    old(path, lambda values: values["loss"]["dhida"].update(gamma="large"))
    with pytest.raises(UserError, match="damaged"):
        configs.from_json(path)


def test_a_value_that_is_gone_is_ignored_at_its_then_default_alone(path, monkeypatch):
    old(path, lambda values: values["optim"].update(momentum=0.9))
    with pytest.raises(UserError, match="optim.momentum=0.9 is no setting of this version"):
        configs.from_json(path)
    monkeypatch.setitem(saved.REMOVED, "optim.momentum", 0.9)
    assert configs.from_json(path) == configs.base()
    old(path, lambda values: values["optim"].update(momentum=0.5))
    with pytest.raises(UserError, match="optim.momentum=0.5 is no setting of this version"):
        configs.from_json(path)


@pytest.mark.parametrize("results", RESULTS, ids=lambda path: path.stem)
def test_the_configs_of_stored_results_can_still_be_read(results, path):
    """They were written by several versions, the oldest without half of today's values."""
    path.write_text(json.dumps(json.loads(results.read_text())["config"]))
    configs.check(configs.from_json(path))


@pytest.mark.parametrize(("protocol", "then"), [("own", "own_permuted"), ("digits", "digits")])
def test_runs_whose_seed_drew_their_splits_keep_them(path, protocol, then):
    config = configs.base()
    config.seed, config.data.protocol = 3, protocol

    def before(values):
        del values["data"]["split_seed"]

    old(path, before, config)
    found = configs.from_json(path)
    assert (found.seed, found.data.split_seed, found.data.protocol) == (3, 3, then)
    hint = f"by --config.data.protocol={then} --config.data.split_seed=3"
    with pytest.raises(UserError, match=f"split_seed is 3 there and 0 here.*{hint}") as error:
        workdir.check(path.parent, config)
    assert "\n" not in str(error.value)
    config.data.split_seed, config.data.protocol = 3, then
    workdir.check(path.parent, config)


def test_runs_of_today_have_a_split_apart_from_their_seed(path):
    config = configs.base()
    config.seed = 3
    path.write_text(configs.to_json(config))
    assert configs.from_json(path).data.split_seed == 0


def test_a_config_that_may_not_be_read_is_not_called_damaged(path):
    path.mkdir()
    with pytest.raises(UserError, match=r"config.json: cannot be read \(Is a directory\)"):
        configs.from_json(path)
