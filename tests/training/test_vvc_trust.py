"""How far a VVC model is believed at which QP: measured with a real encoder, and used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage import data
from torch import Tensor, nn

from enhance.codecs.registry import decode
from enhance.codecs.vvc.encoding import encode_vvc
from enhance.codecs.vvc.rate import VvcRate
from enhance.diffusion.thresholds import RateTable
from enhance.enhancer import Enhancer
from enhance.knobs import Knobs, Mode
from enhance.models.checkpoint import Checkpoint
from enhance.models.unet import UNetConfig
from enhance.training import vvc_trust
from enhance.training.vvc_trust import calibrate_vvc_trust

Uint8 = npt.NDArray[np.uint8]


class _Constant(nn.Module):
    """Predicts the same correction everywhere."""

    config = UNetConfig()

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, r_t: Tensor, *_: Tensor | None) -> Tensor:
        return torch.full_like(r_t, self.value)


def model(value: float) -> Checkpoint:
    tables = RateTable((0.0,), (0.1,)), RateTable((0.0,), (5.0,))
    return Checkpoint(_Constant(value), *tables, codec="vvc")  # type: ignore[arg-type]


@pytest.fixture
def photo() -> Uint8:
    found: Uint8 = data.chelsea()[60:220, 80:240]
    return found


@pytest.fixture
def photos(photo: Uint8) -> list[Uint8]:
    return [np.ascontiguousarray(photo[top : top + 96, :96]) for top in (0, 64)]


def test_what_is_wrong_is_not_believed_and_what_does_nothing_may_be(
    photos: list[Uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vvc_trust, "QPS", (12, 32))
    wrong = calibrate_vvc_trust(model(1.0), photos, [], tmp_path)
    for qp in (0, 3, 12, 32, 63):
        trust = wrong(VvcRate(qp), 0.5)
        assert trust.luma == 0 and trust.chroma == 0, qp


def test_factors_only_fall_towards_lower_qps() -> None:
    table = vvc_trust._table((3, 10, 20, 30), [(0.0, 0.0), (0.4, 0.9), (0.2, 1.0), (1.0, 0.6)])
    assert table.luma == (0.0, 0.2, 0.2, 1.0) and table.chroma == (0.0, 0.6, 0.6, 0.6)


@pytest.mark.parametrize("qp", [2, 8, 14])
@pytest.mark.parametrize("mode", ["fidelity", "balanced"])
def test_pictures_next_to_losslessness_do_not_get_worse(photo: Uint8, qp: int, mode: Mode) -> None:
    original = np.ascontiguousarray(photo[:128, :128])
    decoded = decode(encode_vvc(original, qp))
    enhancer = Enhancer()
    before, after = (
        float(
            np.square(
                255 * enhancer.run(decoded, Knobs(mode=mode, strength=strength), depth=32).pixels - original
            ).mean()
        )
        for strength in (0.0, 1.0)
    )
    assert after <= before * 10 ** (0.02 / 10) + 0.01
