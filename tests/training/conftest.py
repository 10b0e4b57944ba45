import pytest

from jaxhash.models import backbones
from jaxhash.training import measurement
from tests.training import small


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Draws fewer queries and hits: at full size these pictures take longer than all else."""
    monkeypatch.setattr(measurement, "SHOWN_QUERIES", 3)
    monkeypatch.setattr(measurement, "SHOWN_HITS", 3)


@pytest.fixture(autouse=True)
def small_backbones(monkeypatch):
    """Lets configs name the network of `small`."""
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(small.BACKBONES)])
