"""QPs of pictures whose blocks have their own: nearer to the truth than what the headers say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from enhance.codecs.vvc.decoder import VvcDecoder, VvcPicture, open_vvc
from enhance.codecs.vvc.qp_estimate import estimate_qp
from enhance.codecs.vvc.rate import MAX_QP
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import ColorSpace, FrameFormat

StreamFactory = Callable[..., bytes]
SIZE = (256, 192)


def decoded(stream: bytes) -> VvcPicture:
    with open_vvc(stream, decoder="ffmpeg") as opened:
        return next(iter(opened))


@pytest.fixture(scope="module")
def errors_by_qp(vvc_stream: StreamFactory) -> tuple[list[int], list[float]]:
    """Slice QPs without adaptation, and log2 of the squared errors in luma."""
    coded = [decoded(vvc_stream(1, qp, SIZE)) for qp in (26, 33, 40, 47)]
    return [picture.slice_qp for picture in coded], [error_of(picture) for picture in coded]


def original() -> npt.NDArray[np.float32]:
    photo = data.astronaut()[20:, 60:][: SIZE[1], : SIZE[0]] / np.float32(255)
    luma: npt.NDArray[np.float32] = rgb_to_yuv(photo, FrameFormat(*SIZE, "4:2:0", 10), ColorSpace("bt601"))[0]
    return luma.astype(np.float32)


def error_of(picture: VvcPicture) -> float:
    return float(np.log2(np.mean((picture.planes[0].astype(np.float32) - original()) ** 2)))


@pytest.mark.parametrize("qp", [30, 36, 42])
def test_the_estimate_is_near_the_qp_of_the_same_error(
    vvc_stream: StreamFactory, errors_by_qp: tuple[list[int], list[float]], qp: int
) -> None:
    picture = decoded(vvc_stream(1, qp, SIZE, qpa=True))
    true = np.interp(error_of(picture), errors_by_qp[1], errors_by_qp[0])
    assert picture.rate.estimated
    assert abs(picture.rate.qp - true) < 2
    assert abs(picture.rate.qp - true) < abs(picture.slice_qp - true)


def test_the_user_is_told(vvc_stream: StreamFactory) -> None:
    image = VvcDecoder(decoder="ffmpeg").decode(vvc_stream(1, 36, SIZE, qpa=True), source="a.266")
    assert image.rate.describe()["estimated"] is True
    assert any("the QP is estimated; `--qp` sets another" in note for note in image.notes)
    assert isinstance(image.details["slice_qp"], int)


@given(st.integers(-48, 80), st.integers(0, 10**9), st.integers(1, 9), st.integers(1, 9), st.sampled_from([8, 10, 16]))
def test_it_is_always_a_qp(qp: int, coded_bytes: int, height: int, width: int, depth: int) -> None:
    luma = np.zeros((height, width), np.uint16)
    luma[::2] = 2**depth - 1
    assert 0 <= estimate_qp(qp, coded_bytes, luma, depth) <= MAX_QP
