"""imageio: the plugin through imageio's own functions, against the enhancer itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3
import numpy as np
import pytest
import torch
from PIL import Image

import enhance
from enhance.integrations import opencv
from enhance.integrations.imageio import register
from enhance.integrations.torch import Enhancement
from tests.codecs.vvc.conftest import StreamFactory
from tests.conftest import JpegFactory

iio: Any = imageio.v3  # its types know its own plugins only
register()
pytestmark = pytest.mark.usefixtures("tiny_defaults")


@pytest.fixture
def photo(jpeg_bytes: JpegFactory, tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_bytes(20, exif=exif.tobytes()))
    return path


def test_a_photo_is_read_enhanced(photo: Path) -> None:
    knobs = {"mode": "perceptual", "seed": 3}
    found = iio.imread(photo, plugin="enhance", **knobs)
    expected = enhance.Enhancer().run(enhance.decode(photo), enhance.Knobs(mode="perceptual", seed=3))
    assert found.dtype == np.uint8 and np.array_equal(found, expected.pixels)
    assert np.array_equal(iio.imread(photo.read_bytes(), plugin="enhance", **knobs), found)
    assert iio.imread(photo, plugin="enhance", rotate=True).shape == (128, 96, 3)
    assert iio.imread(photo, plugin="enhance", index=...).shape == (1, 96, 128, 3)
    deep = iio.imread(photo, plugin="enhance", depth=16, **knobs)
    assert deep.dtype == np.uint16 and np.abs(deep / 257 - found).max() <= 0.51
    plain = iio.imread(photo)
    assert plain.shape == found.shape and not np.array_equal(plain, found)  # unasked it stays out


def test_what_the_file_says_and_what_was_done(photo: Path) -> None:
    properties = iio.improps(photo, plugin="enhance")
    assert (properties.shape, properties.dtype) == ((96, 128, 3), np.uint8)
    facts = iio.immeta(photo, plugin="enhance")
    assert facts["rate"] == {"quality": 20, "tables": "standard"} and "enhancement" not in facts
    assert facts["exif"].startswith(b"Exif")
    with iio.imopen(photo, "r", plugin="enhance") as file:
        file.read(steps=1)
        done = file.metadata()["enhancement"]
    assert (done["steps"], done["consistent"]) == (1, True)


def test_the_pictures_of_a_stream_come_one_by_one(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    path = tmp_path / "video.266"
    path.write_bytes(vvc_stream(3, size=(48, 32)))
    frames = list(iio.imiter(path, plugin="enhance"))
    assert len(frames) == 3 and frames[0].shape == (32, 48, 3)
    assert np.array_equal(iio.imread(path, plugin="enhance", index=1), frames[1])
    properties = iio.improps(path, plugin="enhance", index=...)
    assert (properties.shape, properties.n_images, properties.is_batch) == ((3, 32, 48, 3), 3, True)
    first = enhance.Enhancer().run(enhance.decode(path), depth=8)
    assert np.array_equal(first.pixels, frames[0])
    assert iio.immeta(path, plugin="enhance")["codec"] == "vvc"
    with pytest.raises(IndexError):
        iio.imread(path, plugin="enhance", index=3)


def test_what_it_cannot_do_is_imageios_error(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        iio.imwrite(tmp_path / "out.jpg", np.zeros((8, 8, 3), np.uint8), plugin="enhance")
    (tmp_path / "text.txt").write_text("no picture", encoding="utf-8")
    with pytest.raises(OSError):
        iio.imread(tmp_path / "text.txt", plugin="enhance")
    with pytest.raises(enhance.UsageError):
        iio.imread(photo, plugin="enhance", strength=3)


def test_a_png_that_was_a_jpeg_is_read_when_its_quality_is_said(photo: Path, tmp_path: Path) -> None:
    png = tmp_path / "photo.png"
    with Image.open(photo) as image:
        image.convert("RGB").save(png)
    expected = np.asarray(enhance.enhance(png, quality=20))
    assert np.array_equal(iio.imread(png, plugin="enhance", quality=20), expected)
    assert np.array_equal(np.asarray(enhance.open(png, quality=20)), expected)
    found = opencv.imread(png, quality=20)
    assert found is not None and np.array_equal(found[..., ::-1], expected)
    images = torch.from_numpy(np.asarray(Image.open(png)).copy()).permute(2, 0, 1)[None]
    auto = Enhancement("auto", dtype="float32")(images)[0].permute(1, 2, 0).numpy()
    read = opencv.imread(png, quality="auto", dtype="float32")
    assert read is not None
    assert np.abs(auto.astype(int) - read[..., ::-1]).max() <= 1  # one is floating point on its way, and rounded
    assert iio.imread(png, plugin="enhance", quality="auto").shape == read.shape


def test_pictures_of_several_sizes(vvc_stream: StreamFactory) -> None:
    """They come one by one; one array cannot hold them."""
    stream = vvc_stream(1, 40, (64, 48)) + vvc_stream(1, 40, (48, 32))
    found = list(iio.imiter(stream, plugin="enhance", extension=".266"))
    assert [pixels.shape for pixels in found] == [(48, 64, 3), (32, 48, 3)]
    with pytest.raises(enhance.EnhanceError, match="several sizes"):
        iio.imread(stream, plugin="enhance", extension=".266", index=...)
