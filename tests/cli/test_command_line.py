"""How commands are entered, and how they end."""

import configparser
import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxhash.cli import command_line
from jaxhash.errors import UserError

ROOT = Path(__file__).parents[2]
COMMANDS = [
    "main",
    "search",
    "report",
    "grid",
    "export",
    "data",
    "report.table",
    "report.sizes",
    "report.standings",
    "report.gallery",
]


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["report.table", *sorted(map(str, (ROOT / "results").glob("*.json")))], 0),
        (["report.sizes", "configs/dah.py"], 0),
    ],
)
def test_a_reader_who_wants_no_more_is_no_error(arguments, read):
    module, *rest = arguments
    command = [sys.executable, "-m", f"jaxhash.{module}", *rest]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        process.stdout.read(read)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("main", "code", "said"),
    [
        (lambda: None, None, ""),
        (lambda: 1, 1, ""),
        (raising(UserError("no such file")), 2, "jaxhash: no such file\n"),
        (raising(KeyboardInterrupt()), 130, "jaxhash: what was done stays\n"),
        (
            raising(OSError(errno.ENOSPC, "full", "table.md")),
            2,
            "jaxhash: table.md: No space left on device; free some space, and give the same "
            "command again\n",
        ),
        (
            raising(PermissionError(errno.EACCES, "no")),
            2,
            "jaxhash: Permission denied; allow it, and give the same command again\n",
        ),
    ],
)
def test_a_command_ends_with_its_code_and_one_line(main, code, said, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.run(main, "what was done stays")
    assert ended.value.code == code and capsys.readouterr().err == said


def test_an_error_of_the_system_that_means_a_mistake_of_ours_has_a_traceback(capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.run(raising(FileNotFoundError(errno.ENOENT, "gone", "a")))
    assert ended.value.code == 1 and "Traceback" in capsys.readouterr().err


def test_without_a_word_for_it_ctrl_c_takes_its_usual_way():
    with pytest.raises(KeyboardInterrupt):
        command_line.run(raising(KeyboardInterrupt()))


def test_a_mistake_in_the_arguments_is_one_line():
    with pytest.raises(UserError, match="^unrecognized arguments: --x; --help says more$"):
        command_line.Parser("a command").parse_args(["--x"])


def test_a_flag_is_not_abbreviated():
    parser = command_line.Parser("a command")
    parser.add_argument("--workdir")
    with pytest.raises(UserError, match="unrecognized arguments: --work=x"):
        parser.parse_args(["--work=x"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2", 2),
        *((text, None) for text in ("1", "-3", "x", "", "--5", "²", "80x", "1.5")),
    ],
)
def test_whole_numbers_have_a_least(text, value):
    parser = command_line.Parser("a command")
    parser.add_argument("--number", type=command_line.whole(2))
    if value is not None:
        assert parser.parse_args([f"--number={text}"]).number == value
        return
    with pytest.raises(UserError, match="--number: expected a whole number from 2, not"):
        parser.parse_args([f"--number={text}"])


def test_a_flag_with_one_value_is_given_once():
    parser = command_line.Parser("a command")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--image", "-i")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--where", action="append")
    parser.add_argument_group("more").add_argument("--k", type=command_line.whole(1), default=3)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("sub").add_argument("--image")
    for twice in (["--image=a", "--image=b"], ["--image", "a", "-i", "a"], ["--k=3", "--k=3"]):
        flag = "--k" if "--k=3" in twice else "--image"
        with pytest.raises(UserError, match=f"^{flag}.*: given more than once: expected one value"):
            parser.parse_args(twice)
    for _ in range(2):  # each call begins anew
        given = ["a", "b", "--image=c", "--where=d", "--where=e", "--all", "--all"]
        options, _ = parser.parse_known_args(given[2:])
        assert (options.image, options.where, options.all, options.k) == ("c", ["d", "e"], True, 3)
    with pytest.raises(UserError, match="^--image: given more than once"):
        parser.parse_args(["sub", "--image=a", "--image=b"])


def test_a_terminal_that_knows_few_letters_shows_the_others_as_escapes():
    code = (
        "import sys; from jaxhash.cli import command_line\n"
        "def main():\n"
        "    print('caf\\xe9 \\U0001f600 \\udce9', flush=True)\n"
        "    print('\\u5bff', file=sys.stderr)\n"
        "command_line.run(main)"
    )
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for known, e in (({"PYTHONIOENCODING": "latin-1"}, b"\xe9"), ({"LC_ALL": "C"}, b"\\xe9")):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, env=os.environ | plain | known
        )
        assert done.stdout == b"caf" + e + b" \\U0001f600 \\udce9\n"
        assert (done.returncode, done.stderr) == (0, b"\\u5bff\n")


def test_an_error_is_one_line_whatever_name_it_quotes(capsys):
    with pytest.raises(SystemExit):
        command_line.run(raising(UserError("a\nb\x1b[2Jc.png: no such file")))
    assert capsys.readouterr().err == "jaxhash: a\\nb\\x1b[2Jc.png: no such file\n"


def test_every_script_has_an_entry():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = setup["options.entry_points"]["console_scripts"].split("\n")
    entries = dict(line.split(" = ") for line in scripts if line)
    assert sorted(entries) == [
        "jaxhash",
        "jaxhash-export",
        "jaxhash-grid",
        "jaxhash-report",
        "jaxhash-search",
    ]
    for entry in entries.values():
        module, _, name = entry.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_and_refuses_in_one_line(name):
    """In one process: `--help` ends with 0, an unknown flag with 2."""
    code = (
        "import contextlib, io, runpy, sys\n"
        "for flag, code in (('--help', 0), ('--nonsense', 2)):\n"
        "    sys.argv = ['x', flag]\n"
        "    try:\n"
        f"        runpy.run_module('jaxhash.{name}', run_name='__main__', alter_sys=True)\n"
        "    except SystemExit as ended:\n"
        "        assert (ended.code or 0) == code, (flag, ended.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert f"python -m jaxhash.{name}" in done.stdout
    assert done.stderr.startswith("jaxhash: ") and done.stderr.count("\n") == 1


def test_the_package_is_the_command():
    command = [sys.executable, "-m", "jaxhash", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "python -m jaxhash.main --config=configs/quickstart.py" in done.stdout
