"""CIFAR-10 from random weights in half an hour of two CPU cores, or in two and a half hours.

  python -m jaxhash.main --config=configs/record.py
  python -m jaxhash.main --config=configs/record.py:minutes=150

Arguments: bits, minutes (30 or 150, measurement included), epochs (0: as many as fit, 9 and 26).

The official split, 10,000 queries against the 50,000 training images, as DAH has it. The network of
`jaxhash/models/backbones/whitened.py` and the objective of CSQ, with outputs normalised over the
batch; crops and flips; AdamW in one cycle of the learning rate; in encoding, the outputs of an
image and of its mirror image are averaged. With minutes=150 the second of the three stages is twice
as wide. One run of each (seed 0) came to mAP .8737 in 28 minutes, and to .9232 in 134;
results/README.md says how, and what was tried.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs

EPOCHS = {"30": 9, "150": 26}


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,minutes=...,epochs=...`."""
    args = configs.arguments(arg, bits=48, minutes=("30", "150"), epochs=0)
    config = configs.base()
    config.name = "record" if args.minutes == "30" else f"record-{args.minutes}"
    configs.whitened(config, wide=args.minutes == "150")
    config.data.protocol = "cifar10_official"
    config.model.bits = args.bits
    config.loss.name = "csq"
    config.train.total_epochs = float(args.epochs or EPOCHS[args.minutes])
    return config
