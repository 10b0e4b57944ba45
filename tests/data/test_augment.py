import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.data.augment import Augment

RANDOM = np.random.RandomState(0)
GREY = {"mean": (0.5,), "std": (0.25,)}
IMAGES = jnp.array(RANDOM.randint(0, 256, (6, 8, 8, 1)), jnp.uint8)


def test_encoding_normalises_and_nothing_else():
    got = Augment(8, pad=2, flip=True, **GREY).for_encoding(IMAGES)
    np.testing.assert_allclose(got, (np.asarray(IMAGES) / 255 - 0.5) / 0.25, atol=1e-6)


def test_resize_is_bilinear():
    got = np.asarray(Augment(16, mean=(0.0,), std=(1 / 255,)).for_encoding(IMAGES))[0, :, :, 0]
    image = np.asarray(IMAGES, np.float32)[0, :, :, 0]
    # Pixel centres: output 1 and 2 lie a quarter and three quarters between inputs 0 and 1.
    np.testing.assert_allclose(got[0, 1], 0.75 * image[0, 0] + 0.25 * image[0, 1], rtol=1e-4)
    np.testing.assert_allclose(got[0, 0], image[0, 0], rtol=1e-5)


def test_flip_mirrors_about_half_and_changes_nothing_else():
    images = jnp.tile(IMAGES[:1], (200, 1, 1, 1))
    augment = Augment(8, flip=True, **GREY)
    got = augment.for_training(jax.random.key(0), images, jnp.arange(200))
    straight = augment.for_encoding(images)
    same = np.array([np.array_equal(a, b) for a, b in zip(got, straight, strict=True)])
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(got, straight, strict=True)])
    assert (same ^ mirrored).all() and 70 < mirrored.sum() < 130


def test_crops_are_shifts_over_black():
    augment = Augment(8, pad=2, mean=(0.0,), std=(1 / 255,))
    images = jnp.tile(IMAGES[:1], (60, 1, 1, 1))
    got = augment.for_training(jax.random.key(1), images, jnp.arange(60))
    padded = np.pad(np.asarray(IMAGES[0]), ((2, 2), (2, 2), (0, 0)))
    shifts = {
        padded[top : top + 8, left : left + 8].tobytes(): (top, left)
        for top in range(5)
        for left in range(5)
    }
    seen = {shifts.get(np.asarray(image).round().astype(np.uint8).tobytes()) for image in got}
    assert None not in seen
    assert len(seen) > 12


def test_an_image_is_distorted_alike_wherever_it_stands_in_the_batch():
    augment = Augment(8, pad=2, flip=True, **GREY)
    key, index = jax.random.key(3), jnp.array([4, 9, 2, 7, 0, 5])
    whole = augment.for_training(key, IMAGES, index)
    for part in (slice(0, 2), slice(2, 6)):
        alone = augment.for_training(key, IMAGES[part], index[part])
        np.testing.assert_array_equal(alone, whole[part])
