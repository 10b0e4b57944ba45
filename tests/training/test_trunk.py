"""A frozen trunk: the same results with and without its cache, and nothing in it moves."""

import json
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxhash.data import loader
from jaxhash.data.features import cache
from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.models import freezing, hash_network
from jaxhash.models.hash_network import HashModel
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.metrics_log import read
from jaxhash.training import loop, measurement, trunk
from jaxhash.training.experiment import Experiment

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """No pictures, and a cache of its own."""
    monkeypatch.setattr(measurement, "_draw", lambda *arguments: None)
    monkeypatch.setenv("JAXHASH_FEATURES", str(tmp_path / "features"))
    return tmp_path / "features"


@pytest.fixture
def config(tiny):
    """DHIDA on the digits, frozen up to its second stage."""
    with tiny.unlocked():
        tiny.data.update(pad=0, flip=False)
        tiny.train.update(freeze="stage2", total_steps=6)
        tiny.eval.update(at_start=False, every_steps=0)
        tiny.log.every_steps = 1
        tiny.checkpoint.every_steps = 3
        tiny.optim.weight_decay = 0.1
    return tiny


def losses(folder):
    return [row["train/loss"] for row in read(folder) if "train/loss" in row]


def state_of(config, folder):
    with Checkpoints(folder) as checkpoints:
        return checkpoints.restore(Experiment(config).random_state())


def moved(before, after):
    """Names the modules of the backbone of which something has changed."""
    found = set()
    for tree in ("params", "batch_stats"):
        pairs = zip(
            jax.tree_util.tree_leaves_with_path(getattr(before, tree)["backbone"]),
            jax.tree.leaves(getattr(after, tree)["backbone"]),
            strict=True,
        )
        found |= {path[0].key for (path, old), new in pairs if not np.array_equal(old, new)}
    return found


@pytest.mark.slow
def test_the_cache_changes_nothing_but_rounding_and_the_trunk_stands_still(config, tmp_path):
    with_cache = loop.train_and_evaluate(config, tmp_path / "kept")
    config.train.views = 0
    without = loop.train_and_evaluate(config, tmp_path / "anew")
    # What is kept is float16 in both; the trunk is another compiled program.
    np.testing.assert_allclose(losses(tmp_path / "kept"), losses(tmp_path / "anew"), rtol=2e-3)
    assert abs(with_cache["map"] - without["map"]) < 0.02
    # From the cache, encoding is not timed: it would be that of the layers behind the cut.
    assert with_cache["encode_milliseconds_per_image"] is None
    assert without["encode_milliseconds_per_image"] > 0
    for run in ("kept", "anew"):
        state, start = state_of(config, tmp_path / run), Experiment(config).random_state()
        assert moved(start, state) == {"layer3_0", "layer4_0"}
        moments = {path for path, _ in jax.tree_util.tree_leaves_with_path(state.opt_state)}
        names = {getattr(key, "key", "") for path in moments for key in path}
        assert "layer3_0" in names and not names & {"layer1_0", "layer2_0"}
    encoder = Encoder.from_checkpoint(tmp_path / "kept")
    experiment = Experiment(config)
    pixels = experiment.data.pool.pixels[experiment.data.split.query]
    from_pixels = np.unpackbits(compiled(encoder, 50)(pixels), axis=1)
    state = state_of(config, tmp_path / "kept")
    config.train.views = 1
    experiment = Experiment(config)
    experiment.keep_features(state, train=True)
    kept = experiment.codes(experiment.replicas.replicate(state)).queries.codes
    assert (from_pixels != np.unpackbits(kept, axis=1)).mean() < 0.005


def middle(images, area):
    """Enlarges the square in the middle of images in memory, by Pillow's affine transform."""
    size = images.shape[1]
    side = size * area**0.5
    start = (size - side) / 2
    whole = (size, size), Image.Transform.AFFINE, (side / size, 0, start, 0, side / size, start)
    cut = [
        Image.fromarray(image.squeeze().astype(np.float32)).transform(
            *whole, resample=Image.Resampling.BILINEAR
        )
        for image in images
    ]
    return np.stack([np.asarray(image) for image in cut])[..., None]


