"""The network in bands of rows: the same prediction, from less memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enhance.inference import banded_denoiser
from enhance.inference.banded_denoiser import BandedDenoiser
from enhance.inference.bands import bands, predict_in_bands
from enhance.inference.tiled_denoiser import TiledDenoiser
from enhance.models.unet import UNetConfig
from tests.models.test_unet import TINY, inputs, random_denoiser


@given(st.integers(1, 60), st.integers(1, 200), st.integers(0, 30), st.sampled_from([1, 2, 8]))
def test_cores_cover_a_level_once_and_windows_have_their_halo(units: int, rows: int, halo: int, align: int) -> None:
    height = units * align
    made = list(bands(height, rows, halo, align))
    assert [row for band in made for row in range(height)[band.core]] == list(range(height))
    for core, window in made:
        assert core.stop - core.start <= max(rows, align)
        assert window.start <= max(core.start - halo, 0) and window.stop >= min(core.stop + halo, height)
        assert all(border % align == 0 for border in (core.start, core.stop, window.start, window.stop))
        assert window.start >= 0 and window.stop <= height


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        UNetConfig(widths=(4, 4, 4), encoder_blocks=(3, 1), decoder_blocks=(1, 3), middle_blocks=2, embedding=8),
        UNetConfig(widths=(4, 4), encoder_blocks=(2,), decoder_blocks=(2,), middle_blocks=1, embedding=8),
    ],
    ids=lambda config: f"{len(config.widths)} levels",
)
@pytest.mark.parametrize("band", [1, 48 * 40, 48 * 1000])
@pytest.mark.parametrize("batch", [1, 2])
def test_bands_of_any_height_give_the_same_prediction(
    config: UNetConfig, band: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.inference.bands._FEWEST_ROWS", 1)
    network = random_denoiser(config).network
    r_t, base, conditioning = inputs(height=176, batch=batch)
    t, position = torch.full((batch,), 0.7), torch.full((batch,), 0.4)
    with torch.inference_mode():
        whole = network(r_t, base, t, conditioning, position)
        banded = predict_in_bands(network, r_t, base, t, conditioning, position, band=band)
    assert torch.allclose(banded, whole, atol=1e-5 * float(whole.abs().max()))


def test_a_halo_that_is_a_row_too_small_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_denoiser().network
    r_t, base, conditioning = inputs(height=176)
    monkeypatch.setattr("enhance.inference.bands._FEWEST_ROWS", 1)
    monkeypatch.setattr(
        "enhance.inference.bands.bands", lambda height, rows, halo, align: bands(height, rows, 0, align)
    )
    with torch.inference_mode():
        whole = network(r_t, base, torch.ones(1), conditioning)
        banded = predict_in_bands(network, r_t, base, torch.ones(1), conditioning, band=48 * 40)
    assert not torch.allclose(banded, whole, atol=1e-3 * float(whole.abs().max()))


def test_large_windows_take_bands_and_small_ones_are_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def predict(*arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(arguments[2].shape)
        return predict_in_bands(*arguments, **options, band=48 * 20)

    monkeypatch.setattr(banded_denoiser, "predict_in_bands", predict)
    monkeypatch.setattr(banded_denoiser, "LARGE", 48 * 64)
    denoiser = random_denoiser()
    banded = BandedDenoiser(denoiser)
    for height in (64, 80):
        r_t, base, conditioning = inputs(height=height)
        t, position = torch.tensor([0.4]), torch.tensor([0.3])
        with torch.no_grad():
            whole = denoiser(r_t, base, t, conditioning, position)
            assert torch.allclose(banded(r_t, base, t, conditioning, position), whole, atol=1e-4)
    assert calls == [(1, 3, 80, 48)]


def test_a_picture_is_predicted_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def predict(*arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(arguments[2].shape)
        return predict_in_bands(*arguments, **options)

    monkeypatch.setattr(banded_denoiser, "predict_in_bands", predict)
    monkeypatch.setattr(banded_denoiser, "LARGE", 0)
    pixels = np.zeros((60, 48, 3), np.uint8)
    TiledDenoiser(random_denoiser().requires_grad_(False), pixels, np.zeros(128), device=torch.device("cpu"))(None, 1.0)
    assert calls == [(1, 3, 64, 48)]


# Run on its own: peak memory never goes down again. Argument: how to predict.
MEASURE = """
import sys
import torch
from enhance.models import unet
from enhance.inference import banded_denoiser, bands
torch.set_num_threads(1)
def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
config = unet.UNetConfig(widths=(64, 32, 32), encoder_blocks=(1, 1), decoder_blocks=(1, 1), middle_blocks=1)
denoiser = unet.Denoiser(config).eval().to(memory_format=torch.channels_last)
denoiser = banded_denoiser.BandedDenoiser(denoiser)
bands._FEWEST_ROWS = 16
bands.predict_in_bands.__kwdefaults__["band"] = 2**17
banded_denoiser.LARGE = 0 if sys.argv[1] == "bands" else 2**30
base = torch.full((1, 3, 1024, 1024), 0.5)
t, conditioning = torch.ones(1), torch.zeros(1, 128)
with torch.inference_mode():
    denoiser(base[..., :64, :64], base[..., :64, :64], t, conditioning)
    before = peak()
    denoiser(base.new_zeros(()).expand(base.shape), base, t, conditioning)
print(peak() - before)
"""


def peak_memory(how: str) -> int:
    """The least of three processes: what else a process happens to load only ever adds to it."""
    command = [sys.executable, "-c", MEASURE, how]
    return min(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(3))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
@pytest.mark.slow
def test_bands_need_less_memory() -> None:
    assert 0 < peak_memory("bands") < 0.6 * peak_memory("whole")
