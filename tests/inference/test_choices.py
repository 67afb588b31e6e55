"""Which coding a picture is corrected for: the file's, the user's, or an earlier one that its pixels tell of."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode, make_decoders
from enhance.codecs.unknown_rate import UnknownRate
from enhance.codecs.vvc.rate import VvcRate
from enhance.errors import UsageError
from enhance.images import DecodedImage, Pixels
from enhance.inference.choices import choose_guidance, probable_codec
from enhance.knobs import Knobs

ORIGINAL: Pixels = skimage.data.astronaut()[:200, 120:320]


def file(pixels: Pixels, name: str = "JPEG", **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, name, **options)
    return stream.getvalue()


def damaged(quality: int = 20) -> Pixels:
    """Coded, and without its first three rows and five columns."""
    return np.asarray(Image.open(io.BytesIO(file(ORIGINAL, quality=quality))))[3:, 5:]


def saved_again() -> DecodedImage:
    return decode(file(damaged(), quality=90))


def lossless(pixels: Pixels) -> DecodedImage:
    return decode(file(pixels, "PNG"), decoders=make_decoders(pixels=True))


def quality(decoded: DecodedImage, knobs: Knobs) -> tuple[int, bool]:
    guidance = choose_guidance(decoded, knobs)
    assert isinstance(guidance.rate, JpegRate)
    return guidance.rate.quality, guidance.overridden


@pytest.mark.parametrize("knobs", [Knobs(), Knobs(quality="auto"), Knobs(qp=30)])
def test_an_earlier_coding_counts_by_default(knobs: Knobs) -> None:
    guidance = choose_guidance(saved_again(), knobs)
    assert quality(saved_again(), knobs) == (20, False)
    assert guidance.coding is not None
    assert guidance.coding.grid == (3, 5)
    assert any("quality 20 on a grid shifted by 5 columns and 3 rows" in note for note in guidance.notes)


def test_the_files_word_can_be_preferred() -> None:
    assert quality(saved_again(), Knobs(quality="file")) == (90, False)
    assert choose_guidance(saved_again(), Knobs(quality="file")).coding is None


@pytest.mark.parametrize(("said", "overridden"), [(35, True), (90, False)])
def test_the_users_word_is_the_last(said: int, overridden: bool) -> None:
    assert quality(saved_again(), Knobs(quality=said)) == (said, overridden)
    assert choose_guidance(saved_again(), Knobs(quality=said)).coding is None


def test_a_file_that_was_coded_once_is_taken_at_its_word() -> None:
    assert choose_guidance(decode(file(ORIGINAL, quality=20)), Knobs()).coding is None


def test_pixels_without_a_word_are_asked() -> None:
    assert quality(lossless(damaged()), Knobs(quality="auto")) == (20, False)
    guidance = choose_guidance(lossless(ORIGINAL), Knobs(quality="auto"))
    assert guidance.rate == UnknownRate()
    assert "no sign" in guidance.notes[0]


def test_pixels_take_the_users_word() -> None:
    assert quality(lossless(ORIGINAL), Knobs(quality=30)) == (30, True)
    assert choose_guidance(lossless(ORIGINAL), Knobs(qp=37)).rate == VvcRate(37.0)
    with pytest.raises(UsageError, match="two rates"):
        choose_guidance(lossless(ORIGINAL), Knobs(qp=37, quality=30))


@pytest.mark.parametrize("knobs", [Knobs(), Knobs(quality="file")])
def test_pixels_about_which_nobody_says_a_word_are_refused(knobs: Knobs) -> None:
    with pytest.raises(UsageError, match="does not tell"):
        choose_guidance(lossless(ORIGINAL), knobs)


def test_the_model_that_pixels_will_need_is_known_before() -> None:
    assert probable_codec(JpegRate.from_quality(20), Knobs(qp=3)) == "jpeg"
    assert probable_codec(UnknownRate(), Knobs(quality="auto")) == "jpeg"
    assert probable_codec(UnknownRate(), Knobs(qp=3)) == "vvc"
