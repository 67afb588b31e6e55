"""OpenCV: the twins against OpenCV's own functions, with the enhancement switched off and on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import enhance
from enhance.integrations import opencv as enhanced
from tests.codecs.vvc.conftest import StreamFactory
from tests.conftest import JpegFactory

pytestmark = pytest.mark.usefixtures("tiny_defaults")

UNTOUCHED = {"strength": 0}


def read(path: Path, flags: int, **options: Any) -> npt.NDArray[Any]:
    found = enhanced.imread(path, flags, **options)
    assert found is not None
    return found


@pytest.fixture(params=["RGB", "L"])
def photo(request: pytest.FixtureRequest, jpeg_bytes: JpegFactory, tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 8
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_bytes(30, mode=request.param, exif=exif.tobytes()))
    return path


def test_constants_are_opencvs() -> None:
    names = [name for name in vars(enhanced) if name.startswith(("IMREAD_", "CAP_PROP_"))]
    assert len(names) >= 12
    assert {name: getattr(enhanced, name) for name in names} == {name: getattr(cv2, name) for name in names}


@pytest.mark.parametrize(
    "flags",
    [
        cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE, cv2.IMREAD_UNCHANGED, cv2.IMREAD_ANYCOLOR, cv2.IMREAD_ANYDEPTH,
        cv2.IMREAD_COLOR_RGB, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH,
        cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    ],
)  # fmt: skip
def test_flags_give_what_opencv_gives(photo: Path, flags: int) -> None:
    expected = cv2.imread(str(photo), flags)
    assert expected is not None
    found = read(photo, flags, **UNTOUCHED)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    # Two builds of libjpeg; and gray is the luma of RGB, which is limited to its range, instead of the file's own.
    distance = np.abs(found.astype(int) - expected)
    assert distance.mean() < 0.5 and distance.max() <= 8
    content = photo.read_bytes()
    for buffer in (content, np.frombuffer(content, np.uint8)):
        decoded = enhanced.imdecode(buffer, flags, **UNTOUCHED)
        assert decoded is not None and np.array_equal(decoded, found)


def test_pictures_are_enhanced_in_bgr(jpeg_bytes: JpegFactory, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_bytes(20))
    expected = np.asarray(enhance.enhance(path))
    assert np.array_equal(read(path, cv2.IMREAD_COLOR)[..., ::-1], expected)
    assert np.array_equal(read(path, cv2.IMREAD_COLOR_RGB), expected)
    deep = read(path, cv2.IMREAD_COLOR, depth=16)
    assert deep.dtype == np.uint16 and np.abs(deep[..., ::-1] / 257 - expected).max() <= 0.51
    bgr = cv2.imread(str(path))
    assert bgr is not None
    told = enhanced.enhance(bgr, quality=20)
    rgb = enhance.enhance(np.ascontiguousarray(bgr[..., ::-1]), quality=20)
    assert np.array_equal(told[..., ::-1], rgb)
    assert not np.array_equal(told, enhance.enhance(bgr, quality=20))  # what happens to BGR that is taken for RGB
    alpha = np.dstack([bgr, bgr[..., 0]])
    assert np.array_equal(enhanced.enhance(alpha, quality=20)[..., :3], told)
    assert np.array_equal(enhanced.enhance(bgr[..., 0], quality=20), enhance.enhance(bgr[..., 0].copy(), quality=20))


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert enhanced.imread(tmp_path / "none.jpg") is None
    assert enhanced.imdecode(b"no picture") is None
    assert not enhanced.VideoCapture(tmp_path / "none.266").isOpened()
    with pytest.raises(enhance.UsageError, match="flags"):
        enhanced.imread(tmp_path / "none.jpg", cv2.IMREAD_REDUCED_COLOR_2)


def test_a_stream_is_read_frame_by_frame(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    path = tmp_path / "video.266"
    path.write_bytes(vvc_stream(2, size=(48, 32)))
    with enhanced.VideoCapture(path) as video:
        assert video.isOpened()
        size = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        assert (*size, video.get(cv2.CAP_PROP_FRAME_COUNT)) == (48, 32, 2)
        frames = []
        while (frame := video.read()[1]) is not None:
            frames.append(frame)
            assert video.record is not None and video.record.codec == "vvc"
        assert video.get(cv2.CAP_PROP_POS_FRAMES) == 2
    assert video.read() == (False, None)
    first = enhance.Enhancer().run(enhance.decode(path), depth=8).pixels
    assert len(frames) == 2 and np.array_equal(frames[0], first[..., ::-1])
    deep = read(path, cv2.IMREAD_UNCHANGED)
    assert deep.dtype == np.uint16  # it has 10 bits
