"""The commit that results carry is that of jaxhash, or none."""

import importlib.metadata
import subprocess

import pytest

from jaxhash.runs import provenance

VERSION = importlib.metadata.version("jaxhash")
WHERE = "jaxhash/runs/provenance.py"


@pytest.fixture(autouse=True)
def identity(monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@b.invalid")


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# this module")
    return path


def repository(folder):
    """Commits all that lies in a folder; returns the commit as results name it."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=x")
    return git(folder, "rev-parse", "--short=12", "HEAD")


def test_a_checkout_has_its_commit(tmp_path):
    module = write(tmp_path / WHERE)
    commit = repository(tmp_path)
    assert provenance.code_version(module) == f"{VERSION}+{commit}"
    (tmp_path / "notes.txt").write_text("not code")
    assert provenance.code_version(module) == f"{VERSION}+{commit}"


@pytest.mark.parametrize("change", [WHERE, "jaxhash/losses/mine.py"])
def test_a_checkout_with_changes_is_dirty(tmp_path, change):
    """Also with a new loss that git does not know yet, which `git describe` does not see."""
    module = write(tmp_path / WHERE)
    commit = repository(tmp_path)
    write(tmp_path / change).write_text("# changed")
    assert provenance.code_version(module) == f"{VERSION}+{commit}-dirty"


@pytest.mark.parametrize("committed", [False, True])
def test_an_installation_inside_another_repository_has_no_commit(tmp_path, committed):
    module = tmp_path / ".venv/lib/python3.12/site-packages" / WHERE
    if committed:
        write(module)
    repository(tmp_path)
    assert provenance.code_version(write(module)) == VERSION


def test_a_copy_that_another_repository_tracks_has_no_commit(tmp_path):
    """Its top level is not that of a checkout."""
    module = write(tmp_path / "vendored" / WHERE)
    repository(tmp_path)
    assert provenance.code_version(module) == VERSION


def test_the_repository_that_git_was_told_of_does_not_matter(tmp_path, monkeypatch):
    """As in a hook of git, which sets GIT_DIR for all that it starts."""
    module = write(tmp_path / "ours" / WHERE)
    commit = repository(tmp_path / "ours")
    (tmp_path / "other").mkdir()
    repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert provenance.code_version(module) == f"{VERSION}+{commit}"


def test_no_repository_and_no_git_is_the_version_alone(tmp_path, monkeypatch):
    module = write(tmp_path / WHERE)
    assert provenance.code_version(module) == VERSION
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    assert provenance.code_version(module) == VERSION, "there is no commit yet"
    repository(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert provenance.code_version(module) == VERSION


def test_this_very_checkout():
    """Of jaxhash as it is tested; nothing where it was installed."""
    try:
        tracked = git(provenance.__file__.rpartition("/")[0], "ls-files", "provenance.py")
    except (OSError, subprocess.CalledProcessError):
        tracked = ""
    assert provenance.code_version().startswith(f"{VERSION}+") == bool(tracked)
