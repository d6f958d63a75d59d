"""Whatever an image is stored as, the right bytes come out, or a line saying why not."""

import numpy as np
import pytest
from PIL import Image

from images import encoded, grey, noise
from stratiform.data.config import DataConfig
from stratiform.data.decode import Unreadable, decode

AS_IT_IS = DataConfig()


def test_grey_rgb_and_one_bit() -> None:
    assert (decode(encoded(noise(0)), AS_IT_IS) == np.asarray(noise(0))).all()
    colour = noise(1, (5, 3), channels=3)
    assert (decode(encoded(colour), AS_IT_IS) == np.asarray(colour).transpose(2, 0, 1)).all()
    bit = Image.fromarray(np.eye(4, dtype=bool))
    assert (decode(encoded(bit), AS_IT_IS)[0] == 255 * np.eye(4)).all()


def test_a_palette_is_grey_only_if_its_colours_are() -> None:
    assert (decode(encoded(noise(0).convert("P")), AS_IT_IS) == np.asarray(noise(0))).all()
    coloured = decode(encoded(Image.new("RGB", (4, 4), (255, 0, 0)).quantize(4)), AS_IT_IS)
    assert coloured.shape == (3, 4, 4) and coloured[0].min() == 255 and coloured[1:].max() == 0


def test_sixteen_bits_are_divided_by_257() -> None:
    wide = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    assert decode(encoded(Image.fromarray(wide)), AS_IT_IS).tolist() == [[[0, 0, 1, 1, 128, 255]]]


def test_transparent_pixels_lie_on_white() -> None:
    clear = decode(encoded(Image.new("RGBA", (4, 4), (10, 20, 30, 0))), AS_IT_IS)
    assert clear.shape == (3, 4, 4) and clear.min() == 255
    half = decode(encoded(Image.new("LA", (4, 4), (0, 128))), AS_IT_IS)
    assert half.shape == (1, 4, 4) and half[0, 0, 0] == 127
    indexed = noise(0, channels=3).quantize(4)
    assert decode(encoded(indexed, transparency=0), AS_IT_IS).max() == 255


def test_exif_turns_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    assert decode(encoded(noise(0, (6, 4)), exif=exif), AS_IT_IS).shape == (1, 6, 4)


def test_crop_then_size_as_the_papers_treat_celeba() -> None:
    pixels = np.zeros((218, 178), np.uint8)
    pixels[55:163, 35:143] = 200  # the central 108 x 108
    seen = decode(encoded(Image.fromarray(pixels)), DataConfig(crop=108, size=64))
    assert seen.shape == (1, 64, 64) and (seen == 200).all()


@pytest.mark.parametrize("size", [3, 8, 20])
@pytest.mark.parametrize("shape", [(8, 8), (8, 13), (21, 9)])
def test_size_gives_squares(size: int, shape: tuple[int, int]) -> None:
    assert decode(encoded(noise(0, shape)), DataConfig(size=size)).shape == (1, size, size)


def test_resizing_stays_within_the_range_and_averages() -> None:
    step = np.repeat([[0, 16]], 8, 0).repeat(8, 1).astype(np.uint8)
    for size in (4, 24):
        assert decode(step, DataConfig(size=size)).max() == 16
    fine = (np.indices((12, 12)).sum(0) % 2 * 200).astype(np.uint8)
    assert np.abs(decode(fine, DataConfig(size=3)).astype(int) - 100).max() <= 12


def test_channels() -> None:
    assert decode(encoded(grey(7)), DataConfig(channels=3)).tolist() == np.full((3, 8, 8), 7).tolist()
    assert decode(encoded(Image.new("RGB", (2, 2), "red")), DataConfig(channels=1)).tolist() == [[[76, 76], [76, 76]]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"some words", "not an image"),
        (b"", "not an image"),
        (encoded(noise(0, (64, 64)))[:-300], "truncated|broken"),
        (encoded(noise(0, (64, 64)), "JPEG")[:-300], "truncated"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "floats"),
    ],
)
def test_bad_files_say_why(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(content, AS_IT_IS)
