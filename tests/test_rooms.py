"""The packages of jaxhash are layered: each imports only those below it, and there is no cycle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxhash"
# From top to bottom, as in CONTRIBUTING.md; those of one line do not import each other.
LAYERS = (
    {"__main__"},
    {"main", "export"},
    {"grid", "search"},
    {"training"},
    {"encoders"},
    {"report"},
    {"runs"},
    {"cli"},
    {"losses"},
    {"models"},
    {"shallow"},
    {"data"},
    {"config"},
    {"registry"},
    {"distributed", "metrics"},
    {"errors"},
)
LEVEL = {name: -height for height, names in enumerate(LAYERS) for name in names}


def imports(path):
    """Lists the modules of jaxhash that a file imports, wherever in it the import stands."""
    known = {module(file): file for file in PACKAGE.rglob("*.py")}
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jaxhash":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("jaxhash.")}
    return found & known.keys()


def module(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("name", FILES)
def test_a_module_imports_its_own_package_and_those_below(name):
    own = name.split(".")[1:2]
    if name.endswith(".__main__"):  # a command of a package: jaxhash.cli is below it
        own = ["__main__"]
    if not own:  # jaxhash itself offers names of all packages
        return
    for imported in imports(FILES[name]):
        other = imported.split(".")[1:2] or own
        assert other == own or LEVEL[other[0]] < LEVEL[own[0]], f"{name} imports {imported}"


def test_no_module_imports_itself_in_a_circle():
    graph = {name: imports(path) - {name} for name, path in FILES.items()}
    assert tuple(TopologicalSorter(graph).static_order())


def test_losses_know_no_network():
    allowed = {"jaxhash.models", "jaxhash.models.quantizers"}
    for name, path in FILES.items():
        if name.startswith("jaxhash.losses"):
            models = {other for other in imports(path) if other.startswith("jaxhash.models")}
            assert models <= allowed, name


def test_nothing_but_search_knows_the_service():
    for name, path in FILES.items():
        if not name.startswith("jaxhash.search"):
            assert not any(other.startswith("jaxhash.search") for other in imports(path)), name
