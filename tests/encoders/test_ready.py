"""The encoder that comes with jaxhash."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxhash.encoders import ready
from jaxhash.encoders.batches import compiled
from jaxhash.encoders.ready import fit
from jaxhash.errors import UserError
from jaxhash.models import pretrained
from jaxhash.search.__main__ import main
from jaxhash.shallow import Hyperplanes
from tests.search.small import picture


@pytest.fixture(scope="module")
def encoder():
    return ready.open_ready()


@pytest.mark.slow
def test_codes_are_the_signs_of_the_stored_layer(encoder):
    pixels = np.stack([np.asarray(picture(i, (224, 224))) for i in range(3)])
    codes = np.unpackbits(compiled(encoder, 4)(pixels), axis=1)
    layer = load_file(ready.file("lite0"))
    found = fit.features(ready.without_layer("lite0", 1), pixels)
    u = Hyperplanes(*(layer[part].astype(float) for part in (ready.MEAN, ready.DIRECTIONS)))
    u = u.project(found)
    clear = np.abs(u) > 0.02 * u.std()  # features are rounded to float16
    assert clear.mean() > 0.9
    assert ((u >= 0) == codes.astype(bool))[clear].all()
    assert (codes[0] != codes[1]).any()


def test_its_identity_stays(encoder):
    # An index names it: another layer needs another name.
    assert encoder.identity() == "lite0-256-1bd05eaab3d7"
    layer = encoder.variables["params"]["head"]["hash"]["dense"]
    assert layer["kernel"].shape == (1280, 256)


def test_its_codes_stay(encoder):
    # Its identity names the layer alone; these are the codes of version 0.2.
    stored = [
        "ea9123ef0cf55ca551e35866e6d19d581ad0e1844ee3d3946748b179008a5948",
        "ea8d66ef14d0dcacb3c35ad6e7d1b5191ad6eb046ea3d386c74ca839428a5948",
    ]
    pixels = np.stack([np.asarray(picture(i, (224, 224))) for i in range(2)])
    found = compiled(encoder, 4)(pixels)
    expected = np.array([list(bytes.fromhex(code)) for code in stored], np.uint8)
    assert encoder.size == 224
    # A bit whose real number is nearly nought may differ between machines.
    assert np.bitwise_count(found ^ expected).sum() <= 4


def test_without_weights_or_with_another_name(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"encoder lite0: its weights are not installed; pip inst"):
        ready.open_ready()
    with pytest.raises(UserError, match="encoder lite1: expected lite0"):
        ready.open_ready("lite1")


def test_a_layer_that_was_fitted_is_read(tmp_path, monkeypatch, capsys):
    features = np.random.default_rng(0).random((60, 1280))
    monkeypatch.setattr(fit, "of_cifar10", lambda *_: features)
    out = tmp_path / "lite0.safetensors"
    fit.main(["--bits=16", f"--out={out}"])
    assert "16 bits, " in capsys.readouterr().out
    monkeypatch.setattr(ready, "file", lambda name: out)
    read = ready.open_ready()
    assert read.bits == 16 and read.identity() != ready.DEFAULT
    # Another run of it gives the same file.
    before = out.read_bytes()
    fit.main(["--bits=16", f"--out={out}"])
    assert out.read_bytes() == before


def test_search_without_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        picture(i, (90, 60)).save(photos / f"{i}.png")
    picture(1, (90, 60)).save(photos / "again.jpg", quality=95)
    main(["index", f"--images={photos}", "--batch-size=4", "--workers=1"])
    assert "codes of lite0-256-" in capsys.readouterr().out
    assert (tmp_path / "home" / "jaxhash" / "index" / "codes.sqlite").exists()
    main(["query", f"--image={photos / '1.png'}", "--k=2"])
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["0", "1.png"] and second.split()[1] == "again.jpg"
    main(["duplicates"])
    assert "2 images in 1 group;" in capsys.readouterr().out
    main(["list", "--encoder=lite0"])
    assert "photos  " in capsys.readouterr().out
