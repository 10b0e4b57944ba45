"""The commands as a person meets them."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.search.__main__ import main
from jaxhash.search.index.embedded import Embedded
from tests.search import small

ROOT = Path(__file__).parents[2]


def command(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "jaxhash.search", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture
def run(tmp_path, tiny_encoder):
    """A folder with a trained run, and pictures of cats and dogs beside it."""
    folder = small.trained(tmp_path / "run", tiny_encoder)
    for i in range(12):
        path = tmp_path / "pictures" / small.LABELS[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small.picture(i).save(path)
    return folder


def search(name, run, **options):
    return main(
        [name, f"--workdir={run}", *(f"--{n.replace('_', '-')}={v}" for n, v in options.items())]
    )


def test_index_and_query(run, capsys):
    pictures = run.parent / "pictures"
    (pictures / "broken.jpg").write_text("no")
    (pictures / "notes.txt").write_text("no picture")
    search("index", run, images=pictures)
    out = capsys.readouterr().out
    assert "1 other files, no pictures: .txt 1, listed in" in out
    assert "pictures: 13 images in" in out and "12 new or changed" in out
    assert "1 skipped, listed in" in out and "broken.jpg: " in out
    assert "the index holds 12 images" in out
    assert (run / "index/damaged.txt").read_text().startswith("pictures/broken.jpg\t")
    search("query", run, image=pictures / "cat/04.png", k=3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].split()[0] == "0"
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    search("query", run, image=pictures / "cat/04.png", radius=12, where="label=dog")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and all(line.endswith("label=dog") for line in lines)
    search("query", run, image=pictures / "cat/04.png", radius=12, k=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
    search("query", run, image=pictures / "cat/04.png", where="label=cow")
    assert capsys.readouterr().out == "nothing found\n"
    (pictures / "cat/04.png").unlink()
    assert search("index", run, images=pictures) is None
    assert "1 gone from the collection, still in the index; --prune deletes: cat/04.png" in (
        capsys.readouterr().out
    )
    for i in (0, 2):
        (pictures / f"cat/{i:02d}.png").unlink()
    assert search("index", run, images=pictures, prune="some") == 1
    assert "3 gone from the collection, 25% of it, so still in the index; --prune=all deletes" in (
        capsys.readouterr().out
    )
    assert search("index", run, images=pictures, prune="all") is None
    assert "3 gone from the collection, deleted from the index" in capsys.readouterr().out


def test_codes_of_another_checkpoint_are_refused(run, tiny_encoder):
    pictures = run.parent / "pictures"
    search("index", run, images=pictures)
    small.checkpoint(run, tiny_encoder, step=4)  # the same weights, but a later step
    with pytest.raises(UserError, match=r"of model unnamed-12@3-\w+, this encoder gives .*@4-"):
        search("query", run, image=pictures / "cat/04.png")
    search("index", run, images=pictures, index=run / "other")


def test_an_identity_is_that_of_the_weights_and_of_how_pixels_are_read(run, tiny_encoder):
    read = Encoder.from_checkpoint(run)
    assert read.step == 3
    assert read.identity() == tiny_encoder._replace(step=3).identity()
    bias = read.variables["params"]["head"]["hash"]["dense"]["bias"]
    bias[0] += 1e-6
    assert read.identity() != tiny_encoder._replace(step=3).identity()
    bias[0] -= 1e-6
    other = read._replace(augment=read.augment._replace(mean=(0.4,) * 3))
    assert other.identity() != read.identity()


def test_an_identity_stays_when_a_later_version_has_more_settings(run):
    before = json.loads((run / "config.json").read_text())
    del before["model"]["head"]["divided"]  # as of a version without that head
    del before["data"]["stored"]
    (run / "config.json").write_text(json.dumps(before))
    read = Encoder.from_checkpoint(run)
    assert read.config.model.head.divided.part == 50
    augment = read.augment
    pixels = [augment.size, augment.pad, augment.flip, augment.mean, augment.std]
    digest = hashlib.sha256(json.dumps([before["model"], pixels], sort_keys=True).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(read.variables):
        shape = leaf.shape or (1,)
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {shape}".encode())
        digest.update(leaf.tobytes())
    assert read.identity().endswith(digest.hexdigest()[:12])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "arguments are required: index|query|duplicates|serve|list|forget|backup|restore"),
        (["find"], "invalid choice: 'find'"),
        (["index", "--images=a"], "--images=a: no such folder"),
        (["index", "--workdir=RUN", "--encoder=lite0", "--images=a"], "not allowed with argument"),
        (["query", "--encoder=lite9", "--image=a.png"], "encoder lite9: expected lite0"),
        (["index", "--workdir=/nowhere"], "one of the arguments --images --merge is required"),
        (["query", "--workdir=/nowhere"], "arguments are required: --image"),
        (["query", "--workdir=/nowhere", "--image=a.png"], "must name the folder of a run"),
        (["query", "--workdir=RUN", "--image=a.png", "--k=0"], "a whole number from 1, not 0"),
        (["query", "--workdir=RUN", "--image=a.png", "--radius=-1"], "from 0, not -1"),
        (
            ["query", "--workdir=RUN", "--image=a.png", "--k=x"],
            "--k: expected a whole number from 1",
        ),
        (
            ["serve", "--workdir=RUN", "--port=80x"],
            "--port: expected a whole number from 0, not 80x",
        ),
        (["query", "--workdir=RUN", "--image=a.png", "--image=b.png"], "--image: given more than"),
        (["query", "--workdir=RUN", "--image=a.png"], "--image=a.png: No such file"),
        (["query", "--workdir=RUN", "--image=setup.cfg"], "--image=setup.cfg: "),
        (["query", "--workdir=RUN", "--image=PICTURE"], "no index yet; make one with python -m"),
        (["query", "--workdir=RUN", "--image=PICTURE", "--where=cat"], "expected name=value"),
        (["query", "--workdir=RUN", "--image=PICTURE", "--where==cat"], "expected name=value"),
        (["query", "--workdir=RUN", "--image=PICTURE", "--index=x://y"], "unknown scheme x://"),
        (["query", "--workdir=RUN", "--image=PICTURE", "--imag=x"], "unrecognized arguments"),
        (["index", "--workdir=RUN", "--images=/nowhere"], "--images=/nowhere: no such folder"),
        (["index", "--workdir=RUN", "--images=jaxhash/search/page"], "no images found"),
        (["index", "--workdir=RUN", "--images=PICTURE"], "expected a folder"),
        (["index", "--workdir=RUN", "--images=tfds:digit"], "did you mean digits?"),
        (["index", "--workdir=RUN", "--images=PICTURES", "--index=/dev/null/a"], "Not a directory"),
        (["serve", "--workdir=RUN"], "no index yet"),
        (["list", "--workdir=RUN"], "no index yet"),
        (["forget", "--workdir=RUN"], "forget needs --collection, --id or --pattern"),
        (["index", "--workdir=RUN", "--images=PICTURES", "--collection=a/b"], "without /"),
        (["index", "--workdir=RUN", "--images=PICTURES", "--collection=uploads"], "give another"),
    ],
)
def test_bad_input_is_one_line(run, arguments, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    pictures = run.parent / "pictures"
    places = {"RUN": run, "PICTURES": pictures, "PICTURE": pictures / "cat/00.png"}
    for word, place in places.items():
        arguments = [
            argument.replace(f"={word}", f"={place}") if argument.endswith(f"={word}") else argument
            for argument in arguments
        ]
    with pytest.raises(UserError) as error:
        main(arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_mistake_ends_with_exit_code_2_and_no_traceback():
    with command("query", "--workdir=/nowhere", "--image=a.png") as done:
        out, err = done.communicate()
    assert (done.returncode, out, err.count("\n")) == (2, "", 1) and err.startswith("jaxhash: ")


def test_help_helps():
    with command("--help") as done:
        out, _ = done.communicate()
    for word in ("index", "query", "serve", "tfds:cifar10/train", "milvus://host:port/collection"):
        assert word in out


@pytest.mark.slow
def test_an_index_command_that_is_killed_goes_on_where_it_was(run, tiny_encoder):
    pictures, choose = run.parent / "pictures", random.Random(0)
    for i in range(12, 400):
        small.picture(i).save(pictures / small.LABELS[i % 2] / f"{i:02d}.png")
    options = ("index", f"--workdir={run}", f"--images={pictures}", "--batch-size=2", "--workers=1")
    stored = 0
    for _ in range(2):
        with command(*options) as killed:
            killed.stdout.readline()
            time.sleep(choose.uniform(1, 3))
            killed.send_signal(signal.SIGKILL)
        store = Embedded(run / "index", small.BITS, Encoder.from_checkpoint(run).identity())
        assert store.count() >= stored
        stored = store.count()
        store.close()
    with command(*options) as last:
        out, err = last.communicate()
    assert last.returncode == 0, err
    assert f"{stored:,} there already" in out and "the index holds 400 images" in out
    store = Embedded(run / "index", small.BITS, Encoder.from_checkpoint(run).identity())
    encode = compiled(tiny_encoder, 2)
    for i in range(0, 400, 37):
        [item] = store.get([f"pictures/{small.LABELS[i % 2]}/{i:02d}.png"])
        pixels = small.pixels_of(small.picture(i))
        assert (item.code == encode(pixels[None])[0]).all()
    store.close()
