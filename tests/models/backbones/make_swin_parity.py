"""Made swin_parity.npz, with torch 2.13 and timm 1.0.31.

Run from the top: python -m tests.models.backbones.make_swin_parity.

Weights and images are not stored: both sides draw them by `draw`, from names and shapes. Stored are
those names and shapes, and what timm gives before pooling, for a network of small sizes: windows of
4 on maps of 16 and 8 (shifted and masked), 4 (not shifted) and 2 (smaller than the window).
"""

from pathlib import Path

import numpy as np

from tests.models.torch_weights import images, weights

SIZE = 64
DEPTHS = (2, 2, 2, 2)
EMBED = 12
WINDOW = 4
HEADS = (2, 4, 8, 16)


def draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Draws the tensors; a matrix like a 1x1 convolution, so that activations keep their size.

    Tables of position biases are matrices too: they differ by about 1, and sway the softmax.
    """
    drawn = weights({n: (*s, 1, 1) if len(s) == 2 else s for n, s in shapes.items()})
    return {name: tensor.reshape(shapes[name]) for name, tensor in drawn.items()}


def main() -> None:
    # Here, because the test takes `draw` and the sizes from this file, and has no PyTorch.
    import timm
    import torch

    network = timm.models.SwinTransformer(
        img_size=SIZE,
        embed_dim=EMBED,
        depths=DEPTHS,
        num_heads=HEADS,
        window_size=WINDOW,
        num_classes=5,
    ).eval()
    tensors = draw({name: tuple(value.shape) for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()})
    with torch.no_grad():
        x = torch.from_numpy(images(2, SIZE, SIZE, 3)).permute(0, 3, 1, 2)
        features = network.forward_features(x)
    np.savez_compressed(
        Path(__file__).with_name("swin_parity.npz"),
        features=features.numpy(),
        names=np.array(list(tensors)),
        shapes=np.array([",".join(map(str, t.shape)) for t in tensors.values()]),
    )


if __name__ == "__main__":
    main()
