"""Patterns and screens are what their names say, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.training.drawings.lettering import lettering
from enhance.training.drawings.patterns import square
from enhance.training.drawings.screens import _bayer, screen
from enhance.training.drawings.sheet import BLACK, WHITE, Sheet


def sheet(side: int = 64) -> Sheet:
    return Sheet(np.random.default_rng(0), side, lambda side: np.zeros((side, side, 3), np.uint8))


@pytest.mark.parametrize("period", [2, 3, 7, 24])
def test_hard_stripes_have_the_period_and_two_values(period: int) -> None:
    place = np.broadcast_to(np.arange(120, dtype=np.float32) + 0.3, (4, 120))
    stripes = square(place, period, 0.5, 0.001)
    assert set(np.unique(stripes)) == {0.0, 1.0}
    assert np.array_equal(stripes[:, period:], stripes[:, :-period])
    assert abs(stripes.mean() - 0.5) <= 0.5 / period + 0.02


def test_smooth_stripes_cover_their_share() -> None:
    place = sheet(200).across(0.3)
    assert square(place, 9.3, 0.3, 1.0).mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("dark", [0.1, 0.3, 0.5, 0.8])
def test_halftone_covers_about_as_much_as_the_tone_is_dark(dark: float) -> None:
    tone = np.full((64, 64), dark, np.float32)
    assert screen(sheet(), tone, 0.4, 7).mean() == pytest.approx(dark, abs=0.08)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_dither_matrix_has_every_threshold_once(side: int) -> None:
    assert np.allclose(np.sort(_bayer(side).reshape(-1)), (np.arange(side * side) + 0.5) / side**2)


def test_bayers_matrix_of_two() -> None:
    assert np.allclose(_bayer(2) * 4 - 0.5, [[0, 2], [3, 1]])


@pytest.mark.parametrize(("smoothing", "channels"), [("smooth", 0), ("aliased", 0), ("scaled", 0), ("stripes", 3)])
def test_ways_of_smoothing_text(smoothing: str, channels: int) -> None:
    def place(draw: object, zoom: int) -> None:
        draw.ellipse([8 * zoom, 8 * zoom, 30 * zoom, 41 * zoom], fill=255)  # type: ignore[attr-defined]

    coverage = lettering(sheet(), place, smoothing)
    assert coverage.shape == ((64, 64, 3) if channels else (64, 64))
    assert 0 < coverage.mean() < 0.3 and coverage.max() <= 1.001
    if channels:  # red is seen left of blue on a screen: its coverage begins later on the left edge
        row = coverage[24]
        assert row[:20, 0].sum() < row[:20, 1].sum() < row[:20, 2].sum()
        assert row[20:, 0].sum() > row[20:, 1].sum() > row[20:, 2].sum()


def test_paint_mixes_ink_and_paper_exactly() -> None:
    coverage = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    painted = sheet().paint(coverage, BLACK, WHITE)
    assert painted[0, 0].tolist() == [255] * 3 and painted[-1, -1].tolist() == [0] * 3
    assert np.abs(painted[..., 0] - 255 * (1 - coverage)).max() <= 0.51


def test_inks_are_readable_on_their_paper() -> None:
    page = sheet()
    for _ in range(500):
        ink, paper = (np.dot([0.299, 0.587, 0.114], colour) for colour in page.ink_and_paper())
        assert abs(ink - paper) > 59
