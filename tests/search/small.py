"""A service that is as small as it goes: a random network, a folder of pictures, their index."""

import contextlib
import functools
import io
import threading
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from jaxhash import config as configs
from jaxhash.data import augment as augmentation
from jaxhash.data.images import decoder
from jaxhash.encoders.encoder import Encoder
from jaxhash.models import hash_network
from jaxhash.runs import workdir as workdirs
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.search.collection import catalog
from jaxhash.search.index.engines import open_index
from jaxhash.search.index.interface import Item
from jaxhash.search.service.app import create_app
from jaxhash.search.service.middleware import Limits
from jaxhash.search.service.network import Network
from jaxhash.search.service.thumbnails import Pictures

BITS, SIZE = 12, 16
LIMITS = Limits(max_bytes=2**20, max_pixels=1_000_000)
LABELS = ("cat", "dog")
COLLECTION = "pictures"


class Place(NamedTuple):
    """What a service is made of; `folder` holds `pictures/`."""

    network: Network
    index: object
    pictures: Pictures
    folder: object

    def app(self, **options):
        options = {"limits": LIMITS} | options
        return create_app(self.network, self.index, self.pictures, **options)

    def client(self, **options):
        """To be entered; over asyncio in this process, without a port."""
        return TestClient(
            self.app(**options), base_url="http://127.0.0.1", raise_server_exceptions=False
        )


def checkpoint(folder, encoder, step):
    """Saves the weights of an encoder as a checkpoint of a run."""
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(step, {**encoder.variables, "step": np.array(step)})
        checkpoints.wait()


def trained(folder, encoder, step=3):
    """Makes the workdir of a run with one checkpoint."""
    with workdirs.claimed(folder, encoder.config):
        pass
    checkpoint(folder, encoder, step)
    return folder


@functools.cache  # compiled once, for all tests
def tiny_network(attention="ida", channels=3):
    return Network(tiny_encoder(attention, channels), max_batch=4)


@functools.cache
def tiny_encoder(attention="ida", channels=3):
    config = configs.base()
    config.data.update(size=SIZE, mean=(0.5,) * channels, std=(0.5,) * channels)
    config.model.bits = BITS
    config.model.attention.update(name=attention, nodes=("stage2",))
    config.model.backbone.name = "alexnet"
    config.model.backbone.alexnet.update(stem="3x3", width=4, hidden=0)
    config.lock()
    network = hash_network.build(config.model, labels=2)
    blank = jnp.zeros((1, SIZE, SIZE, channels))
    made = jax.device_get(jax.jit(network.init)(jax.random.key(0), blank))
    variables = {"batch_stats": {}, **made}
    augment = augmentation.build(config.data)
    pixels = np.stack([pixels_of(picture(i), channels) for i in range(12)])
    outputs = jax.jit(network.apply)(variables, augment.for_encoding(jnp.asarray(pixels))).u
    # Random weights give nearly the same outputs to all pictures: their mean becomes the threshold.
    dense = variables["params"]["head"]["hash"]["dense"]
    dense["bias"] = dense["bias"] - np.asarray(outputs.mean(axis=0))
    return Encoder(config, network, variables, augment, step=0)


def pixels_of(image, channels=3):
    """What the network reads of a picture."""
    return decoder.to_array(image, (SIZE, SIZE, channels))


def picture(seed, size=(24, 16)):
    """Smooth noise; others for other seeds."""
    rough = np.random.RandomState(seed).randint(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.BILINEAR)


def saved(image, format="PNG", **options):
    """The bytes of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def place(folder, network, count):
    """Builds a collection of `count` pictures, cats and dogs in folders of their own."""
    root = folder / "pictures"
    items = []
    for i in range(count):
        label = LABELS[i % 2]
        (root / label).mkdir(parents=True, exist_ok=True)
        id = f"{label}/{i:02d}.png"
        picture(i).save(root / id)
        (code,) = network.codes([network.prepare(picture(i))])
        metadata = {"label": label, catalog.COLLECTION: COLLECTION}
        items.append(Item(catalog.key(COLLECTION, id), code, metadata))
    index = open_index(folder / "index", BITS, "tiny")
    if items:
        catalog.write(index, catalog.Collection(COLLECTION, str(root)), None)
        index.add(items)
    return Place(network, index, Pictures(folder / "added"), folder)


@contextlib.contextmanager
def running(app):
    """Serves on a free port of loopback; gives the address."""
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
