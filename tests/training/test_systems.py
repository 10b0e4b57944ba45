"""Each of the five systems, made tiny: trains past two checkpoints, stops, resumes, explains."""

import os
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxhash import config as configs
from jaxhash.data import datasets
from jaxhash.encoders import attention_maps
from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.training import loop
from jaxhash.training.experiment import Experiment

pytestmark = pytest.mark.usefixtures("shallow")
ROOT = Path(__file__).parents[2]
# What makes each small network tiny, on digits of 16 or 32 pixels.
TINY = {
    "adh": (16, {"model.backbone.alexnet.width": 4, "model.backbone.alexnet.hidden": 16}),
    "dah": (8, {"model.backbone.resnet30.width": 4}),
    "dhida": (8, {"model.backbone.resnet.width": 4, "model.backbone.resnet.strides": (1, 2, 1, 1)}),
    "triplet_greedy": (32, {"model.backbone.vgg.width": 4, "model.backbone.vgg.hidden": 16}),
    "hrmpa": (16, {"model.backbone.swin.embed": 8}),
}


def tiny(system, data_dir, **changes):
    """The config of a system at its small scale, with the network of `TINY`, for five steps."""
    config = configs.load(str(ROOT / "configs" / f"{system}.py:scale=small"))
    size, network = TINY[system]
    config.devices = 1
    config.data.update(name="digits", protocol="digits", dir=data_dir, size=size, pad=1)
    config.data.update(mean=(0.5,), std=(0.5,))
    config.model.bits = 12
    config.update_from_flattened_dict(network)
    config.train.update(batch_size=100, total_steps=5)
    config.eval.update(every_steps=3, at_start=False)
    config.checkpoint.every_steps = 2
    config.log.every_steps = 1
    config.update_from_flattened_dict(changes)
    return config.lock()


@pytest.fixture
def shared(monkeypatch):
    """Lets runs of one config share what is built and compiled; an `Experiment` has no state."""
    built = {}

    def build(config, extended=()):
        key = configs.to_json(config), tuple(extended)
        if key not in built:
            built[key] = Experiment(config, extended)
        return built[key]

    monkeypatch.setattr(loop, "Experiment", build)
    return build


def stopping_at(step, order):
    """Returns an order of images that sends SIGTERM when it is asked for those of a step."""

    def images(asked):
        if asked == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return order(asked)

    return images


def last_state(config, folder):
    with Checkpoints(folder) as checkpoints:
        return checkpoints.restore(Experiment(config).random_state())


def leaves(folder):
    with Checkpoints(folder) as checkpoints:
        return jax.tree.leaves(checkpoints.read())


# Each of the others is trained by a quick test elsewhere, and resumed here by a slow one.
RESUMED = [
    pytest.param(system, marks=() if system == "adh" else pytest.mark.slow) for system in TINY
]


@pytest.mark.parametrize("system", RESUMED)
def test_a_system_trains_and_resumes_bit_for_bit(system, data_dir, tmp_path, monkeypatch, shared):
    config = tiny(system, data_dir)
    results = loop.train_and_evaluate(config, tmp_path / "whole")
    assert results["db_codes"] == "network" and results["encode_milliseconds_per_image"] > 0
    assert 0 < results["map"] <= 1 and len(results["bit_balance"]) == 12

    experiment = shared(config)
    with monkeypatch.context() as patch:
        patch.setattr(experiment, "order", stopping_at(2, experiment.order))
        assert loop.train_and_evaluate(config, tmp_path / "cut") is None
    again = loop.train_and_evaluate(config, tmp_path / "cut")
    assert again["map"] == results["map"]
    for a, b in zip(leaves(tmp_path / "whole"), leaves(tmp_path / "cut"), strict=True):
        assert np.array_equal(a, b)
    for name in ("attention.png", "retrieval.png", "curves.png"):
        assert np.asarray(Image.open(tmp_path / "whole" / name).convert("L")).std() > 10


