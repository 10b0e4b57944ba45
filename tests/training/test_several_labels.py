"""Images with several labels, from mosaics to measured codes."""

from pathlib import Path

import pytest

from jaxhash import config as configs
from jaxhash.data import datasets
from jaxhash.data.protocols import Protocol
from jaxhash.errors import UserError
from jaxhash.training import loop
from tests.training import small

ROOT = Path(__file__).parents[2]
# As of `mosaics`, with fewer images to train on and to search.
FEW = Protocol(2, 20, database="train", counts=(200, 20, 200), map_at=50)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(datasets, "protocol", lambda dataset, name: FEW)


def tiny(system, data_dir):
    """Head and loss of a system at its small scale, on mosaics of digits."""
    config = configs.load(str(ROOT / "configs" / f"{system}.py:dataset=mosaics,scale=small"))
    config.devices = 1
    config.data.update(dir=data_dir, size=16, pad=1)
    config.model.bits = 12
    small.one_convolution(config, config.model.attention.name)
    config.train.update(batch_size=40, total_steps=2)
    config.eval.update(at_start=False, batch_size=40)
    return config


@pytest.mark.slow
@pytest.mark.parametrize("system", ["dhida", "triplet_greedy", "hrmpa"])
def test_a_system_learns_and_is_measured_on_mosaics(system, data_dir, tmp_path):
    results = loop.train_and_evaluate(tiny(system, data_dir), tmp_path / "run")
    assert (results["protocol"], results["map_at"]) == ("mosaics", 50)
    assert 0 < results["map"] < results["map_index_hits"] + 0.2
    assert len(results["split_checksum"]) == 16
    assert (tmp_path / "run" / "retrieval.png").exists()


def test_a_loss_for_one_label_is_refused(data_dir, tmp_path):
    config = tiny("dhida", data_dir)
    config.loss.name = "dah"
    config.model.head.name = "classifier"
    with pytest.raises(UserError, match="loss.name=dah is for images with one label each"):
        loop.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
