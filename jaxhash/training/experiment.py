"""Everything that a config names, built: data, network, loss, optimizer, mapped steps."""

import contextlib
import math
import time
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash import data, losses, shallow
from jaxhash.data import augment, loader, sampler
from jaxhash.distributed import processes
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders import attention_maps
from jaxhash.encoders.batches import encode
from jaxhash.encoders.steps import encode_step, trunk_step
from jaxhash.losses import Task
from jaxhash.metrics.evaluate import mean_average_precision
from jaxhash.metrics.exact import Described
from jaxhash.metrics.hamming import Coded
from jaxhash.metrics.held_out import among_each_other
from jaxhash.models import backbones, freezing, hash_network, pretrained
from jaxhash.models.hash_network import HashModel
from jaxhash.training import checks, initial, keys, optimizers, steps, trunk
from jaxhash.training.state import AveragedState, TrainState
from jaxhash.training.trunk import Features


class Experiment:
    """The parts of a run, and the operations that training and evaluation share.

    Attributes:
      config: the configuration.
      data: the data set and its splits.
      replicas: the devices.
      model, loss, optimizer, augment: as the config names them.
      fitted: whether a shallow method fits the hash layer, and no step trains it; see `fit`.
      steps_per_epoch, total_steps: of training.
      extended: the steps at which the run had been finished before it was extended.
      order: (step) -> [batch] positions among the training images.
      train_step: (state, batch) -> (state, metrics), over the replicas; the buffers of the state
        are reused and must not be read again.
      after_epoch: (state) -> state, over the replicas; None where the loss needs none.
    """

    def __init__(self, config: ConfigDict, extended: Sequence[int] = ()):
        """Builds all parts; raises UserError for the first that cannot be built.

        Args:
          config: of the run.
          extended: see `jaxhash.runs.origin.Origin`.
        """
        configs.check(config)
        self.config = config
        self.replicas = Replicas.sharing(config.train.batch_size, config.devices)
        self.augment = augment.build(config.data)
        self.loss = losses.build(config.loss)
        checks.before_data(config, self.loss, self.augment, self._network(labels=2))
        with processes.primary_first():  # a data set may prepare itself
            # Images whose features are kept are read once, and then a few to be shown.
            self.data = data.build(config.data, resident=not self._keeps)
        checks.of_data(config, self.data, self.loss, self.augment)
        labels, batch_size = self.data.train_labels, config.train.batch_size
        self.model = self._network(labels.shape[1])
        self.order = sampler.build(config.train.order, config.seed, labels, batch_size)
        self.steps_per_epoch = sampler.epoch(config.train.order, len(labels), batch_size)
        self.total_steps = configs.duration(config.train, "total", self.steps_per_epoch)
        self.fitted = hash_network.is_fitted(config.model)
        checks.length(config, self.total_steps, self.fitted)
        self._task = Task(config.model.bits, labels, config.seed, self.total_steps)
        self.extended = tuple(step for step in extended if step < self.total_steps)
        self._trained = self._behind = self._variables = None
        if self.model.cut or self.model.frozen:
            shapes, behind = _behind(
                self.model.clone(frozen=frozenset()), self.augment.blank(1).shape
            )
            self._trained = freezing.without(behind, self.model.frozen)
            if self._keeps:
                self._behind, self._variables = behind, shapes
        self.optimizer = optimizers.build(
            config.optim,
            max(self.total_steps, 1),
            self.extended,
            self._trained and self._trained["params"],
        )
        self._features: Features | None = None
        self.train_step, self.after_epoch, self._gather, self._encode_step = self._mapped()

    def _mapped(self) -> tuple:
        """Maps the steps over the devices."""
        network: dict[str, Any] = {"model": self.model, "augment": self.augment}
        objective: dict[str, Any] = {
            "loss": self.loss,
            "optimizer": self.optimizer,
            "seed": self.config.seed,
            "average": self._average,
            "trained": self._trained,
            "used": self._behind,
            "shapes": self._variables,
        }
        train_step = partial(steps.train_step, **network, **objective)
        after_epoch = None
        if self.loss.after_epoch:
            step = partial(steps.after_epoch, loss=self.loss)
            after_epoch = self.replicas.map(step, donate=(0,))
        return (
            self.replicas.map(train_step, donate=(0,)),
            after_epoch,
            self.replicas.map(steps.gather),
            self.replicas.map(partial(encode_step, **network)),
        )

    def _network(self, labels: int) -> HashModel:
        config = self.config
        frozen = optimizers.frozen(config.optim)
        cut = hash_network.cut(config.model.backbone.name, config.train.freeze)
        return hash_network.build(config.model, labels).clone(frozen=frozen, cut=cut)

    @property
    def _keeps(self) -> bool:
        """Whether what a frozen trunk computes is kept."""
        return self.config.train.freeze != "none" and self.config.train.views > 0

    @property
    def _average(self) -> float:
        return self.config.optim.get("average", 0.0)

    def batches(self, start: int) -> Generator[steps.Batch, None, None]:
        """Yields this process's part of the batches from step `start` to the last.

        Training images are kept on the devices where they fit, and streamed otherwise; both give
        the same batches.
        """
        train, labels, features = self.data.split.train, self.data.train_labels, self._features
        own = partial(_own, self.order, self.replicas.share(self.config.train.batch_size))
        todo, workers = range(start, self.total_steps), self.config.data.workers
        if features:
            row = partial(_row, features, own, self.steps_per_epoch, self.loss.views)
            pool = features.pool
            size = 2 * math.prod(pool.shape)
        else:
            pool, row = loader.select(self.data.pool.pixels, train), own
            size = math.prod(pool.shape)
        if size <= self.data.resident_bytes:
            pixels = pool[:] if features else loader.take(self.data.pool.pixels, train)
            images = self.replicas.replicate(steps.Images(pixels, labels))
            for step in todo:
                index = own(step)
                place = row(step) if features else index
                yield self._gather(images, *self.replicas.shard((index, place)))
            return
        stream = loader.read(pool, row, todo, workers)
        with contextlib.closing(stream):
            for step, images in zip(todo, stream, strict=True):
                index = own(step)
                batch = self.replicas.shard((images, labels[index], index))
                yield steps.Batch(*batch)

    def keep_features(
        self, state: TrainState, *, train: bool, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Has training and evaluation start from what a frozen trunk keeps; see `trunk.keep`.

        Nothing happens without `train.freeze`, and with `train.views=0`.

        Args:
          state: on the host; its frozen weights are those of the whole run.
          train: whether the run trains, or is evaluated alone.
          stopped: whether the user wants the run to end, asked by all processes at once.

        Raises:
          cache.Stopped: the user does.
        """
        if self._behind is not None:
            self._features = trunk.keep(
                self.config,
                self.data,
                self.model,
                self.augment,
                self.replicas,
                state.variables,
                self._behind,
                train,
                stopped,
            )

    def without_trunk(self, state: TrainState) -> TrainState:
        """Returns a state without the weights that no step uses, of a trunk whose output is kept.

        The other operations take whole states, and `train_step` those that this one returns.
        """
        return state.map_variables(partial(freezing.leave_out, self._behind))

    def with_trunk(self, state: TrainState, other: TrainState) -> TrainState:
        """Returns a state with those weights of another that `without_trunk` left out.

        Both are on the host, or both replicated; of the other, nothing else is read.
        """
        if self._behind is None:
            return state
        both = {"params": other.params, "batch_stats": other.batch_stats}
        return state.map_variables(partial(freezing.fill, with_=both))

    def fit(self, state: TrainState) -> TrainState:
        """Has the shallow method of a `fitted` experiment fit the hash layer.

        Args:
          state: on the host, with the weights of the network whose features are taken.

        Returns:
          the state with a hash layer.

        Raises:
          UserError: there are too few training images or dimensions for the method.
        """
        config, labels = self.config, self.data.train_labels
        method = shallow.build(config.model.shallow)
        assert method is not None  # it is `fitted`
        vectors = self._describe(state, self.data.split.train).astype(np.float64)
        function = method.fit(vectors, labels, config.model.bits, config.seed)
        head = {name: np.asarray(x, np.float32) for name, x in function._asdict().items()}
        variables = {"params": {**state.params, "head": head}, "batch_stats": state.batch_stats}
        return state.with_variables(variables)

    def prepare(self, state: TrainState) -> TrainState:
        """Has the loss compute what it needs of all training images before the first step.

        Args:
          state: on the host, before the first step.

        Raises:
          UserError: the loss cannot use these images.
        """
        if self.loss.prepare is None:
            return state
        task = self._task._replace(features=partial(self._describe, state, self.data.split.train))
        prepared = self.loss.prepare(state.loss_state, task)
        return state.replace(loss_state=jax.tree.map(np.asarray, prepared))

    def _describe(self, state: TrainState, positions: np.ndarray) -> np.ndarray:
        """Computes what the hash layer is given of images [n] of the data set, float16 [n d]."""
        if self._features and self.model.cut == hash_network.ALL:
            vectors = np.asarray(self._features.of(positions)[:])
        else:
            whole = self.model.clone(cut=hash_network.ALL)
            vectors = encode(
                self.replicas.map(partial(trunk_step, model=whole, augment=self.augment)),
                self.replicas,
                self.replicas.replicate(state.variables),
                loader.select(self.data.pool.pixels, positions),
                batch_size=self.config.eval.batch_size,
                title="features",
                workers=self.config.data.workers,
            )
        return vectors.mean(axis=1) if self.augment.views > 1 else vectors

    def random_state(self) -> TrainState:
        """Returns the state before the first step, with random weights, on the host."""
        # The key is an argument: XLA would compute what follows from a constant while it compiles.
        key, image = keys.initial(self.config.seed), self.augment.blank(1).shape[1:]
        variables = hash_network.initial(self.model, key, image)
        return jax.tree.map(np.asarray, jax.jit(self._state)(variables))

    def pretrained(self, state: TrainState) -> tuple[TrainState, dict[str, Any] | None]:
        """Gives a state the initial weights that `model.weights` names.

        Returns:
          the state, and what is to be noted of the run whose network it is, if it is one's.

        Raises:
          UserError: the weights cannot be read or do not fit.
        """
        weights = self.config.model.weights
        if initial.names_run(weights):
            source = initial.from_run(state.variables, weights)
            print(source)
            if source.trained_on_other_splits(self.config.data.name, self.data.split.checksum):
                print(
                    f"{weights} was trained on other splits of {self.config.data.name}: queries "
                    "here may be among its training images"
                )
            return state.with_variables(source.variables), source.notes
        family = backbones.family(self.config.model.backbone.name)
        variables = pretrained.initialise(state.variables, weights, family.torch_names)
        if weights == pretrained.NONE and hasattr(family, "from_images"):
            variables = initial.from_images(variables, family.from_images, self._some_images())
        return state.with_variables(variables), None

    def _some_images(self) -> np.ndarray:
        """Returns the first training images as the network is given them, [n h w c]."""
        count = max(2, initial.PIXELS // self.config.data.size**2)  # few large ones fit into memory
        images = loader.take(self.data.pool.pixels, self.data.split.train[:count])
        return np.asarray(self.augment.for_encoding(jnp.asarray(images)))

    def _state(self, variables: dict) -> TrainState:
        kind = AveragedState if self._average else TrainState
        return kind.create(variables, self.optimizer, self.loss.init(self._task))

    def codes(self, state: TrainState) -> "Encoded":
        """Encodes queries and database with a replicated state."""
        split, labels = self.data.split, self.data.pool.labels
        queries = self._coded(state, split.query, "encode query")
        if self.loss.database_codes:
            learnt = self.loss.database_codes(self.replicas.first(state.loss_state))
            place = np.argsort(split.train)[np.searchsorted(np.sort(split.train), split.database)]
            codes, pace = np.packbits(learnt[place] >= 0, axis=1), None
        else:
            before = time.monotonic()
            codes = self._encode(state, split.database, "encode database")
            pace = (time.monotonic() - before) * 1_000 / len(codes)
            if self._features:
                pace = None  # of the layers behind the cut alone
        return Encoded(queries, Coded(codes, labels[split.database]), self.db_codes, pace)

    def described(self, state: TrainState) -> tuple[Described, Described]:
        """Computes what the hash layer is given of queries and database; of a replicated state."""
        split, labels = self.data.split, self.data.pool.labels
        first = self.replicas.first(state)
        query, database = (
            Described(self._describe(first, positions), labels[positions])
            for positions in (split.query, split.database)
        )
        return query, database

    def held_out_map(self, state: TrainState) -> float | None:
        """Measures the held-out images as queries, as the protocol measures its own.

        They are searched among each other, as images that were not trained on; among the training
        images where the protocol's database is made of these, or where one image is held out.

        Returns:
          mean average precision, at the depth of the protocol; None without `data.held_out`.
        """
        split = self.data.split
        if not len(split.held_out):
            return None
        bits, map_at = self.config.model.bits, self.data.protocol.map_at
        queries = self._coded(state, split.held_out, "encode held-out")
        searches_trained = np.isin(split.database, split.train).mean() > 0.5
        if searches_trained or len(split.held_out) == 1:
            database = self._coded(state, split.train, "encode train")
            return mean_average_precision(queries, database, bits, map_at)
        return among_each_other(queries, bits, map_at)

    def _coded(self, state: TrainState, positions: np.ndarray, title: str) -> Coded:
        return Coded(self._encode(state, positions, title), self.data.pool.labels[positions])

    def attention_maps(self, state: TrainState, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Computes the attention maps of uint8 images [n h w c]: {node: [n h' w']}."""
        variables = self.replicas.first(state.variables)
        return attention_maps.compute(self.model, variables, self.augment, pixels)

    @property
    def db_codes(self) -> str:
        """Returns whose codes the database has: `"network"`, or those that a loss `"learnt"`."""
        return "learnt" if self.loss.database_codes else "network"

    def _encode(self, state: TrainState, positions: np.ndarray, title: str) -> np.ndarray:
        return encode(
            self._encode_step,
            self.replicas,
            state.variables,
            self._features.of(positions)
            if self._features
            else loader.select(self.data.pool.pixels, positions),
            batch_size=self.config.eval.batch_size,
            title=title,
            workers=self.config.data.workers,
        )


@lru_cache(maxsize=8)  # a grid asks for the same at every run
def _behind(model: HashModel, images: tuple[int, ...]) -> tuple[Any, Any]:
    """Returns the shapes of the variables, and which of them are behind the cut; both trees."""
    x = jax.ShapeDtypeStruct(images, jnp.float32)
    shapes = jax.eval_shape(lambda x: model.init(jax.random.key(0), x), x)
    return shapes, freezing.trained(model, shapes, images[1:])


def _own(order: sampler.Order, share: slice, step: int) -> np.ndarray:
    return order(step)[share]


def _row(features: Features, own: Callable, epoch: int, views: int, step: int) -> np.ndarray:
    return features.row(own(step), step // epoch, views)


class Encoded(NamedTuple):
    """Codes of the queries and of the database.

    db_codes: see `Experiment.db_codes`.
    milliseconds: to encode an image of the database, from memory and compiled; None where the
      database was not encoded, or from the features of a frozen trunk.
    """

    queries: Coded
    database: Coded
    db_codes: str
    milliseconds: float | None
