"""A small collection, served."""

import pytest

from tests.search import small


@pytest.fixture(scope="session")
def tiny_encoder():
    return small.tiny_encoder()


@pytest.fixture
def place(tmp_path):
    """Twelve pictures, to be changed at will."""
    made = small.place(tmp_path, small.tiny_network(), 12)
    yield made
    made.index.close()  # again, where a client was opened


@pytest.fixture
def client(place):
    with place.client() as opened:
        yield opened
