"""Completeness: every config builds and traces, every module imports, every part is tested."""

import importlib
import pkgutil
import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import jaxhash
from jaxhash import config as configs
from jaxhash import losses, registry
from jaxhash.data import augment
from jaxhash.distributed import devices
from jaxhash.losses import Task
from jaxhash.models import backbones, hash_network
from jaxhash.training import optimizers, steps
from jaxhash.training.state import TrainState

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").rglob("*.py"))
PACKAGES = (
    "losses",
    "models.attention",
    "models.backbones",
    "models.heads",
    "shallow",
    "data.sets",
)
PARTS = [(package, name) for package in PACKAGES for name in registry.names(f"jaxhash.{package}")]
THIS = Path(__file__)
TESTS = {path.stem: path.read_text() for path in THIS.parent.rglob("test_*.py") if path != THIS}
MODULES = [m.name for m in pkgutil.walk_packages(jaxhash.__path__, "jaxhash.")]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_and_says_what_it_is(name):
    assert importlib.import_module(name).__doc__


SCALES = [
    pytest.param(
        f"{path}:scale={scale}" if scale else str(path), id=f"{path.stem}:{scale}".rstrip(":")
    )
    for path in CONFIGS
    for scale in ("", "lite", "frozen", "whitened")
    if not scale or re.search(rf'scale=\(.*"{scale}"', path.read_text())
]


@pytest.mark.slow
@pytest.mark.parametrize("path", SCALES)
def test_every_config_traces_a_step_at_full_size(path):
    """Shapes only: two replicas, as a mapped axis, of the network, behind its cut, and the loss."""
    config = configs.load(path)
    configs.check(config)
    cut = hash_network.cut(config.model.backbone.name, config.train.freeze)
    network = hash_network.build(config.model, labels=10).clone(cut=cut)
    loss = losses.build(config.loss)
    optimizer = optimizers.build(config.optim, 100)
    channels = len(config.data.mean)
    batch, size = config.train.batch_size, config.data.size

    def step():
        variables = network.init(jax.random.key(0), jnp.zeros((1, size, size, channels)))
        state = TrainState.create(
            variables, optimizer, loss.init(Task(config.model.bits, jnp.zeros((500, 10))))
        )
        pixels = jnp.zeros((500, 32, 32, channels), jnp.uint8)
        if cut:
            image = jnp.zeros((500, size, size, channels))
            pixels = network.apply(variables, image, method=hash_network.HashModel.trunk)
        images = steps.Images(pixels, jnp.zeros((500, 10)))
        one = partial(
            steps.train_step,
            model=network,
            loss=loss,
            optimizer=optimizer,
            augment=augment.build(config.data),
            seed=0,
        )
        index = jnp.zeros((2, batch // 2), jnp.int32)
        rows = jnp.repeat(index, loss.views if cut else 1, axis=1)  # kept views have a row each
        batches = jax.vmap(steps.gather, in_axes=(None, 0, 0))(images, index, rows)
        mapped = jax.vmap(one, in_axes=(None, 0), axis_name=devices.AXIS)
        return state, mapped(state, batches)

    state, (after, metrics) = jax.eval_shape(step)
    assert metrics["loss"].shape == (2,)
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
        assert (2, *old.shape) == new.shape and old.dtype == new.dtype


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_says_how_to_run_it(path):
    assert f"--config={path.relative_to(ROOT)}" in path.read_text()


@pytest.mark.parametrize(("package", "name"), PARTS)
def test_every_part_says_what_it_builds(package, name):
    module = registry.find(f"jaxhash.{package}", name)
    assert module.build.__doc__, f"build of jaxhash.{package}.{name} has no docstring"


@pytest.mark.parametrize(("package", "name"), PARTS)
def test_every_part_has_a_test(package, name):
    """A test file is named after it, imports it, or has it or one of its variants in quotes."""
    module = registry.find(f"jaxhash.{package}", name)
    names = "|".join(map(re.escape, [name, *getattr(module, "VARIANTS", ())]))
    spoken = re.compile(rf"""["']({names})\b|^from jaxhash.* import .*\b{name}\b""", re.MULTILINE)
    assert any(spoken.search(text) or stem == f"test_{name}" for stem, text in TESTS.items()), (
        f"no test of jaxhash.{package}.{name}: tests/{package.replace('.', '/')}/test_{name}.py "
        "would be its place"
    )


def test_every_loss_has_a_config():
    used = {configs.load(str(path)).loss.name for path in CONFIGS}
    missing = set(registry.names("jaxhash.losses")) - used
    assert not missing, f"no file in configs/ uses {', '.join(missing)}"


def test_no_attention_is_the_map_itself():
    module = registry.find("jaxhash.models.attention", "none").build()
    x = jnp.ones((1, 2, 2, 3))
    assert (module.apply({}, x, False) == x).all()


def test_pretrained_names_exist_for_every_backbone():
    for name in registry.names("jaxhash.models.backbones"):
        family = importlib.import_module(f"jaxhash.models.backbones.{name}")
        assert all(backbones.family(variant) is family for variant in family.VARIANTS)
