import jax
import jax.numpy as jnp
import numpy as np
import pytest

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


@pytest.mark.slow
def test_an_image_is_distorted_alike_wherever_it_stands_in_the_batch():
    augment = Augment(8, pad=2, flip=True, zoom=0.5, jitter=0.4, **GREY)
    key, index = jax.random.key(3), jnp.array([4, 9, 2, 7, 0, 5])
    whole = augment.for_training(key, IMAGES, index)
    for part in (slice(0, 2), slice(2, 6)):
        alone = augment.for_training(key, IMAGES[part], index[part])
        np.testing.assert_array_equal(alone, whole[part])


def test_zoom_cuts_squares_out_and_enlarges_them():
    """Of a ramp along both axes, a part of at least a quarter of the area, enlarged, is a ramp."""
    size = 16
    ramp = np.arange(size)[:, None, None] * np.ones((1, size, 1)) * 8
    both = np.concatenate([ramp, ramp.transpose(1, 0, 2)], axis=-1).astype(np.uint8)
    augment = Augment(size, mean=(0.0, 0.0), std=(8 / 255, 8 / 255), zoom=0.25)
    images = jnp.tile(jnp.array(both)[None], (300, 1, 1, 1))
    got = np.asarray(augment.for_training(jax.random.key(0), images, jnp.arange(300)))
    inner = got[:, 2:-2, 2:-2]  # at the border a position beyond the last centre takes its value
    down, across = (np.diff(inner[..., 0], axis=1), np.diff(inner[..., 1], axis=2))
    sides = down.mean(axis=(1, 2))  # how much of the image a step of a pixel covers
    np.testing.assert_allclose(down, sides[:, None, None] * np.ones_like(down), atol=1e-3)
    np.testing.assert_allclose(across.mean(axis=(1, 2)), sides, atol=1e-3)
    assert 0.5 - 1e-4 < sides.min() < 0.53 and 0.97 < sides.max() <= 1 + 1e-4
    # Of areas drawn evenly from [1/4, 1], the mean side is (2/3) (1 - 1/8) / (3/4).
    assert abs(sides.mean() - 0.7778) < 0.02
    centre = got[:, 7:9, 7:9].mean(axis=(1, 2))
    room = (1 - sides)[:, None] * size / 2
    assert (np.abs(centre - (size - 1) / 2) <= room + 1e-2).all()
    assert np.abs(centre - (size - 1) / 2).max() > 3


def test_jitter_changes_brightness_contrast_and_saturation_by_what_it_says():
    grey = jnp.full((400, 4, 4, 3), 100, jnp.uint8)
    augment = Augment(4, mean=(0.0,) * 3, std=(1 / 255,) * 3, jitter=0.3)
    key, index = jax.random.key(0), jnp.arange(400)
    got = np.asarray(augment.for_training(key, grey, index))
    # A plain grey has no contrast and no saturation: brightness alone is seen.
    np.testing.assert_allclose(got, got[:, :1, :1, :1] * np.ones_like(got), atol=1e-3)
    assert 70 - 1e-3 <= got.min() < 72 and 128 < got.max() <= 130 + 1e-3
    tones = grey.at[:, ::2].set(80).at[:, 1::2].set(120)
    got = np.asarray(augment.for_training(key, tones, index))
    contrast = (got[:, 1, 0, 0] - got[:, 0, 0, 0]) / got.mean(axis=(1, 2, 3)) / (40 / 100)
    assert 0.7 * 0.999 <= contrast.min() < 0.71 and 1.29 < contrast.max() <= 1.3 * 1.001
    colour = jnp.array([80, 100, 120], jnp.uint8)[None, None, None] * jnp.ones_like(grey)
    got = np.asarray(augment.for_training(key, colour, index))
    spread = (got[:, 0, 0, 2] - got[:, 0, 0, 0]) / got.mean(axis=(1, 2, 3)) / (40 / 100)
    saturation = spread / contrast  # contrast holds for colours too
    assert 0.7 * 0.999 <= saturation.min() < 0.71 and 1.29 < saturation.max() <= 1.3 * 1.001
    assert np.abs(np.corrcoef([saturation, contrast])[0, 1]) < 0.15
    noise = augment.for_training(key, jnp.tile(IMAGES[:1], (400, 1, 1, 3))[:, :4, :4], index)
    assert noise.min() >= 0 and noise.max() <= 255 + 1e-3


def test_what_is_not_asked_for_draws_as_before():
    """Zoom and jitter draw from keys of their own: crops and flips of older runs stay."""
    key, index = jax.random.key(3), jnp.arange(6)
    plain = Augment(8, pad=2, flip=True, **GREY).for_training(key, IMAGES, index)
    other = Augment(8, pad=2, flip=True, zoom=0.999999, **GREY).for_training(key, IMAGES, index)
    np.testing.assert_allclose(plain, other, atol=1e-3)
    assert not Augment(8).random
    assert all(Augment(8, **one).random for one in ({"zoom": 0.5}, {"jitter": 0.1}, {"pad": 1}))
