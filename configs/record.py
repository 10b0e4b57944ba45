"""CIFAR-10 from random weights in about half an hour of two CPU cores, with its measurement.

  python -m jaxhash.main --config=configs/record.py

Arguments: bits, epochs (9, by default).

The official split, 10,000 queries against the 50,000 training images, as DAH has it. The network of
`jaxhash/models/backbones/whitened.py` and the objective of CSQ, with outputs normalised over the
batch; crops and flips; AdamW in one cycle of the learning rate; in encoding, the outputs of an
image and of its mirror image are averaged. One run came to mAP .8737 (seed 0); results/README.md
has its time and what was tried.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,epochs=...`."""
    args = configs.arguments(arg, bits=48, epochs=9)
    config = configs.base()
    config.name = "record"
    config.data.update(size=32, pad=2, flip=True, mirrored=True, protocol="cifar10_official")
    config.model.update(bits=args.bits, hash_norm=True)
    config.model.backbone.name = "whitened"
    config.loss.name = "csq"
    config.optim.update(name="adamw", lr=5e-3, weight_decay=0.05, schedule="one_cycle")
    config.train.update(batch_size=128, total_epochs=float(args.epochs))
    config.eval.at_start = False
    config.checkpoint.every_epochs = 1.0
    return config
