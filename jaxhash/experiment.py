"""Everything that a config names, built: data, split, network, objective, mapped steps."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxhash import backbones, model, optim, registry, steps
from jaxhash import config as configs
from jaxhash.backbones import pretrained
from jaxhash.data import protocols, sources
from jaxhash.data.augment import Augment
from jaxhash.encode import encode
from jaxhash.errors import UserError
from jaxhash.losses import HashLoss, Sizes
from jaxhash.metrics.hamming import Coded
from jaxhash.parallel import Replicas
from jaxhash.state import TrainState


class Experiment:
    """The parts of a run, and the few things that training and evaluation both do with them.

    Attributes:
      config: the configuration.
      pool: all images of the data set.
      protocol, split: how they are shared out.
      replicas: the devices.
      steps_per_epoch, total_steps: of training.
      train_step: (state, images, index) -> (state, metrics), over the replicas; takes over the
        memory of the state that it is given.
    """

    def __init__(self, config: ConfigDict):
        """Builds all parts; raises UserError for the first that cannot be."""
        configs.check(config)
        self.config = config
        self.replicas = Replicas(config.devices)
        self.replicas.check_batch(config.train.batch_size)
        self.protocol = sources.protocol(config.data.name, config.data.protocol)
        self._model = model.build(config.model)
        self._loss = _loss(config.loss)
        optim.build(config.optim, total_steps=1)  # refuses unknown names before data are read
        self.pool = sources.load(config.data.name, config.data.dir)
        self.split = protocols.split(
            self.protocol, self.pool.labels, self.pool.parts, self.pool.ids, config.seed
        )
        self._check_data()
        self.steps_per_epoch = len(self.split.train) // config.train.batch_size
        self.total_steps = configs.duration(config.train, "total", self.steps_per_epoch)
        if self.total_steps < 1:
            raise UserError("train.total_epochs: expected at least one step of training")
        self._optimiser = optim.build(config.optim, self.total_steps)
        self._augment = Augment(
            size=config.data.size,
            pad=config.data.pad,
            flip=config.data.flip,
            mean=config.data.mean,
            std=config.data.std,
        )
        step = partial(
            steps.train_step,
            model=self._model,
            loss=self._loss,
            optimiser=self._optimiser,
            augment=self._augment,
            seed=config.seed,
        )
        self.train_step = self.replicas.map(step, donate=(0,))
        step = partial(steps.encode_step, model=self._model, augment=self._augment)
        self._encode_step = self.replicas.map(step)

    def _check_data(self) -> None:
        config, channels = self.config, self.pool.pixels.shape[-1]
        for name in ("mean", "std"):
            given = len(config.data[name])
            if given != channels:
                raise UserError(
                    f"data.{name} has {given} channels, the images of {config.data.name} have "
                    f"{channels}"
                )
        if len(self.split.train) < config.train.batch_size:
            raise UserError(
                f"train.batch_size={config.train.batch_size}: the protocol has only "
                f"{len(self.split.train)} training images"
            )

    def images(self) -> steps.Images:
        """Returns the training images, replicated, in the order that an index counts."""
        train = self.split.train
        images = steps.Images(self.pool.pixels[train], self.pool.labels[train])
        return self.replicas.replicate(images)

    def random_state(self) -> TrainState:
        """Returns the state before the first step, with random weights, on the host."""
        return jax.tree.map(np.asarray, jax.jit(self._random_state)())

    def pretrained(self, state: TrainState) -> TrainState:
        """Returns the state with a pretrained backbone, where `model.weights` names one.

        Raises:
          UserError: the weights cannot be reached or do not fit.
        """
        family = backbones.family(self.config.model.backbone.name)
        variables = pretrained.initialise(
            state.variables, self.config.model.weights, family.torch_name
        )
        return state.replace(**variables)

    def _random_state(self) -> TrainState:
        key = jax.random.fold_in(jax.random.key(self.config.seed), 0xB17)
        pixels = jnp.zeros((1, *self.pool.pixels.shape[1:]), jnp.uint8)
        variables = self._model.init(key, self._augment.for_encoding(pixels), train=False)
        sizes = Sizes(self.config.model.bits, len(self.split.train), self.pool.labels.shape[1])
        return TrainState.create(variables, self._optimiser, self._loss.init(sizes))

    def codes(self, state: TrainState) -> "Encoded":
        """Encodes queries and database with a replicated state."""

        def coded(title: str, positions: np.ndarray) -> Coded:
            codes = encode(
                self._encode_step,
                self.replicas,
                state.variables,
                self.pool.pixels[positions],
                batch_size=self.config.eval.batch_size,
                title=f"encode {title}",
            )
            return Coded(codes, self.pool.labels[positions])

        return Encoded(coded("query", self.split.query), coded("database", self.split.database))


class Encoded(NamedTuple):
    """Codes of the queries and of the database."""

    queries: Coded
    database: Coded


def _loss(config: ConfigDict) -> HashLoss:
    paper = registry.find("jaxhash.losses", config.name)
    return paper.build(**registry.options(config, paper))
