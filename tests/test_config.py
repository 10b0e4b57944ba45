import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash import config as configs
from jaxhash.errors import UserError


def test_arguments_take_the_type_of_their_default():
    args = configs.arguments("bits=16,name=x", bits=48, name="y", rate=0.5)
    assert (args.bits, args.name, args.rate) == (16, "x", 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bit=16", "unknown config argument 'bit': did you mean bits"),
        ("bits=7.5", "bits=7.5: expected int, for example bits=48"),
        ("bits", "bits=: expected int"),
    ],
)
def test_bad_arguments_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        configs.arguments(text, bits=48)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.bits", 0),
        ("model.bits", -3),
        ("model.bits", 5000),
        ("model.dtype", "float8"),
        ("train.batch_size", 1),
        ("optim.lr", 0.0),
        ("data.pad", -1),
        ("devices", -1),
    ],
)
def test_bad_values_are_named(name, value):
    config = configs.base()
    config.update_from_flattened_dict({name: value})
    with pytest.raises(UserError, match=f"^{name}={value}: expected"):
        configs.check(config)


def test_a_config_survives_its_file(tmp_path):
    config = configs.base()
    path = tmp_path / "config.json"
    path.write_text(configs.to_json(config))
    assert configs.from_json(path) == config
    assert configs.differences(configs.from_json(path), config) == []


@given(st.sampled_from(sorted(configs.flatten(configs.base()))))
def test_every_change_is_named_unless_it_is_free(name):
    old, new = configs.base(), configs.base()
    value = configs.flatten(old)[name]
    if value is None:
        value = 3 if name.endswith("steps") else "elsewhere"
    else:
        value = not value if isinstance(value, bool) else value * 2 or type(value)(1)
    new.update_from_flattened_dict({name: value})
    found = configs.differences(old, new)
    assert len(found) == (name not in configs.FREE_TO_CHANGE)
    assert all(line.startswith(name) for line in found)


def test_damaged_and_missing_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="not found"):
        configs.from_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text(json.dumps({"a": 1})[:-2])
    with pytest.raises(UserError, match="damaged"):
        configs.from_json(tmp_path / "config.json")


def test_durations_in_steps_win_over_epochs():
    config = configs.base()
    assert configs.duration(config.train, "total", 39) == 150 * 39
    config.train.total_steps = 7
    assert configs.duration(config.train, "total", 39) == 7


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


def test_the_arguments_of_a_config_are_known_without_building_it(tmp_path):
    known = configs.known_arguments("configs/triplet_greedy.py")
    assert known["bits"] == 48 and known["at"] == ("last", "stages")
    (tmp_path / "plain.py").write_text("def get_config():\n    return {}\n")
    assert configs.known_arguments(str(tmp_path / "plain.py")) == {}
