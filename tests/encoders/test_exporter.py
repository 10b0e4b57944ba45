"""Exported encoders give the checkpoint's codes, where Flax and jaxhash cannot be imported."""

import json
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file

from jaxhash.data import augment as augmentation
from jaxhash.encoders import exporter, model_card
from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import Encoder, open_encoder
from jaxhash.encoders.exported import NOTES, PROGRAM, WEIGHTS, Exported, read_weights
from jaxhash.errors import UserError
from jaxhash.export import main
from jaxhash.models import hash_network
from jaxhash.runs import workdir as workdirs
from jaxhash.runs.checkpoints import Checkpoints
from tests.report import fakes
from tests.search import small
from tests.training.test_systems import TINY, tiny

ALONE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(name + " is not installed here")

sys.meta_path.insert(0, Missing())
{lines}
images = np.load("images.npy")
np.save("codes.npy", load("out")(images))
assert not {blocked} & set(sys.modules)
try:
    load("out")(images[:, 1:])
except ValueError as error:
    print(error)
"""
BLOCKED = {"flax", "jaxhash", "orbax", "optax", "ml_collections", "einops", "safetensors", "absl"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a checkpoint of random weights, its network, and what was exported of it."""
    folder = tmp_path_factory.mktemp("export")
    network = small.tiny_encoder()
    with workdirs.claimed(folder / "run", network.config):
        pass
    with Checkpoints(folder / "run") as checkpoints:
        checkpoints.save(3, {**network.variables, "step": np.array(3)})
        checkpoints.wait()
    main([f"--workdir={folder / 'run'}", f"--out={folder / 'out'}"])
    return folder


@pytest.fixture
def copy(run, tmp_path):
    """A copy of what was exported, to be damaged."""
    for file in (run / "out").iterdir():
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / file.name).write_bytes(file.read_bytes())
    return tmp_path / "out"


def pictures(count, size, channels, seed=0):
    random = np.random.RandomState(seed)
    return random.randint(0, 256, (count, size, size, channels)).astype(np.uint8)


def test_the_lines_of_the_card_load_it_without_flax_and_give_the_same_codes(run):
    images = np.stack([small.pixels_of(small.picture(i)) for i in range(1_000)])
    np.save(run / "images.npy", images)
    text = (run / "out" / "README.md").read_text()
    lines = re.search(r"```python\n(import json.*?)```", text, re.DOTALL)[1]
    script = ALONE.format(blocked=BLOCKED, lines=lines)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", script],
        cwd=run,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "images are uint8 (1000, 15, 16, 3), expected uint8 (b, 16, 16, 3)\n"
    codes = np.load(run / "codes.npy")
    bits = np.unpackbits(codes, axis=1)[:, :12]
    assert 0.1 < bits.mean() < 0.9 and len(np.unique(codes, axis=0)) > 50
    assert np.array_equal(codes, compiled(Encoder.from_checkpoint(run / "run"), 1_000)(images))


@pytest.mark.slow
@pytest.mark.parametrize("system", TINY)
def test_every_system_exports_to_the_same_codes(system):
    config = tiny(system, None, **{"model.hash_norm": False})
    network = hash_network.build(config.model, labels=10)
    variables, augment = _random(network, config), augmentation.build(config.data)
    images = pictures(24, config.data.size, 1)
    u = jax.jit(network.apply)(variables, augment.for_encoding(images)).u
    # Random weights give nearly the same outputs to all pictures: their mean becomes the threshold.
    variables["params"]["head"]["hash"]["dense"]["bias"] -= np.asarray(u.mean(axis=0))
    made = Encoder(config, network, variables, augment, step=0)
    program = jax.export.deserialize(bytearray(exporter.program(made)))
    assert program.platforms == ("cpu", "cuda", "tpu")
    codes = jax.jit(program.call)(exporter.weights(made), images)
    assert len(np.unique(codes, axis=0)) > 12
    assert np.array_equal(codes, jax.jit(made.encode)(made.variables, images))


def _random(network, config):
    """Weights without compiling what draws them; all above 0 where they are variances."""
    size, random = config.data.size, np.random.RandomState(0)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), jnp.zeros((1, size, size, 1))))

    def draw(path, leaf):
        drawn = random.normal(0, leaf.shape[0] ** -0.5 if leaf.shape else 1, leaf.shape)
        positive = path[-1].key in ("var", "scale")
        return (abs(drawn) + 0.5 if positive else drawn).astype(leaf.dtype)

    return {"batch_stats": {}, **jax.tree_util.tree_map_with_path(draw, shapes)}


def test_it_is_named_like_its_checkpoint_and_measured_like_it(run):
    exported, checkpoint = open_encoder(run / "out"), open_encoder(run / "run")
    assert isinstance(exported, Exported) and isinstance(checkpoint, Encoder)
    for name in ("bits", "size", "channels"):
        assert getattr(exported, name) == getattr(checkpoint, name)
    assert exported.identity() == checkpoint.identity()
    images = pictures(37, small.SIZE, 3, seed=1)
    assert np.array_equal(compiled(exported, 16)(images), compiled(checkpoint, 16)(images))


