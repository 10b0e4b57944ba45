"""How commands end."""

import pytest

from jaxhash.cli import command_line
from jaxhash.errors import UserError


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "code", "said"),
    [
        (lambda: None, None, ""),
        (lambda: 1, 1, ""),
        (raising(UserError("no such file")), 2, "jaxhash: no such file\n"),
        (raising(KeyboardInterrupt()), 130, "jaxhash: what was done stays\n"),
    ],
)
def test_a_command_ends_with_its_code_and_one_line(main, code, said, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.run(main, "what was done stays")
    assert ended.value.code == code and capsys.readouterr().err == said


def test_without_a_word_for_it_ctrl_c_takes_its_usual_way():
    with pytest.raises(KeyboardInterrupt):
        command_line.run(raising(KeyboardInterrupt()))


def test_a_mistake_in_the_arguments_is_one_line():
    with pytest.raises(UserError, match="^unrecognized arguments: --x; --help says more$"):
        command_line.Parser("a command").parse_args(["--x"])
