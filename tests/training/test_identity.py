"""A run never continues on, or is measured by, other images than those it began with."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxhash import config as configs
from jaxhash.data import datasets
from jaxhash.errors import UserError
from jaxhash.models import backbones
from jaxhash.training import loop, measurement
from tests.training import small

RANDOM = np.random.RandomState(0)


def noise(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.randint(0, 256, (8, 8, 3)).astype(np.uint8)).save(path)


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory):
    """A network of one convolution, no pictures, and digests of files wherever images lie."""
    load = datasets.load

    def with_digests(name, data_dir, *rest):
        pool = load(name, data_dir, *rest)
        files = [hashlib.sha256(Path(data_dir, id).read_bytes()).hexdigest() for id in pool.ids]
        return pool._replace(digests=np.array([digest[:16] for digest in files]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbones, "__path__", [*backbones.__path__, str(small.BACKBONES)])
        patch.setattr(measurement, "_draw", lambda *arguments: None)
        patch.setattr(datasets, "load", with_digests)
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Noise with random labels, and a run on it: whatever it is measured by, there is nothing."""
    home = tmp_path_factory.mktemp("trained")
    for number in range(40):
        noise(home / "images" / RANDOM.choice(["a", "b"]) / f"{number}.png")
    config = configs.base()
    config.devices = 1
    config.data.update(datasets.defaults("folder"), dir=str(home / "images"), size=8)
    config.model.bits = 8
    config.model.backbone.name = "one_convolution"
    config.train.update(batch_size=16, total_steps=2)
    config.eval.at_start = False
    (home / "config.json").write_text(configs.to_json(config))
    loop.train_and_evaluate(config, home / "run")
    return home


@pytest.fixture
def home(trained, tmp_path):
    """A copy, whose config names its own images."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def some(home, place=0):
    return sorted((home / "images").rglob("*.png"))[place]


def swap_labels(home):
    (home / "images" / "a").rename(home / "images" / "c")
    (home / "images" / "b").rename(home / "images" / "a")
    (home / "images" / "c").rename(home / "images" / "b")


def move(home):
    some(home).rename(home / "images" / "b" / f"moved{some(home).name}")


CHANGES = {
    "added": (lambda home: noise(home / "images" / "a" / "zz.png"), r"data: 1 added \(a/zz.png\);"),
    "removed": (lambda home: some(home).unlink(), r"data: 1 missing \(a/\d+.png\);"),
    "unreadable": (lambda home: some(home).write_bytes(b"?"), r"data: 1 missing \(a/\d+.png\);"),
    "changed": (lambda home: noise(some(home)), r"data: 1 changed \(a/\d+.png\);"),
    "moved": (move, r"data: 1 added \(b/moved\d+.png\), 1 missing \(a/\d+.png\);"),
    "swapped": (swap_labels, r"\d+ added \(.*\), \d+ missing \(.*\);"),
}


def config_of(home):
    config = configs.from_json(home / "config.json")
    config.data.dir = str(home / "images")
    return config.lock()


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_other_images_are_refused_by_evaluation_and_by_resume(home, change):
    alter, expected = CHANGES[change]
    alter(home)
    before = (home / "run" / "results.json").read_bytes()
    with pytest.raises(UserError, match=expected) as error:
        loop.evaluate_checkpoint(home / "run", config_of(home))
    assert (home / "run" / "results.json").read_bytes() == before
    assert "\n" not in str(error.value) and "restore the data, or give" in str(error.value)
    (home / "run" / "results.json").unlink()
    with pytest.raises(UserError, match=expected):
        loop.train_and_evaluate(config_of(home), home / "run")
    assert not (home / "run" / "results.json").exists()


def test_another_folder_is_refused(home, tmp_path):
    for number in range(40):
        noise(tmp_path / "other" / "ab"[number % 2] / f"x{number}.png")
    config = config_of(home)
    with config.unlocked():
        config.data.dir = str(tmp_path / "other")
    with pytest.raises(UserError, match=r"40 added \(a/x0.png, .*\), 40 missing"):
        loop.evaluate_checkpoint(home / "run", config)


def test_the_same_images_elsewhere_are_the_same_data(trained, home):
    before = (home / "run" / "results.json").read_text()
    assert config_of(home).data.dir != config_of(trained).data.dir
    again = loop.evaluate_checkpoint(home / "run", config_of(home))
    assert f'"map": {again["map"]}' in before and again["split_seed"] == 0


def test_splits_are_drawn_by_their_own_seed(home, tmp_path):
    checksums = {}
    for seed, split_seed in ((0, 0), (1, 0), (0, 1)):
        config = config_of(home)
        with config.unlocked():
            config.seed, config.data.split_seed = seed, split_seed
            config.data.held_out = 0.2
        results = loop.train_and_evaluate(config, tmp_path / f"{seed}{split_seed}")
        assert (results["seed"], results["split_seed"]) == (seed, split_seed)
        checksums[seed, split_seed] = results["split_checksum"]
    assert checksums[0, 0] == checksums[1, 0] != checksums[0, 1]
