"""NIQE: its parts against closed forms, and its value where the published parameters are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

from enhance.errors import WeightsError
from enhance.evaluation.metrics import niqe
from enhance.evaluation.metrics.distortion import luma
from enhance.evaluation.metrics.niqe import NIQE, halve

METRICS = Path(__file__).parents[4] / "shared" / "data" / "metrics"
needs_parameters = pytest.mark.skipif(not (METRICS / "niqe_pris_params.npz").exists(), reason="no parameters here")


def generalised_gaussian(shape: float, count: int, rng: np.random.Generator) -> Any:
    """|x|^shape is Gamma(1/shape, 1) distributed; β = 1."""
    return rng.gamma(1 / shape, size=count) ** (1 / shape) * rng.choice([-1, 1], count)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_the_fit_finds_the_distribution(shape: float) -> None:
    values = generalised_gaussian(shape, 128 * 128, np.random.default_rng(0))
    found, left, right = niqe._fit(2 * values.reshape(1, 128, 128))
    assert found[0] == pytest.approx(shape, rel=0.05)
    assert left[0] == pytest.approx(2, rel=0.08) and right[0] == pytest.approx(2, rel=0.08)


def test_the_fit_tells_the_sides_apart() -> None:
    """β_l : β_r = 1 : 3, with the sides as often as an asymmetric generalised Gaussian has them, also 1 : 3."""
    rng = np.random.default_rng(0)
    magnitude = np.abs(generalised_gaussian(1.0, 160 * 160, rng))
    values = np.where(rng.random(160 * 160) < 0.25, -magnitude, 3 * magnitude)
    found, left, right = niqe._fit(values.reshape(1, 160, 160))
    assert (found[0], left[0], right[0]) == pytest.approx((1, 1, 3), rel=0.08)


def test_normalised_values_of_a_ramp_and_of_a_flat_picture() -> None:
    """Equation 1: a flat picture gives 0; a ramp gives 0 inside, where the mean of the window is the value itself."""
    window = np.full((7, 7), 1 / 49)
    assert np.allclose(niqe._normalise(np.full((20, 30), 77.0), window), 0, atol=1e-9)
    ramp = niqe._normalise(np.arange(30.0)[None].repeat(20, 0), window)
    assert np.allclose(ramp[:, 3:-3], 0, atol=1e-9) and ramp[0, 0] < -0.1


def test_halving_keeps_constants_and_ramps() -> None:
    assert np.allclose(halve(np.full((12, 16), 9.0)), 9)
    halved = halve(np.arange(32.0)[None].repeat(16, 0))
    assert halved.shape == (8, 16)
    assert np.allclose(halved[:, 2:-2], (2 * np.arange(16) + 0.5)[2:-2])


def test_halving_is_pillows_bicubic_with_its_other_kernel_parameter() -> None:
    """Pillow widens its kernel in the same way, and has a = -1/2, too; only the edges differ."""
    plane = luma(np.asarray(data.astronaut()[:64, :80]))
    image = Image.fromarray(plane.astype(np.float32))
    other = np.asarray(image.resize((40, 32), Image.Resampling.BICUBIC))
    assert np.abs(halve(plane) - other)[2:-2, 2:-2].max() < 1e-3


@needs_parameters
def test_value_of_a_photo() -> None:
    """This code gives 5.7300 for the "baboon" of mmagic's tests, whose published value is 5.7296.

    The difference is that of double and single precision; with local statistics in single precision it is 5.7296, too.
    The photo here is at hand everywhere; its value was taken when that comparison was made.
    """
    photo = np.asarray(data.astronaut())
    assert NIQE.load(METRICS)(luma(photo)) == pytest.approx(3.1005, abs=1e-4)


@needs_parameters
def test_damage_is_unnatural() -> None:
    photo = luma(np.asarray(data.astronaut())[:288, :288])
    measure = NIQE.load(METRICS)
    noise = photo + 30 * np.random.default_rng(0).standard_normal(photo.shape)
    assert measure(photo) < measure(np.clip(noise, 0, 255))
    assert measure(photo) < measure(np.kron(photo[::8, ::8], np.ones((8, 8))))
    assert math.isnan(measure(photo[:191, :191])) and measure(photo[:96, :192]) > 0


@needs_parameters
def test_flat_blocks_are_left_out_of_the_covariance() -> None:
    photo = luma(color.gray2rgb(np.asarray(data.camera())[:288, :288]))
    photo[:96, :96] = 50
    assert math.isfinite(NIQE.load(METRICS)(photo))


def test_parameters_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "niqe_pris_params.npz").write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="not NIQE's parameters"):
        NIQE.load(tmp_path)
    window = np.full((7, 7), 1 / 49)
    np.savez(tmp_path / "niqe_pris_params.npz", mu_pris_param=window, cov_pris_param=window, gaussian_window=window)
    with pytest.raises(WeightsError, match="shapes"):
        NIQE.load(tmp_path)
