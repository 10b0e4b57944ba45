"""Everything that a config names, built: data, split, network, objective, mapped steps."""

import contextlib
import math
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash import registry
from jaxhash.data import datasets, loader, protocols, sampler
from jaxhash.distributed import devices
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders import attention_maps, encoder
from jaxhash.encoders.batches import encode
from jaxhash.errors import UserError
from jaxhash.losses import HashLoss, Task
from jaxhash.metrics.hamming import Coded
from jaxhash.models import backbones, hash_network, pretrained
from jaxhash.training import optimizers, steps
from jaxhash.training.state import TrainState

# How many bytes of images, decoded, are kept in memory, and of training images on each device.
RESIDENT_BYTES = {"auto": 4 * 2**30, "always": -1, "never": math.inf}


class Experiment:
    """The parts of a run, and the few things that training and evaluation both do with them.

    Attributes:
      config: the configuration.
      pool: all images of the data set.
      protocol, split: how they are shared out.
      replicas: the devices.
      steps_per_epoch, total_steps: of training.
      order: (step) -> [batch] positions among the training images.
      train_step: (state, batch) -> (state, metrics), over the replicas; takes over the memory of
        the state that it is given.
      after_epoch: (state) -> state, over the replicas; None where the loss needs none.
    """

    def __init__(self, config: ConfigDict):
        """Builds all parts; raises UserError for the first that cannot be."""
        configs.check(config)
        self.config = config
        self.replicas = Replicas(config.devices)
        self.replicas.check_batch(config.train.batch_size)
        self.protocol = datasets.protocol(config.data.name, config.data.protocol)
        self._loss = _loss(config.loss)
        self._check_network()
        optimizers.build(config.optim, total_steps=1)  # refuses unknown names before data are read
        side = config.data.stored or config.data.size
        self._resident_bytes = RESIDENT_BYTES[config.data.stream]
        with devices.primary_first():  # a data set may prepare itself
            self.pool = datasets.load(config.data.name, config.data.dir, side, self._resident_bytes)
        self.split = protocols.split(
            self.protocol, self.pool.labels, self.pool.parts, self.pool.ids, config.seed
        )
        self._check_data()
        labels = self.pool.labels[self.split.train]
        self._task = Task(config.model.bits, labels)
        self._model = hash_network.build(config.model, labels.shape[1])
        self.order = sampler.build(config.train.order, config.seed, labels, config.train.batch_size)
        self.steps_per_epoch = len(self.split.train) // config.train.batch_size
        self.total_steps = configs.duration(config.train, "total", self.steps_per_epoch)
        if self.total_steps < 1:
            raise UserError("train.total_epochs: expected at least one step of training")
        self._optimiser = optimizers.build(config.optim, self.total_steps)
        self._augment = encoder.augment(config)
        step = partial(
            steps.train_step,
            model=self._model,
            loss=self._loss,
            optimiser=self._optimiser,
            augment=self._augment,
            seed=config.seed,
        )
        self.train_step = self.replicas.map(step, donate=(0,))
        self._gather = self.replicas.map(steps.gather)
        self.after_epoch = None
        if self._loss.after_epoch:
            step = partial(steps.after_epoch, loss=self._loss)
            self.after_epoch = self.replicas.map(step, donate=(0,))
        step = partial(steps.encode_step, model=self._model, augment=self._augment)
        self._encode_step = self.replicas.map(step)

    def _check_network(self) -> None:
        """Traces the network, so that what does not fit is refused before data are read."""
        config = self.config
        network = hash_network.build(config.model, labels=2)
        image = jnp.zeros((1, config.data.size, config.data.size, len(config.data.mean)))
        key = jax.random.key(0)
        outputs, _ = jax.eval_shape(lambda: network.init_with_output(key, image))
        if self._loss.needs_logits and outputs.logits is None:
            raise UserError(
                f"loss.name={config.loss.name} needs a classifier, and model.head.name="
                f"{config.model.head.name} has none; use model.head.name=classifier"
            )

    def _check_data(self) -> None:
        config, channels = self.config, self.pool.pixels.shape[-1]
        for name in ("mean", "std"):
            given = len(config.data[name])
            if given != channels:
                raise UserError(
                    f"data.{name} has {given} channels, the images of {config.data.name} have "
                    f"{channels}"
                )
        if self._loss.single_label and (self.pool.labels.sum(axis=1) != 1).any():
            raise UserError(
                f"loss.name={config.loss.name} is for images with one label each, those of "
                f"{config.data.name} have several or none; choose another loss, such as dhida"
            )
        if self._loss.database_codes and self.protocol.database != "train":
            raise UserError(
                f"learnt database codes exist for training images alone, and protocol "
                f"{config.data.protocol} searches others; use db_codes=network, or a protocol "
                "whose database is the training set"
            )

    def batches(self, start: int) -> Iterator[steps.Batch]:
        """Yields this process's part of the batches from a step on to the last, for `train_step`.

        Training images that fit live on the devices, others are streamed; both give the same.
        """
        train, labels = self.split.train, self.pool.labels[self.split.train]
        own = partial(_own, self.order, self.replicas.share(self.config.train.batch_size))
        todo, workers = range(start, self.total_steps), self.config.data.workers
        size = math.prod(self.pool.pixels.shape[1:]) * len(train)
        if size <= self._resident_bytes:
            images = steps.Images(loader.take(self.pool.pixels, train), labels)
            images = self.replicas.replicate(images)
            for step in todo:
                yield self._gather(images, self.replicas.shard(own(step)))
            return
        pixels = loader.read(_select(self.pool.pixels, train), own, todo, workers)
        with contextlib.closing(pixels):
            for step, images in zip(todo, pixels, strict=True):
                index = own(step)
                yield self.replicas.shard(steps.Batch(images, labels[index], index))

    def random_state(self) -> TrainState:
        """Returns the state before the first step, with random weights, on the host."""
        key = jax.random.fold_in(jax.random.key(self.config.seed), 0xB17)
        # As an argument: what follows from a constant, XLA would work out while it compiles.
        return jax.tree.map(np.asarray, jax.jit(self._random_state)(key))

    def pretrained(self, state: TrainState) -> TrainState:
        """Returns the state with a pretrained backbone, where `model.weights` names one.

        Raises:
          UserError: the weights cannot be reached or do not fit.
        """
        family = backbones.family(self.config.model.backbone.name)
        variables = pretrained.initialise(
            state.variables, self.config.model.weights, family.torch_names
        )
        return state.replace(**variables)

    def _random_state(self, key: jax.Array) -> TrainState:
        pixels = jnp.zeros((1, *self.pool.pixels.shape[1:]), jnp.uint8)
        variables = self._model.init(key, self._augment.for_encoding(pixels), train=False)
        return TrainState.create(variables, self._optimiser, self._loss.init(self._task))

    def codes(self, state: TrainState) -> "Encoded":
        """Encodes queries and database with a replicated state."""
        split, labels = self.split, self.pool.labels
        queries = Coded(self._encode(state, split.query, "encode query"), labels[split.query])
        if self._loss.database_codes:
            learnt = self._loss.database_codes(self.replicas.first(state.loss_state))
            place = np.argsort(split.train)[np.searchsorted(np.sort(split.train), split.database)]
            codes, pace = np.packbits(learnt[place] >= 0, axis=1), None
        else:
            before = time.monotonic()
            codes = self._encode(state, split.database, "encode database")
            pace = (time.monotonic() - before) * 1_000 / len(codes)
        return Encoded(queries, Coded(codes, labels[split.database]), self.db_codes, pace)

    def attention_maps(self, state: TrainState, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Shows where the network looks in uint8 images [n h w c]: {node: [n h' w']}."""
        variables = self.replicas.first(state.variables)
        return attention_maps.attention_maps(self._model, variables, self._augment, pixels)

    @property
    def db_codes(self) -> str:
        """Whose codes are searched: `"network"`, or `"learnt"` beside it."""
        return "learnt" if self._loss.database_codes else "network"

    def _encode(self, state: TrainState, positions: np.ndarray, title: str) -> np.ndarray:
        return encode(
            self._encode_step,
            self.replicas,
            state.variables,
            _select(self.pool.pixels, positions),
            batch_size=self.config.eval.batch_size,
            title=title,
            workers=self.config.data.workers,
        )


def _own(order: sampler.Order, share: slice, step: int) -> np.ndarray:
    return order(step)[share]


def _select(pixels: loader.Pixels, positions: np.ndarray) -> loader.Pixels:
    return pixels[positions] if isinstance(pixels, np.ndarray) else pixels.select(positions)


class Encoded(NamedTuple):
    """Codes of the queries and of the database.

    db_codes: whose codes the database's are, see `Experiment.db_codes`.
    milliseconds: an image of the database took to encode, from memory and compiled; None where
      the database was not encoded.
    """

    queries: Coded
    database: Coded
    db_codes: str
    milliseconds: float | None


def _loss(config: ConfigDict) -> HashLoss:
    paper = registry.find("jaxhash.losses", config.name)
    return paper.build(**registry.options(config, paper))
