"""Configurations: the default that every config starts from, its arguments, checks and files."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxhash import registry
from jaxhash.errors import UserError, nearest

# What may change when a run is resumed: where things lie and how often it speaks, not what it is.
FREE_TO_CHANGE = (
    "data.dir",
    "data.stream",
    "data.workers",
    "devices",
    "log.every_steps",
    "checkpoint.keep",
)


def base() -> ConfigDict:
    """Returns the configuration that every file in `configs/` starts from.

    Durations come as `..._epochs` or, where it is set, `..._steps`.

    >>> base().optim.lr
    5e-05
    """
    config = ConfigDict()
    config.name = "unnamed"  # of the system; part of the default workdir
    config.seed = 0  # of the split, the weights, the order and the augmentation
    config.devices = 0  # how many local devices share a step; 0 takes all

    config.data = ConfigDict()
    config.data.name = "cifar10"  # a file of jaxhash/data/sets
    config.data.protocol = "cifar10_54k"
    # Where TFDS data sets lie; unset: TFDS's default. For folder and manifest: one's own images.
    config.data.dir = placeholder(str)
    config.data.size = 224  # pixels of the network's input
    config.data.stored = 0  # pixels a side at which images of varying size are kept; 0: data.size
    # Whether images are read from disk as they are needed: auto (where they would take more than 4
    # GiB), always or never. The numbers of a run do not depend on it.
    config.data.stream = "auto"
    config.data.workers = 4  # processes that read and decode them; 0: this one
    config.data.pad = 0  # training: pad by this many pixels and crop at random
    config.data.flip = False  # training: mirror half of the images
    config.data.held_out = 0.0  # training images kept for eval/held_out_map: a share, or how many
    config.data.mean = (0.485, 0.456, 0.406)
    config.data.std = (0.229, 0.224, 0.225)

    config.model = ConfigDict()
    config.model.bits = 48
    config.model.hash_norm = False  # normalise outputs over the batch; see jaxhash.models.heads
    config.model.backbone = _choice("jaxhash.models.backbones", name="resnet18")
    # Nodes of the backbone by name, by pattern ("stage*"), or "last".
    config.model.attention = _choice("jaxhash.models.attention", name="none", nodes=("last",))
    config.model.head = _choice("jaxhash.models.heads", name="linear")
    config.model.weights = "none"  # none, a .safetensors file, or a Hugging Face repository
    config.model.dtype = "float32"  # or bfloat16: of activations; weights stay float32

    config.loss = _choice("jaxhash.losses", name="dhida")

    config.optim = ConfigDict()
    config.optim.name = "rmsprop"  # rmsprop, adam, adamw or sgd
    config.optim.lr = 5e-5
    config.optim.weight_decay = 1e-5  # added to the gradient; of adamw, to the step
    config.optim.clip_norm = 0.0  # largest norm of the gradient of all weights; 0: not clipped
    config.optim.average = 0.0  # decay of an average of the weights that is evaluated; 0: none
    config.optim.schedule = "constant"  # constant, step, cosine or one_cycle
    config.optim.drop_percent = 60.0  # of step: how far into training the rate falls to a tenth
    config.optim.warmup_percent = 30.0  # of one_cycle
    # The learning rate of each part of the network is lr times this; 0 holds a part still.
    config.optim.multiplier = ConfigDict({"backbone": 1.0, "attention": 1.0, "head": 1.0})

    config.train = ConfigDict()
    config.train.batch_size = 128  # over all devices
    config.train.order = "shuffled"  # or class_balanced: as many images of each class in a batch
    config.train.total_epochs = 150.0
    config.train.total_steps = placeholder(int)

    config.eval = ConfigDict()
    config.eval.batch_size = 256
    config.eval.at_start = True  # measure the network before it has learnt anything
    config.eval.every_epochs = 0.0  # 0: at the end alone
    config.eval.every_steps = placeholder(int)

    config.checkpoint = ConfigDict()
    config.checkpoint.every_epochs = 10.0
    config.checkpoint.every_steps = placeholder(int)
    config.checkpoint.keep = 3

    config.log = ConfigDict({"every_steps": 10})
    return config


def load(path: str) -> ConfigDict:
    """Loads a config as the command line does: a file, and its arguments after a colon.

    Args:
      path: "configs/dhida.py" or "configs/dhida.py:bits=16".

    Raises:
      UserError: there is no such file, or it has no such argument.
    """
    file, _, args = path.partition(":")
    if not Path(file).is_file():
        raise UserError(f"--config={path}: no such file; the configs are in configs/")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise UserError(f"--config={path}: not a config, it has no function get_config")
    return module.get_config(args or None)


def known_arguments(file: str) -> dict[str, Any]:
    """Returns the arguments that a config takes after its colon, with their defaults.

    >>> known_arguments("configs/quickstart.py")
    {'bits': 32, 'attention': 'ida'}
    """
    try:
        load(f"{file}:=")  # no argument has an empty name
    except UnknownArgument as error:
        return error.known
    except TypeError:  # its get_config takes none
        return {}
    return {}


class UnknownArgument(UserError):
    """An argument that a config does not take. known: those that it takes, with their defaults."""

    def __init__(self, name: str, known: dict[str, Any]):
        super().__init__(f"unknown config argument {name!r}: {nearest(name, known)}")
        self.known = known


def arguments(text: str | None, **defaults: Any) -> ConfigDict:
    """Parses what follows the colon in `--config=configs/dhida.py:bits=16,attention=none`.

    Args:
      text: "name=value,..." or None.
      defaults: the arguments of a config; each value is read in the type of its default. A tuple
        lists all values that there are, the default first.

    Raises:
      UserError: an unknown argument, or a value of another type.

    >>> arguments("bits=16", bits=48, scale=("paper", "small")).to_dict()
    {'bits': 16, 'scale': 'paper'}
    """
    values = {
        name: value[0] if isinstance(value, tuple) else value for name, value in defaults.items()
    }
    for pair in filter(None, (text or "").split(",")):
        name, _, value = pair.partition("=")
        if name not in defaults:
            raise UnknownArgument(name, defaults)
        choices = defaults[name] if isinstance(defaults[name], tuple) else ()
        if choices and value not in choices:
            raise UserError(f"config argument {name}={value}: expected {' or '.join(choices)}")
        kind = type(values[name])
        try:
            values[name] = kind(value)
        except ValueError:
            raise UserError(
                f"config argument {name}={value}: expected {kind.__name__}, for example "
                f"{name}={values[name]}"
            ) from None
    return ConfigDict(values)


def check(config: ConfigDict) -> None:
    """Raises UserError for values that no run could use; names are checked where they are used."""
    rules = (
        ("model.bits", 1 <= config.model.bits <= 4096, "a whole number from 1 to 4096"),
        ("model.dtype", config.model.dtype in ("float32", "bfloat16"), "float32 or bfloat16"),
        ("data.size", config.data.size >= 8, "at least 8 pixels"),
        ("data.stored", config.data.stored >= 0, "0 for data.size, or a number of pixels"),
        (
            "data.stream",
            config.data.stream in ("auto", "always", "never"),
            "auto, always or never",
        ),
        ("data.workers", config.data.workers >= 0, "0, or a number of processes"),
        ("data.pad", config.data.pad >= 0, "0 or more pixels"),
        ("train.batch_size", config.train.batch_size >= 2, "at least 2, or there are no pairs"),
        ("eval.batch_size", config.eval.batch_size >= 1, "at least 1"),
        ("optim.lr", config.optim.lr > 0, "a number above 0"),
        ("optim.clip_norm", config.optim.get("clip_norm", 0) >= 0, "0, or a number above it"),
        ("optim.average", 0 <= config.optim.get("average", 0) < 1, "from 0 to below 1"),
        ("data.held_out", config.data.get("held_out", 0) >= 0, "a share below 1, or a number"),
        ("checkpoint.keep", config.checkpoint.keep >= 1, "at least 1"),
        ("log.every_steps", config.log.every_steps >= 1, "at least 1"),
        ("devices", config.devices >= 0, "0 for all, or a number of devices"),
    )
    for name, holds, expected in rules:
        if not holds:
            raise UserError(f"{name}={flatten(config)[name]}: expected {expected}")


def duration(section: ConfigDict, prefix: str, steps_per_epoch: int) -> int:
    """Reads a duration in steps: `<prefix>_steps` where it is set, else `<prefix>_epochs`.

    >>> duration(ConfigDict(dict(every_epochs=1.5, every_steps=None)), "every", 10)
    15
    """
    steps = section[f"{prefix}_steps"]
    if steps is None:
        steps = round(section[f"{prefix}_epochs"] * steps_per_epoch)
    return steps


def flatten(config: ConfigDict | dict) -> dict[str, Any]:
    """Lists every value under its dotted name, of a config or of the JSON that it became.

    >>> flatten(ConfigDict(dict(a=1, b=dict(c=2))))
    {'a': 1, 'b.c': 2}
    """
    flat = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict | dict):
            flat |= {f"{name}.{inner}": leaf for inner, leaf in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def to_json(config: ConfigDict) -> str:
    """Writes a config as JSON text."""
    return json.dumps(config.to_dict(), indent=2) + "\n"


def from_json(path: Path) -> ConfigDict:
    """Reads a config that a run left in its workdir.

    Raises:
      UserError: there is none, or it is damaged.
    """
    try:
        return ConfigDict(_tuples(json.loads(path.read_text())))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; --workdir must name the folder of a run") from None
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
        raise UserError(f"{path}: damaged; restore it or take another --workdir") from None


def differences(old: ConfigDict, new: ConfigDict) -> list[str]:
    """Lists in words where two configs differ in what makes a run.

    >>> differences(ConfigDict(dict(bits=16)), ConfigDict(dict(bits=48)))
    ['bits is 16 there and 48 here']
    """
    there, here = flatten(old), flatten(new)
    return [
        f"{name} is {there.get(name)} there and {here.get(name)} here"
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name) and name not in FREE_TO_CHANGE
    ]


def _choice(package: str, **values: Any) -> ConfigDict:
    """Returns a section that names one module of a package, and holds the options of each."""
    return ConfigDict({**values, **registry.defaults(package)})


def _tuples(value: Any) -> Any:
    """JSON has lists only; configs have tuples only."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value
