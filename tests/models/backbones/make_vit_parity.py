"""Made vit_parity.npz, with torch 2.14 and timm 1.0.31.

Run from the top: python -m tests.models.backbones.make_vit_parity.

As for Swin: weights and images are drawn on both sides. Stored are names and shapes, and the tokens
that timm gives after its last normalisation, for a network of small sizes.
"""

from pathlib import Path

import numpy as np

from tests.models.backbones.make_swin_parity import draw
from tests.models.torch_weights import images

SIZE, PATCH, EMBED, DEPTH, HEADS = 32, 8, 24, 3, 4


def main() -> None:
    # Here, because the test takes the sizes from this file, and has no PyTorch.
    import timm
    import torch

    network = timm.models.VisionTransformer(
        img_size=SIZE,
        patch_size=PATCH,
        embed_dim=EMBED,
        depth=DEPTH,
        num_heads=HEADS,
        num_classes=5,
    ).eval()
    tensors = draw({name: tuple(value.shape) for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()})
    with torch.no_grad():
        x = torch.from_numpy(images(2, SIZE, SIZE, 3)).permute(0, 3, 1, 2)
        tokens = network.forward_features(x)
    np.savez_compressed(
        Path(__file__).with_name("vit_parity.npz"),
        tokens=tokens.numpy(),
        names=np.array(list(tensors)),
        shapes=np.array([",".join(map(str, t.shape)) for t in tensors.values()]),
    )


if __name__ == "__main__":
    main()
