"""The measured trust of a model: full for one that is right, none for one that is wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

from enhance.codecs.jpeg.rate import JpegRate
from enhance.diffusion.thresholds import RateTable
from enhance.models.checkpoint import Checkpoint
from enhance.training import trust_calibration
from enhance.training.trust_calibration import best_limit, calibrate_trust

SQUARES = [
    np.ascontiguousarray(data.astronaut()[top : top + 64, left : left + 64]) for top in (0, 192) for left in (128, 256)
]


class _Oracle(torch.nn.Module):
    """Answers with a share of the true residual, which it is shown."""

    def __init__(self, share: float, inner: Any) -> None:
        super().__init__()
        self.share, self.config = share, inner.config

    def forward(self, r_t: Any, base: torch.Tensor, *others: Any) -> torch.Tensor:
        originals = np.stack(SQUARES).transpose(0, 3, 1, 2).astype(np.float32)
        if bool((base[:, 0] == base[:, 1]).all()):
            weights = np.array([0.299, 0.587, 0.114], np.float32)
            originals = np.broadcast_to(np.einsum("nchw,c->nhw", originals, weights)[:, None], originals.shape)
        return self.share * (torch.from_numpy(originals / 127.5 - 1) - base)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_calibration, "QUALITIES", (20, 75, 100))
    monkeypatch.setattr(trust_calibration, "_ALIKE", {"rounded": ((20, 40), (75,)), "chosen": ((20,),)})
    monkeypatch.setattr(trust_calibration, "_CALIBRATED", ("4:2:0",))
    monkeypatch.setattr(trust_calibration, "_EVERY", 1)
    monkeypatch.setattr(
        trust_calibration, "SAMPLINGS", {"4:2:0": {"subsampling": "4:2:0"}, "gray": {}, "rgb": {"keep_rgb": True}}
    )


def answering(checkpoint: Checkpoint, share: float) -> Checkpoint:
    one = RateTable((1.0,), (1.0,))
    denoiser: Any = _Oracle(share, checkpoint.denoiser)
    return dataclasses.replace(checkpoint, denoiser=denoiser, residual_scale=one, threshold=RateTable((1.0,), (9.0,)))


@pytest.mark.usefixtures("few")
def test_a_model_that_is_right_is_believed(tiny_checkpoint: Checkpoint) -> None:
    tables = calibrate_trust(answering(tiny_checkpoint, 0.8), SQUARES[:2], SQUARES[2:], fall=10, progress=False)
    for quality in (20, 75):
        trust = tables(JpegRate.from_quality(quality), 0)
        assert trust.luma == 1 and trust.chroma >= 0.9
        assert trust.full <= 0.02 and trust.none == pytest.approx(10 * trust.full)
    # It says four fifths of what is right, whatever the size; nothing is said of a file without loss.
    assert tables.calibration.keys() == {"rounded", "chosen"}  # the tests' jpeglib has mozjpeg
    rounded, chosen = (tables.calibration[name] for name in ("rounded", "chosen"))
    assert rounded.levels == (20, 40, 75, 97)
    assert (rounded.luma[:2, 0, 2:, 6:10] == 1).all()  # only ever taken back
    assert chosen.luma[0, 0, 2:4, 11:15] == pytest.approx(1.25, abs=0.1)
    for table in (rounded, chosen):
        assert (table.luma[-1] == 1).all() and (table.chroma[-1] == 1).all()


@pytest.mark.usefixtures("few")
def test_one_that_is_wrong_is_not(tiny_checkpoint: Checkpoint) -> None:
    tables = calibrate_trust(answering(tiny_checkpoint, -0.5), SQUARES[:2], SQUARES[2:], fall=10, progress=False)
    for sampling in ("4:2:0", "gray", "rgb"):
        table = tables.factors["mean"][sampling]
        # A tenth of it moves the decoder's rounding into the intervals, which helps.
        assert max(table.luma) <= 0.1, sampling


@pytest.mark.usefixtures("few")
def test_one_that_says_too_much_is_believed_in_part(tiny_checkpoint: Checkpoint) -> None:
    tables = calibrate_trust(answering(tiny_checkpoint, 1.6), SQUARES[:2], SQUARES[2:], fall=1e6, progress=False)
    assert 0.5 <= tables.factors["looks"]["4:2:0"].luma[0] <= 0.8
    # Of the mean it is known of each coefficient.
    assert tables.calibration["rounded"].luma[0, 0, 2:, 6:10] == pytest.approx(0.625, abs=0.05)
    assert tables.factors["mean"]["4:2:0"].luma[0] == 1


def test_the_limit_is_where_holding_back_begins_to_win() -> None:
    photos = np.full(1000, 0.005)
    shares = np.concatenate([photos, np.linspace(0.01, 0.15, 100)])
    for last in (0.05, 0.1):
        gains = np.where(shares <= last, 1.0, -1.0)
        assert best_limit(shares, gains, photos) == pytest.approx(last, abs=0.002)
    assert best_limit(shares, np.where(shares <= 0.005, 1.0, -1.0), photos) == 0.005
    assert best_limit(shares, -np.ones(len(shares)), photos) == 0.005  # photos are the factors' affair
    assert best_limit(np.linspace(0, 1, 100), np.ones(100), photos) == 0.2  # other pictures may be known less well