def test_weights_are_a_safetensors_file_and_the_program_names_no_folder(run):
    own, theirs = read_weights(run / "out" / WEIGHTS), load_file(run / "out" / WEIGHTS)
    assert own.keys() == theirs.keys() and "params/head/hash/dense/bias" in own
    assert all(np.array_equal(own[name], theirs[name]) for name in own)
    assert b".py" not in (run / "out" / PROGRAM).read_bytes()
    assert str(run) not in (run / "out" / "README.md").read_text()


def test_the_card_says_what_was_measured(run, tmp_path):
    config = small.tiny_encoder().config.copy_and_resolve_references()
    config.data.dir, config.model.weights = "/secret/photos", "/secret/resnet18.safetensors"
    made = Encoder.from_checkpoint(run / "run")._replace(config=config)
    results = fakes.results(steps=made.step)

    def written(**changes):
        (tmp_path / "results.json").write_text(json.dumps(results | changes))
        return model_card.write(made, tmp_path)

    text = written()
    low, high = results["map_interval"]
    assert f"| mAP, ties averaged | {results['map']:.4f} [{low:.4f}, {high:.4f}] |" in text
    assert f"| split checksum | {results['split_checksum']} |" in text
    assert results["provenance"]["code"] in text and "Apache-2.0" in text
    assert "| initial weights | resnet18.safetensors |" in text and "secret" not in text
    assert "learnt" not in text
    assert "codes that the method learnt for its training images" in written(db_codes="learnt")
    assert "| mAP@1,000, ties averaged |" in written(map_at=1000)
    text = written(steps=4)  # of a run that went on from here
    assert "there are no results of this checkpoint" in text and "mAP" not in text


@pytest.mark.slow
def test_search_takes_both_and_serves_the_same_index(run, capsys):
    from jaxhash.search.__main__ import main as search  # noqa: PLC0415

    folder = run / "pictures"
    folder.mkdir()
    for i in range(6):
        small.picture(i).save(folder / f"{i}.png")
    search(["index", f"--workdir={run / 'run'}", f"--images={folder}"])
    asked = (f"--image={folder / '4.png'}", "--k=6", f"--index={run / 'run/index'}")
    answers = []
    for name in ("run", "out"):
        capsys.readouterr()
        search(["query", f"--workdir={run / name}", *asked])
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] and answers[0].count("\n") == 6
    network = small.Network(open_encoder(run / "out"), max_batch=2)
    network.warm_up()
    assert network.nodes == ()
    assert np.array_equal(
        network.codes(pictures(2, small.SIZE, 3)),
        compiled(open_encoder(run / "run"), 2)(pictures(2, small.SIZE, 3)),
    )


@pytest.mark.parametrize("error", [OSError(28, "No space left"), SafetensorError("No space left")])
def test_an_interrupted_export_leaves_nothing(run, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(exporter, "save", fail)
    with pytest.raises(UserError, match="cannot be written .No space left.$"):
        main([f"--workdir={run / 'run'}", f"--out={tmp_path / 'out'}"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "arguments are required: --workdir, --out"),
        (["--workdir=/nowhere", "--out=OUT"], "must name the folder of a run"),
        (["--workdir=RUN/out", "--out=OUT"], "must name the folder of a run"),
        (["--workdir=RUN/run", "--out=RUN/out"], "exists already; give another"),
        (["--workdir=RUN/run", "--out=/dev/null/out"], "cannot be written"),
        (["--workdir=RUN/run", "--output=OUT"], "arguments are required: --out"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(run, tmp_path, arguments, message):
    places = {"RUN": str(run), "OUT": str(tmp_path / "out")}
    for word, place in places.items():
        arguments = [argument.replace(word, place) for argument in arguments]
    with pytest.raises(UserError) as error:
        main(arguments)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def _edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda out: _flip(out / WEIGHTS), "weights.safetensors: damaged, its checksum differs"),
        (lambda out: _flip(out / PROGRAM), "encoder.stablehlo: damaged, its checksum differs"),
        (lambda out: os.truncate(out / WEIGHTS, 9), "weights.safetensors: damaged"),
        (lambda out: (out / PROGRAM).unlink(), "encoder.stablehlo: No such file"),
        (lambda out: (out / NOTES).write_text("{"), "encoder.json: damaged"),
        (lambda out: (out / NOTES).write_text("[]"), "format None, this jaxhash reads 1"),
        (lambda out: _edit(out / NOTES, format=2), "format 2, this jaxhash reads 1"),
        (lambda out: _edit(out / NOTES, bits="12"), "damaged, bits is missing"),
        (lambda out: _edit(out / NOTES, sha256={}), "sha256 names other files"),
        (lambda out: (out / NOTES).unlink(), "not an exported encoder, it has no encoder.json"),
    ],
)
def test_damage_is_one_line(copy, damage, message):
    Exported.load(copy)
    damage(copy)
    with pytest.raises(UserError) as error:
        Exported.load(copy)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_no_such_folder_and_images_of_another_size(run):
    with pytest.raises(UserError, match="/nowhere: no such folder"):
        Exported.load("/nowhere")
    with pytest.raises(
        UserError, match=r"uint8 \[.* 9, 9, 3\]: this encoder reads uint8 \[b 16 16 3"
    ):
        compiled(open_encoder(run / "out"), 8)(pictures(8, 9, 3))