@pytest.mark.slow
def test_learnt_database_codes_are_named_and_are_the_training_images(data_dir, tmp_path, shared):
    """Also where a run ends before its first epoch does."""
    changes = {"loss.hrmpa.db_codes": "learnt", "data.protocol": "digits_transductive"}
    config = tiny("hrmpa", data_dir, **changes)
    results = loop.train_and_evaluate(config, tmp_path / "run")
    assert results["db_codes"] == "learnt"
    assert results["encode_milliseconds_per_image"] is None
    experiment = shared(config)
    assert results["steps"] < experiment.steps_per_epoch
    initial = experiment.random_state()
    with Checkpoints(tmp_path / "run") as checkpoints:
        state = checkpoints.restore(initial)
    assert (state.loss_state.learnt != initial.loss_state.learnt).any()
    database = experiment.codes(experiment.replicas.replicate(state)).database
    learnt = np.packbits(state.loss_state.learnt > 0, axis=1)
    train_place = {position: i for i, position in enumerate(experiment.data.split.train)}
    for row, position in enumerate(experiment.data.split.database):
        assert np.array_equal(database.codes[row], learnt[train_place[position]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "changes", "message"),
    [
        (
            "dah",
            {"model.head.name": "linear"},
            "loss.name=dah needs a classifier.*head.name=linear",
        ),
        ("triplet_greedy", {"model.head.name": "linear"}, "loss.name=greedy needs a classifier"),
        ("dah", {"train.batch_size": 10}, "class-balanced batches of 10 classes need at least 20"),
        ("dah", {"model.attention.nodes": ("stage4",)}, "resnet30 offers stage1, stage2, stage3$"),
        ("hrmpa", {"data.size": 36}, "cannot take images of 36 pixels"),
        ("hrmpa", {"loss.hrmpa.db_codes": "learnt"}, "protocol digits searches others"),
        ("dhida", {"train.order": "balanced"}, "unknown train.order 'balanced'"),
        ("dhida", {"model.head.name": "liner"}, "did you mean linear"),
        ("dhida", {"loss.dhida.quantizer": "sing"}, "did you mean sign"),
        ("dah", {"model.weights": "some.safetensors"}, "none for resnet30|no such file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(system, changes, message, data_dir, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        loop.train_and_evaluate(tiny(system, data_dir, **changes), tmp_path / "run")
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


def test_several_labels_an_image_are_refused_by_a_loss_for_one(data_dir, tmp_path, monkeypatch):
    load = datasets.load

    def several(*args):
        pool = load(*args)
        pool.labels[::7, 0] = 1
        return pool

    monkeypatch.setattr(datasets, "load", several)
    with pytest.raises(UserError, match="loss.name=dah is for images with one label each"):
        loop.train_and_evaluate(tiny("dah", data_dir), tmp_path / "run")


@pytest.fixture(scope="module")
def trained(data_dir, tmp_path_factory):
    """A run of DAH, of one step."""
    folder = tmp_path_factory.mktemp("runs") / "dah"
    changes = {"train.total_steps": 1, "eval.every_steps": 0}
    loop.train_and_evaluate(tiny("dah", data_dir, **changes), folder)
    return folder


@pytest.mark.slow
def test_an_encoder_needs_no_data_set(trained, data_dir):
    encoder = Encoder.from_checkpoint(trained)
    config = tiny("dah", data_dir)
    state = last_state(config, trained)
    pixels = np.random.RandomState(0).randint(0, 256, (3, 8, 8, 1)).astype(np.uint8)
    inputs = encoder.augment.for_encoding(pixels)
    outputs = encoder.model.apply(encoder.variables, inputs)
    expected = Experiment(config).model.apply(state.variables, inputs)
    assert np.array_equal(outputs.u, expected.u) and outputs.logits.shape == (3, 10)


@pytest.mark.slow
def test_explain_draws_any_picture(trained, tmp_path):
    random = np.random.RandomState(0)
    paths = []
    for name, shape in (("wide.png", (20, 60, 3)), ("grey.jpg", (33, 31))):
        Image.fromarray(random.randint(0, 256, shape).astype(np.uint8)).save(tmp_path / name)
        paths.append(str(tmp_path / name))
    before = (trained / "attention.png").read_bytes()
    picture = attention_maps.explain_checkpoint(trained, paths)
    assert picture.read_bytes() != before
    with Image.open(picture) as image:
        assert image.width > image.height  # a picture and three nodes, by two


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), (b"\x00" * 50, "not a readable picture")]
)
def test_explain_refuses_what_is_no_picture(trained, tmp_path, content, message):
    path = tmp_path / "picture.png"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        attention_maps.explain_checkpoint(trained, [str(path)])


@pytest.mark.slow
def test_explain_refuses_a_network_without_attention(trained, data_dir, tmp_path):
    changes = {"model.attention.name": "none", "train.total_steps": 1, "eval.every_steps": 0}
    loop.train_and_evaluate(tiny("dah", data_dir, **changes), tmp_path / "run")
    assert not (tmp_path / "run" / "attention.png").exists()
    Image.new("L", (8, 8)).save(tmp_path / "image.png")
    with pytest.raises(UserError, match="has no attention.*name=none"):
        attention_maps.explain_checkpoint(tmp_path / "run", [str(tmp_path / "image.png")])