@pytest.mark.slow
@pytest.mark.parametrize(
    "views", [{"mirrored": True}, {"central": 0.7}, {"mirrored": True, "central": 0.5}]
)
def test_encoding_averages_the_outputs_of_the_views_of_an_image(config, tmp_path, views):
    config.data.update(flip=True, **views)

    def bits_of(codes):
        return np.unpackbits(codes, axis=1, count=config.model.bits)

    loop.train_and_evaluate(config, tmp_path / "run")
    encoder = Encoder.from_checkpoint(tmp_path / "run")
    experiment = Experiment(config)
    pixels = experiment.data.pool.pixels[experiment.data.split.query][:50]
    shown = [pixels.astype(np.float32)]
    if "central" in views:
        shown.append(middle(pixels, views["central"]))
    if "mirrored" in views:
        shown += [images[:, :, ::-1] for images in shown]

    def u_of(images):
        return encoder.model.apply(
            encoder.variables, encoder.augment.for_encoding(jnp.asarray(images))
        ).u

    u = np.mean([u_of(images) for images in shown], axis=0)
    clear = np.abs(u) > 1e-3 * np.abs(u).max()
    assert clear.mean() > 0.95
    from_pixels = bits_of(compiled(encoder, 50)(pixels))
    np.testing.assert_array_equal(from_pixels[clear], (u >= 0)[clear])
    assert (from_pixels != (u_of(pixels) >= 0)).any()  # an image alone has other bits
    if "mirrored" in views:
        mirrored = bits_of(compiled(encoder, 50)(pixels[:, :, ::-1]))
        np.testing.assert_array_equal(mirrored[clear], from_pixels[clear])
    experiment.keep_features(state_of(config, tmp_path / "run"), train=True)
    state = experiment.replicas.replicate(state_of(config, tmp_path / "run"))
    kept = bits_of(experiment.codes(state).queries.codes[:50])
    assert (from_pixels != kept).mean() < 0.005
    others = encoder.augment._replace(mirrored=False, central=1.0)
    assert encoder._replace(augment=others).identity() != encoder.identity()


def test_mirrored_encoding_needs_mirrored_training(config):
    config.data.update(flip=False, mirrored=True)
    with pytest.raises(UserError, match=r"data.mirrored=True: the network must have .* data.flip"):
        Experiment(config)


def stopping(config, step, monkeypatch):
    """Has training stop by SIGTERM when it asks for the images of a step."""
    build, sent = Experiment, []

    def built(*arguments):
        experiment = build(*arguments)
        order = experiment.order

        def images(asked):
            if asked == step and not sent:
                sent.append(asked)  # a second signal would end the process
                os.kill(os.getpid(), signal.SIGTERM)
            return order(asked)

        experiment.order = images
        return experiment

    monkeypatch.setattr(loop, "Experiment", built)


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["never", "always"])
def test_it_resumes_bit_for_bit_from_augmented_views(config, tmp_path, monkeypatch, stream):
    """Views in memory and views that stream from the cache give the same numbers."""
    config.data.update(pad=1, flip=True)
    config.train.views = 3
    loop.train_and_evaluate(config, tmp_path / "whole")
    config.data.stream = stream
    with monkeypatch.context() as patch:
        stopping(config, 3, patch)
        assert loop.train_and_evaluate(config, tmp_path / "cut") is None
    loop.train_and_evaluate(config, tmp_path / "cut")
    a, b = (jax.tree.leaves(state_of(config, tmp_path / run)) for run in ("whole", "cut"))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
