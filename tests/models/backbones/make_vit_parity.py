"""Made vit_parity.npz, with torch 2.14 and timm 1.0.31.

Run from the top: python -m tests.models.backbones.make_vit_parity.

As for Swin: weights and images are drawn on both sides. Stored are names and shapes, and the tokens
that timm gives after its last normalisation, for a network of small sizes.
"""

from tests.models.backbones import timm_parity

SIZE, PATCH, EMBED, DEPTH, HEADS = 32, 8, 24, 3, 4


def main() -> None:
    import timm  # here, because the test takes the sizes from this file, and has no PyTorch

    network = timm.models.VisionTransformer(
        img_size=SIZE,
        patch_size=PATCH,
        embed_dim=EMBED,
        depth=DEPTH,
        num_heads=HEADS,
        num_classes=5,
    )
    timm_parity.store("vit", network, SIZE)


if __name__ == "__main__":
    main()
