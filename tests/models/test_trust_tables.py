"""What a model knows at which rate: looked up plane by plane, mixed by perception, kept in the checkpoint."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enhance.codecs.jpeg.calibration import BANDS, INDEX_CLASSES, SIZES
from enhance.codecs.jpeg.rate import JpegRate, ijg_tables
from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.images import Trust
from enhance.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from enhance.models.trust_tables import CalibrationTable, FactorTable, TrustTables

TABLES = TrustTables(
    RateTable((10.0, 90.0), (0.02, 0.08)),
    10.0,
    {
        "mean": {"4:2:0": FactorTable((90.0, 100.0), (1.0, 0.0), (1.0, 0.5))},
        "looks": {"4:2:0": FactorTable((90.0, 100.0), (0.5, 0.0), (0.4, 0.2))},
    },
)


SHAPE = 2, INDEX_CLASSES, int(BANDS.max()) + 1, len(SIZES)
FACTORS = np.ones(SHAPE, np.float32) * np.array([1.0, 0.5], np.float32)[:, None, None, None]
CALIBRATED = dataclasses.replace(
    TABLES, calibration={"rounded": CalibrationTable((20.0, 60.0), FACTORS, FACTORS * np.float32(0.5))}
)


def test_factors_are_linear_between_levels_and_constant_beyond() -> None:
    assert [TABLES(JpegRate.from_quality(quality), 0).luma for quality in (20, 90, 95, 100)] == [1, 1, 0.5, 0]
    assert TABLES(JpegRate.from_quality(95), 0).chroma == 0.75


def test_each_plane_is_judged_by_its_own_table() -> None:
    ones, coarse = np.ones((8, 8)), ijg_tables(30)
    luma_lossless = JpegRate.from_tables(ones, coarse[1])
    assert luma_lossless.luma_level == 100 and luma_lossless.chroma_level == 30
    # With one plane as good as lossless, the other is left alone, too.
    assert TABLES(luma_lossless, 0).is_blind
    chroma_lossless = JpegRate.from_tables(coarse[0], ones)
    assert (TABLES(chroma_lossless, 0).luma, TABLES(chroma_lossless, 0).chroma) == (1, 0.5)


def test_perception_lies_between_the_mean_and_looks() -> None:
    rate = JpegRate.from_quality(90)
    assert [TABLES(rate, p).luma for p in (0, 0.5, 1)] == [1, 0.75, 0.5]


def test_a_sampling_that_was_not_measured_is_believed() -> None:
    assert TABLES(JpegRate.from_quality(100, (1, 1)), 0).luma == 1


def test_limits_depend_on_the_rate_and_go_with_the_guard() -> None:
    trust = TABLES(JpegRate.from_quality(90), 0)
    assert [trust.full, trust.none] == pytest.approx([0.08, 0.8])
    unguarded = TABLES(JpegRate.from_quality(90), 0, guarded=False)
    assert math.isinf(unguarded.full) and unguarded.luma == trust.luma


def test_blind_is_what_has_no_factor_left() -> None:
    assert Trust(luma=0, chroma=0).is_blind and not Trust(luma=0, chroma=0.1).is_blind
    assert Trust().scaled(0).is_blind


@pytest.mark.parametrize("quality", range(1, 101))
def test_levels_of_standard_tables_are_their_quality(quality: int) -> None:
    rate = JpegRate.from_quality(quality)
    # Some of the lowest qualities share a table.
    for level, table in ((rate.luma_level, 0), (rate.chroma_level, 1)):
        assert np.array_equal(ijg_tables(int(level))[table], ijg_tables(quality)[table])


@pytest.mark.parametrize(
    ("factors", "name"),
    [((1, 1), "4:4:4"), ((2, 1), "4:2:2"), ((1, 2), "4:2:2"), ((2, 2), "4:2:0"), ((4, 1), "4:2:0")],
)
def test_samplings_have_the_names_of_the_tables(factors: tuple[int, int], name: str) -> None:
    assert JpegRate.from_quality(50, factors).sampling == name
    assert JpegRate.from_tables(np.ones((8, 8))).sampling == "gray"


def test_the_checkpoint_keeps_them(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(dataclasses.replace(tiny_checkpoint, trust=TABLES), path)
    assert load_checkpoint(path).trust == TABLES


def test_what_is_no_table_is_refused() -> None:
    stored = json.loads(json.dumps(TABLES.to_dict()))
    assert TrustTables.from_dict(stored) == TABLES
    damages: list[dict[str, Any]] = [
        {"factors": [1]}, {"fall": "steep"}, {"full": {}}, {"factors": {"mean": {"4:2:0": {"levels": [1]}}}},
    ]  # fmt: skip
    for damage in damages:
        with pytest.raises(WeightsError):
            TrustTables.from_dict(stored | damage)
    with pytest.raises(WeightsError, match="0 to 1"):
        FactorTable((1.0,), (1.5,), (1.0,))


def test_calibration_is_linear_between_levels_and_goes_with_perception() -> None:
    def factors(quality: int, perception: float = 0.0) -> tuple[float, float]:
        found = CALIBRATED(JpegRate.from_quality(quality), perception).rounded
        assert found is not None and max(np.ptp(found.luma), np.ptp(found.chroma)) < 0.05
        return float(found.luma.mean()), float(found.chroma.mean())

    assert factors(10) == pytest.approx((1, 0.5), abs=0.01) and factors(40) == pytest.approx((0.75, 0.375), abs=0.01)
    assert factors(90) == pytest.approx((0.5, 0.25)) and factors(90, 1.0) == pytest.approx((0.75, 0.625))
    assert CALIBRATED(JpegRate.from_tables(*ijg_tables(40), space="rgb"), 0.0).rounded is None
    assert CALIBRATED(JpegRate.from_tables(ijg_tables(40)[0]), 0.0).rounded is not None  # gray
    assert CALIBRATED(JpegRate.from_quality(40), 0.0).chosen is None
    assert CALIBRATED(JpegRate.from_quality(40), 0.0).scaled(0.5).rounded is not None


def test_calibration_is_kept_and_checked() -> None:
    stored = json.loads(json.dumps(CALIBRATED.to_dict()))
    assert TrustTables.from_dict(stored).to_dict() == CALIBRATED.to_dict()
    assert TrustTables.from_dict({name: stored[name] for name in ("full", "fall", "factors")}) == TABLES
    for damage in (
        {"levels": [60, 20]},
        {"luma": [1, 2]},
        {"chroma": None},
        {"luma": (FACTORS * np.float32(math.nan)).tolist()},
        {"luma": (FACTORS * -1).tolist()},
    ):
        with pytest.raises(WeightsError):
            TrustTables.from_dict(stored | {"calibration": {"rounded": stored["calibration"]["rounded"] | damage}})


def test_each_coefficient_is_judged_by_its_own_step() -> None:
    coarse, fine = ijg_tables(10)[0], ijg_tables(90)[0]
    mixed = np.where(np.arange(64).reshape(8, 8) < 32, coarse, fine)
    found = CALIBRATED(JpegRate.from_tables(mixed, mixed), 0).rounded
    assert found is not None
    assert (found.luma[:, :32] == 1).all() and found.luma[:, 32:] == pytest.approx(0.5)


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 90])
def test_steps_have_the_level_of_their_quality(quality: int) -> None:
    # Steps are whole numbers of at most 255: the smaller, the less they tell.
    for levels, table in zip(JpegRate.from_quality(quality).step_levels, ijg_tables(quality)):
        exact = (table.reshape(64) >= 10) & (table.reshape(64) < 255)
        assert levels[exact] == pytest.approx(quality, abs=3) if exact.any() else quality in (1, 90)
