"""Files with get_config, in every form that they come in."""

import pytest

from jaxhash import config as configs
from jaxhash.cli import overrides
from jaxhash.errors import UserError

PLAIN = "from jaxhash import config\n\ndef get_config():\n    return config.base()\n"


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


def test_a_get_config_without_arguments_works(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text(PLAIN)
    assert configs.load(str(path)) == configs.base()
    assert overrides.build(str(path), ["--config.model.bits=8"]).model.bits == 8
    with pytest.raises(UserError, match=r"its get_config\(\) takes no arguments; leave out :x=1$"):
        configs.load(f"{path}:x=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere", "fails in line 1 with ModuleNotFoundError: No module named 'nowhere'"),
        ("def get_config(:", "fails with SyntaxError: invalid syntax"),
        ("x = 1\nx / 0", "fails in line 2 with ZeroDivisionError: division by zero"),
        ("def get_config():\n    raise KeyError", "fails in line 2 with KeyError: KeyError"),
        (PLAIN.replace(".base()", ".bas()"), "fails in line 4 with AttributeError"),
        ("config = 1", "not a config, it has no function get_config"),
        ("get_config = 1", "not a config, it has no function get_config"),
        ("def get_config():\n    return {}", "get_config returns a dict, expected the ConfigDict"),
        ("def get_config():\n    pass", "get_config returns a NoneType, expected the ConfigDict"),
        (
            "from ml_collections import ConfigDict\n\ndef get_config():\n    return ConfigDict()",
            "the config has no name; start from jaxhash.config.base()",
        ),
        (
            PLAIN.replace("return", "c =") + "    c.optim.lrr = 1.0\n    return c",
            "unknown config key 'optim.lrr': did you mean optim.lr?",
        ),
        (
            PLAIN.replace("return", "c =") + "    c.optim.lr = 'fast'\n    return c",
            "fails in line 5 with TypeError",
        ),
    ],
)
def test_a_file_that_is_no_config_is_named_in_one_line(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        overrides.build(str(path), [])
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"), [("gone.py", "no such file"), ("text.txt", "expected a Python file")]
)
def test_what_is_no_python_file_is_refused(tmp_path, name, message):
    (tmp_path / "text.txt").write_text(PLAIN)
    with pytest.raises(UserError, match=message):
        configs.load(str(tmp_path / name))


def test_the_arguments_of_a_config_are_known_without_building_it(tmp_path):
    known = configs.known_arguments("configs/triplet_greedy.py")
    assert known["bits"] == 48 and known["at"] == ("last", "stages")
    (tmp_path / "plain.py").write_text(PLAIN)
    assert configs.known_arguments(str(tmp_path / "plain.py")) == {}
