"""Samples of one depth as those of another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.frames.depth import code_values, row_bands, shift_depth, to_dtype
from enhance.frames.format import FrameFormat

KINDS = {"uint8": 255, "uint16": 65535, "float32": 1}


@pytest.mark.parametrize("before", KINDS)
@pytest.mark.parametrize("after", KINDS)
def test_black_stays_black_and_white_stays_white(before: str, after: str) -> None:
    pixels = np.array([[0, KINDS[before]]], before)
    made = to_dtype(pixels, after)
    assert made.dtype == after and made.tolist() == [[0, KINDS[after]]]


def test_every_value_of_8_bits_survives_16_bits_and_floating_point() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert to_dtype(pixels, np.uint8) is pixels
    for between in ("uint16", "float32"):
        assert np.array_equal(to_dtype(to_dtype(pixels, between), np.uint8), pixels)


def test_what_is_out_of_range_is_clipped_and_what_is_no_number_is_black() -> None:
    pixels = np.array([[-0.5, 1.5, np.nan, np.inf]], np.float32)
    assert to_dtype(pixels, np.uint8).tolist() == [[0, 255, 0, 255]]


def test_code_values_are_not_rounded() -> None:
    assert code_values(np.array([[128]], np.uint16)).item() == pytest.approx(128 / 257)
    assert code_values(np.array([[0.5]], np.float32)).item() == 127.5


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([1, 16, 64]))
def test_bands_of_rows_cover_a_picture_once(height: int, width: int, multiple: int) -> None:
    bands = list(row_bands(height, width, multiple))
    assert [row for band in bands for row in range(height)[band]] == list(range(height))
    assert all(band.start % multiple == 0 for band in bands)


def test_white_does_not_wrap_around() -> None:
    frame = FrameFormat(1, 1, "4:0:0", 16)
    assert shift_depth((np.array([[65535]], np.uint16),), frame, 8)[0].tolist() == [[255]]
