"""Made swin_parity.npz, with torch 2.13 and timm 1.0.31.

Run from the top: python -m tests.models.backbones.make_swin_parity.

Weights and images are not stored: both sides draw them by `draw`, from names and shapes. Stored are
those names and shapes, and what timm gives before pooling, for a network of small sizes: windows of
4 on maps of 16 and 8 (shifted and masked), 4 (not shifted) and 2 (smaller than the window).
"""

from tests.models.backbones import timm_parity

SIZE = 64
DEPTHS = (2, 2, 2, 2)
EMBED = 12
WINDOW = 4
HEADS = (2, 4, 8, 16)


def main() -> None:
    import timm  # here, because the test takes the sizes from this file, and has no PyTorch

    network = timm.models.SwinTransformer(
        img_size=SIZE,
        embed_dim=EMBED,
        depths=DEPTHS,
        num_heads=HEADS,
        window_size=WINDOW,
        num_classes=5,
    )
    timm_parity.store("swin", network, SIZE)


if __name__ == "__main__":
    main()
