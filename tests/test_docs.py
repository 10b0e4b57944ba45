"""The documentation builds without a warning and without a network, and its code runs."""

import re
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import registry
from jaxhash.losses import Codes, Task

ROOT = Path(__file__).parents[1]
# The theme's component "source" asks api.github.com.
ELSEWHERE = re.compile(
    r"""<(?:script|img|link rel="(?:stylesheet|preload|icon)")[^>]*"https?://|"source">"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `mkdocs build --strict` does."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        assert not ELSEWHERE.search(page.read_text()), page


@pytest.mark.slow
@pytest.mark.parametrize(
    "package", ["models.attention", "losses", "models.backbones", "models.heads"]
)
def test_every_part_is_in_the_reference(site, package):
    text = "".join(page.read_text() for page in (site / "reference").rglob("*.html"))
    for name in registry.names(f"jaxhash.{package}"):
        assert f'id="jaxhash.{package}.{name}.build"' in text


@pytest.mark.slow
def test_every_method_has_a_page_that_the_table_of_methods_leads_to(site):
    table = (site / "methods" / "index.html").read_text()
    for path in (ROOT / "configs" / "baselines").glob("*.py"):
        page = (site / "methods" / path.stem / "index.html").read_text()
        assert f"configs/baselines/{path.name}" in page
        assert re.search(r'id="jaxhash\.(losses|shallow)\.\w+\.build"', page)
        assert f'href="{path.stem}/"' in table, path.stem
    assert "Parameters" in (site / "methods" / "dhida" / "index.html").read_text()


@pytest.mark.slow
def test_every_guide_can_be_reached_from_the_first_page(site):
    first = (site / "index.html").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        if page.stem != "index":
            assert f'href="{page.stem}/"' in first, f"mkdocs.yml has no {page.name} in its nav"


def test_the_loss_of_the_guide_works():
    text = (ROOT / "docs/extend.md").read_text()
    found = {}
    lines = re.search(r"## A new loss.*?```python\n(.*?)```", text, re.DOTALL)[1]
    exec(compile(lines, "extend.md", "exec"), found)  # noqa: S102
    loss = found["build"](margin=8.0)
    u = np.array([[1, 1, 1, 1], [1, 1, 1, -1], [-1, -1, -1, -1]], np.float32)
    codes = Codes(jnp.array(u), jnp.array([[1, 0], [1, 0], [0, 1]]), jnp.arange(3))
    losses, state, _ = loss.apply(loss.init(Task(4, codes.labels)), codes, codes)
    # Distances 1, 4 and 3: similar pairs give theirs, others what is missing to 8.
    np.testing.assert_allclose(losses, [(1 + 4) / 2, (1 + 5) / 2, (4 + 5) / 2])
    assert state == ()