def test_a_signal_while_the_features_are_computed_stops_the_run(
    config, tmp_path, monkeypatch, capsys
):
    """A batch is finished and kept; the same command goes on from there."""
    with config.unlocked():
        config.eval.batch_size = 400
    encode, encoded = trunk.encode, []

    def signalled(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        encoded.append(len(options["pixels"]))
        return encode(*arguments, **options)

    monkeypatch.setattr(trunk, "encode", signalled)
    assert loop.train_and_evaluate(config, tmp_path / "run") is None
    assert encoded == [400] and "SIGTERM: saved" in capsys.readouterr().out
    monkeypatch.setattr(trunk, "encode", encode)
    loop.train_and_evaluate(config, tmp_path / "run")
    assert "400 are there" in capsys.readouterr().err
    assert (tmp_path / "run" / "results.json").exists()


@pytest.mark.slow
def test_views_are_drawn_by_the_seed_and_take_turns(config, place):
    config.data.update(pad=2, flip=True)
    config.train.views = 2
    found = {}
    for seed in (0, 1):
        config.seed = seed
        experiment = Experiment(config)
        state = experiment.random_state()
        # The same weights for both seeds: those of the first.
        found.setdefault("state", state)
        experiment.keep_features(found["state"], train=True)
        found[seed] = experiment._features
    entries = cache.found(place)
    assert len(entries) == 3  # the plain ones are shared
    first, other = found[0], found[1]
    count = len(first.train)
    views = np.asarray(first.augmented).reshape(2, count, -1)
    assert (views[0] != views[1]).any(axis=1).mean() > 0.9
    assert not np.array_equal(first.augmented, other.augmented)
    index = np.array([0, 1, 5])
    assert first.row(index, 0).tolist() == [0, count + 1, count + 5]
    assert first.row(index, 1).tolist() == [count, 1, 5]
    plain = first.of(first.train[index])[np.arange(3)]
    assert plain.shape == first.augmented[index].shape and plain.dtype == np.float16


@pytest.mark.slow
def test_an_evaluation_keeps_no_views(config, tmp_path, place):
    config.data.update(pad=1, flip=True)
    before = loop.train_and_evaluate(config, tmp_path / "run")
    for entry in cache.found(place):
        cache.clean(place, entry.name)
    assert loop.evaluate_checkpoint(tmp_path / "run")["map"] == before["map"]
    (entry,) = cache.found(place)
    assert entry.title == "digits, resnet18 frozen to stage2"


@pytest.mark.slow
def test_the_number_of_devices_changes_nothing(config, tmp_path):
    one = loop.train_and_evaluate(config, tmp_path / "one")
    config.devices = 2
    two = loop.train_and_evaluate(config, tmp_path / "two")
    np.testing.assert_allclose(losses(tmp_path / "one"), losses(tmp_path / "two"), rtol=1e-3)
    assert abs(one["map"] - two["map"]) < 0.02


@pytest.mark.parametrize(
    ("freeze", "changes"),
    [
        ("last", {"attention", "head"}),
        ("all", {"head"}),
        ("stage1", {"backbone", "attention", "head"}),
    ],
)
def test_what_comes_before_the_cut_is_frozen(config, freeze, changes):
    """Attention stands behind the last stage: it trains with a cut there, and not with all."""
    config.train.freeze = freeze
    experiment = Experiment(config)
    trained = experiment._trained["params"]
    parts = {hash_network.part(name) for name in trained if any(jax.tree.leaves(trained[name]))}
    assert parts == changes


@pytest.mark.slow
def test_all_keeps_pooled_features_and_trains_the_head(config, tmp_path, place):
    config.train.freeze = "all"
    results = loop.train_and_evaluate(config, tmp_path / "run")
    assert 0 < results["map"] <= 1
    values = next(place.glob("digits-*")) / cache.VALUES
    assert values.stat().st_size == 1_797 * 32 * 2
    assert not moved(Experiment(config).random_state(), state_of(config, tmp_path / "run"))


@pytest.mark.slow
def test_a_network_before_the_cut_is_not_computed_again(config):
    """What is handed in saves at least as many operations as the trunk has."""
    model, variables = Experiment(config).model, Experiment(config).random_state().variables
    image = jnp.zeros((1, 8, 8, 1))
    kept = model.apply(variables, image, method=HashModel.trunk)

    def flops(function):
        return jax.jit(function).lower(variables, image, kept).compile().cost_analysis()["flops"]

    trunk_alone = flops(lambda v, x, kept: model.apply(v, x, method=HashModel.trunk))
    whole = flops(lambda v, x, kept: model.apply(v, x).u)
    rest = flops(lambda v, x, kept: model.apply(v, x, kept=kept).u)
    # The whole may compute a sum of the trunk twice, where two layers behind it take it.
    assert 0.95 * trunk_alone < whole - rest < 1.2 * trunk_alone


def test_attention_before_the_cut_belongs_to_the_trunk(config):
    config.model.attention.nodes = ("stage1", "stage3")
    experiment = Experiment(config)
    trained = experiment._trained["params"]
    changes = {name: any(jax.tree.leaves(tree)) for name, tree in trained.items()}
    assert not changes["attention_stage1"] and changes["attention_stage3"]


def test_a_cut_that_does_not_exist_is_refused_before_data_are_read(config, tmp_path):
    config.train.freeze = "stage9"
    config.data.dir = "/nowhere"
    message = "train.freeze=stage9: resnet18 offers stage1, stage2, stage3, stage4; or last, all"
    with pytest.raises(UserError, match=message):
        loop.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_says_what_was_frozen(config, tmp_path):
    loop.train_and_evaluate(config, tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["config"]["train"]["freeze"] == "stage2"


def test_rows_are_read_where_they_are_indexed():
    rows = loader.Rows(np.arange(12).reshape(4, 3), np.array([3, 1]))
    assert rows[np.array([1, 0, 1])].tolist() == [[3, 4, 5], [9, 10, 11], [3, 4, 5]]
    assert rows[:].shape == rows.shape == (2, 3)


def test_nothing_frozen_traces_to_all_trained(config):
    config.train.freeze = "none"
    experiment = Experiment(config)
    assert all(jax.tree.leaves(experiment._trained))
    assert freezing.select(None, 1, 2) == 1
