"""Made attention_parity.npz with torch 2.13, from the published modules of four papers.

Run from the top: python -m tests.models.attention.make_parity FOLDER, where FOLDER holds these
files of the authors' repositories: triplet_attention.py (landskape-ai/triplet-attention, 2cf02fb),
cbam.py (Jongchan/attention-module, 459efad), da_att.py (junfu1115/DANet, b0a0fa0), hat_arch.py
(XPixelGroup/HAT, 1638a9a).

Weights and maps are not stored: both sides draw them by `tests/torch_weights.py`, from names and
shapes. Stored are those names and shapes, and what the published modules give, as [b h w c].
"""

import sys
from pathlib import Path

import numpy as np
import torch

from tests.models.torch_weights import images, weights

MAP = (2, 6, 5, 32)


def published(path: Path, first: str = "", end: str = "\0") -> dict:
    """Runs a file from the line that starts with `first` to that which starts with `end`."""
    text = path.read_text()
    text = text[text.index(first) :].split(end)[0]
    names = {"torch": torch, "nn": torch.nn}
    exec(compile(text, str(path), "exec"), names)
    return names


def main(folder: Path) -> None:
    """Writes the arrays."""
    dual = published(folder / "da_att.py")
    modules = {
        "triplet": published(folder / "triplet_attention.py")["TripletAttention"](32),
        "cbam": published(folder / "cbam.py")["CBAM"](32, reduction_ratio=4),
        "danet_position": dual["PAM_Module"](32),
        "danet_channel": dual["CAM_Module"](32),
        "cab": published(folder / "hat_arch.py", "class ChannelAttention", "\nclass Mlp")["CAB"](
            32, compress_ratio=3, squeeze_factor=8
        ),
    }
    stored = {}
    x = torch.from_numpy(images(*MAP)).permute(0, 3, 1, 2)
    for name, module in modules.items():
        shapes = {
            key: tuple(value.shape)
            for key, value in module.state_dict().items()
            if "num_batches" not in key
        }
        tensors = {key: torch.from_numpy(value) for key, value in weights(shapes).items()}
        module.load_state_dict(tensors, strict=False)
        with torch.no_grad():
            stored[f"{name}_output"] = module.eval()(x).permute(0, 2, 3, 1).numpy()
        stored[f"{name}_names"] = np.array(list(shapes))
        stored[f"{name}_shapes"] = np.array([",".join(map(str, s)) for s in shapes.values()])
    np.savez_compressed(Path(__file__).with_name("attention_parity.npz"), **stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
