"""Strict JAX, warnings as errors (setup.cfg), and the fixtures that many tests share."""

from tests import environment

# isort: split
import os
import shutil

import jax
import pytest
from hypothesis import settings
from ml_collections import ConfigDict
from playwright.sync_api import sync_playwright

from jaxhash import config as configs
from jaxhash.models.backbones import resnet, resnet30, swin, vgg

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

settings.register_profile("jaxhash", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("jaxhash")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Deletes all that was written, in the process that started the others."""
    if not hasattr(config, "workerinput"):
        environment.clean()


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Lets go of compiled functions after each file, or they would pile up to gigabytes."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="module")
def shallow():
    """One block a stage: the depth of networks is tested on its own, and costs compilation here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(resnet.VARIANTS, "resnet18", (resnet.BasicBlock, (1, 1, 1, 1)))
        patch.setitem(resnet30.VARIANTS, "resnet30", (1, 1, 1))
        patch.setitem(swin.VARIANTS, "swin_micro", (32, (1, 1, 1, 1)))
        patch.setitem(vgg.VARIANTS, "vgg16", ((1, 1, 1, 1, 1), False))
        yield


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder where the digits prepare themselves once a session."""
    return str(tmp_path_factory.mktemp("tfds"))


@pytest.fixture
def tiny(data_dir: str) -> ConfigDict:
    """DHIDA on the digits, as small as it goes: 12 steps of 3 epochs on one device."""
    config = configs.base()
    config.name = "tiny"
    config.devices = 1
    config.data.update(name="digits", protocol="digits", dir=data_dir, size=8, pad=1)
    config.data.update(mean=(0.5,), std=(0.5,), flip=True)
    config.model.bits = 12
    config.model.attention.name = "ida"
    config.model.backbone.resnet.update(stem="3x3", stem_pool=False, strides=(1, 2, 1, 1), width=4)
    config.optim.update(name="adam", lr=1e-3)
    config.train.update(batch_size=250, total_steps=12)
    config.eval.every_steps = 5
    config.checkpoint.every_steps = 4
    config.log.every_steps = 2
    return config.lock()


@pytest.fixture(scope="module")
def browser():
    """Chromium, where it is installed."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser here, none of {', '.join(BROWSERS)}: apt-get install chromium")
    # Chromium's own sandbox refuses to start as root.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=options)
        yield opened
        opened.close()
