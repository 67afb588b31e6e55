"""What a model knows at which rate: measured on training pictures when it is packed, stored in its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.calibration import BANDS, INDEX_CLASSES, SIZES, spread_out
from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.images import Calibration, Trust

KINDS = ("mean", "looks")
"""What the factors are measured for: the posterior mean (perception 0), and perception 1."""

ENCODERS = ("rounded", "chosen")
"""What encoders did with coefficients: that of `Trust` which their table is for."""

_MOST_FACTOR = 2
_KEPT_BY_LOOKS = 0.5
"""How much of a calibration, which was measured for the mean, is left out at perception 1. With half of it left, 11
validation photos at qualities 10 to 40 have 0.02 to 0.03 dB more than with none, and 0.0001 to 0.0004 more LPIPS."""
_ONE_TABLE = ("gray", "rgb")


@runtime_checkable
class PlaneRate(Protocol):
    """The rate of a picture whose planes were quantised apart."""

    @property
    def luma_level(self) -> float: ...

    @property
    def chroma_level(self) -> float: ...

    @property
    def sampling(self) -> str: ...


@runtime_checkable
class SteppedRate(PlaneRate, Protocol):
    """One that has a step for each DCT coefficient."""

    @property
    def step_levels(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...


@dataclass(frozen=True)
class FactorTable:
    """Factors on the corrections of luma and chroma, linear between levels of the rate and constant beyond them.

    Attributes:
        levels: increasing rate levels.
        luma, chroma: one factor from 0 to 1 each.
    """

    levels: tuple[float, ...]
    luma: tuple[float, ...]
    chroma: tuple[float, ...]

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.levels, self.levels[1:]))
        factors = (*self.luma, *self.chroma)
        fits = len(self.luma) == len(self.chroma) == len(self.levels) > 0
        if not (increasing and fits and all(0 <= factor <= 1 for factor in factors)):
            raise WeightsError("a table of factors needs increasing levels with two factors from 0 to 1 each")

    def at(self, luma_level: float, chroma_level: float) -> tuple[float, float]:
        """The factors of luma and chroma at their levels."""
        luma, chroma = np.interp(luma_level, self.levels, self.luma), np.interp(chroma_level, self.levels, self.chroma)
        return float(luma), float(chroma)


@dataclass(frozen=True, eq=False)
class CalibrationTable:
    """Factors on coefficients (see `codecs.jpeg.calibration`), linear between levels and constant beyond them.

    Attributes:
        levels: increasing levels of the rate, or of one coefficient's step: tables of other programs are coarse at some
            frequencies and fine at others.
        luma, chroma: [rate levels, INDEX_CLASSES, bands, SIZES] each.
    """

    levels: tuple[float, ...]
    luma: npt.NDArray[np.float32]
    chroma: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.levels, self.levels[1:]))
        shape = (len(self.levels), INDEX_CLASSES, BANDS.max() + 1, len(SIZES))
        fits = len(self.levels) > 0 and self.luma.shape == self.chroma.shape == shape
        in_range = all(((part >= 0) & (part <= _MOST_FACTOR)).all() for part in (self.luma, self.chroma))
        if not (increasing and fits and in_range):
            raise WeightsError(f"a table of calibration needs increasing levels and factors of 0 to {_MOST_FACTOR}")

    def at(self, rate: SteppedRate, share: float = 1.0) -> Calibration | None:
        """The factors at the steps of luma and chroma, so much of the way from 1; none for RGB, never measured."""
        if rate.sampling == "rgb":
            return None
        luma, chroma = (
            spread_out(1 + share * (self._between(part, levels) - 1))
            for part, levels in zip((self.luma, self.chroma), rate.step_levels)
        )
        return Calibration(luma, chroma)

    def _between(self, part: npt.NDArray[np.float32], levels: npt.NDArray[np.float64]) -> npt.NDArray[np.floating]:
        """[64, INDEX_CLASSES, SIZES]."""
        place = np.interp(levels, self.levels, np.arange(len(self.levels)))
        low = place.astype(np.intp)
        high = np.minimum(low + 1, len(self.levels) - 1)
        below, above = part[low, :, BANDS], part[high, :, BANDS]
        return below + (place - low)[:, None, None].astype(np.float32) * (above - below)

    def to_dict(self) -> dict[str, Any]:
        luma, chroma = (np.round(part.astype(np.float64), 3).tolist() for part in (self.luma, self.chroma))
        return {"levels": self.levels, "luma": luma, "chroma": chroma}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CalibrationTable:
        """Inverse of `to_dict`; what is none raises what `TrustTables.from_dict` turns into WeightsError."""
        luma, chroma = (np.array(values[part], np.float32) for part in ("luma", "chroma"))
        return cls(tuple(map(float, values["levels"])), luma, chroma)


@dataclass(frozen=True)
class TrustTables:
    """How far a model is to be believed.

    Attributes:
        full: the share of energy that a file rules out up to which a correction is believed as a whole.
        fall: `Trust.none` over `Trust.full`.
        factors: for each of `KINDS` and for each sampling ("4:4:4", ..., "gray", "rgb") the factors; 1 where there are
            none.
        calibration: for each of `ENCODERS`, what the coefficients of the posterior mean are on average; what they say
            where it was not measured.
    """

    full: RateTable = field(default_factory=lambda: RateTable((1.0,), (0.02,)))
    fall: float = 10.0
    factors: dict[str, dict[str, FactorTable]] = field(default_factory=dict)
    calibration: dict[str, CalibrationTable] = field(default_factory=dict)

    def __call__(self, rate: PlaneRate, perception: float, *, guarded: bool = True) -> Trust:
        """What is to be believed of a correction.

        Args:
            rate: the picture's.
            perception: 0 (posterior mean) to 1.
            guarded: without it, only the factors count.
        """
        ends = [self._factors(kind, rate) for kind in KINDS]
        luma, chroma = ((1 - perception) * mean + perception * looks for mean, looks in zip(*ends))
        if rate.sampling not in _ONE_TABLE and min(luma, chroma) == 0:
            # Where one plane is as good as lossless and the other is not, neither is a picture that was learned from.
            luma = chroma = 0.0
        full = self.full(min(rate.luma_level, rate.chroma_level))
        limits = (full, full * self.fall) if guarded else (np.inf, np.inf)
        if not isinstance(rate, SteppedRate):
            return Trust(luma, chroma, *limits)
        tables = (self.calibration.get(encoder) for encoder in ENCODERS)
        share = 1 - _KEPT_BY_LOOKS * perception
        means = (table.at(rate, share) if table else None for table in tables)
        return Trust(luma, chroma, *limits, *means)

    def _factors(self, kind: str, rate: PlaneRate) -> tuple[float, float]:
        table = self.factors.get(kind, {}).get(rate.sampling)
        return table.at(rate.luma_level, rate.chroma_level) if table else (1.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        factors = {
            kind: {name: {"levels": t.levels, "luma": t.luma, "chroma": t.chroma} for name, t in tables.items()}
            for kind, tables in self.factors.items()
        }
        calibration = {encoder: table.to_dict() for encoder, table in self.calibration.items()}
        return {"full": self.full.to_dict(), "fall": self.fall, "factors": factors, "calibration": calibration}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrustTables:
        """Inverse of `to_dict`, also after a round trip through JSON. Raises WeightsError if it is none."""
        try:
            factors = {
                str(kind): {
                    str(name): FactorTable(*(tuple(map(float, table[part])) for part in ("levels", "luma", "chroma")))
                    for name, table in tables.items()
                }
                for kind, tables in values["factors"].items()
            }
            stored = values.get("calibration", {})
            calibration = {str(encoder): CalibrationTable.from_dict(table) for encoder, table in stored.items()}
            return cls(RateTable.from_dict(values["full"]), float(values["fall"]), factors, calibration)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"no tables of trust: {error}") from error
