"""What a cell of a table can show of a summary, by the names that pages use."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from enhance.errors import UsageError
from enhance.evaluation.measuring.settings import COLUMNS
from enhance.evaluation.metrics.catalog import KINDS
from enhance.evaluation.reporting.summary import Spread, Summary
from enhance.evaluation.reporting.tables import with_interval

_NAME = re.compile(r"(?:gain\((?P<gained>\w+)\)|(?P<plain>\w+))(?::(?P<digits>\d))?")
_DIGITS = {"bits_per_pixel": 3, "seconds": 2}
_NOTHING = "–"


@dataclass(frozen=True)
class Quantity:
    """A metric, its gain, a knob, or a cost.

    Attributes:
        name: of `KINDS` or of a setting's knobs, "images", "bits_per_pixel" or "seconds".
        is_gain: a metric's gain, positive is better.
        digits: decimals, where there are any.
    """

    name: str
    is_gain: bool
    digits: int

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """From "psnr", "gain(psnr)", "seconds", "steps"; ":1" behind it sets the decimals. Raises UsageError."""
        found = _NAME.fullmatch(text)
        name = (found["gained"] or found["plain"]) if found else ""
        known = KINDS if found and found["gained"] else {**KINDS, **dict.fromkeys(("images", *_DIGITS, *COLUMNS))}
        if found is None or name not in known:
            raise UsageError(f"there is nothing to show that is called {text!r}", hint=f"there are {', '.join(known)}")
        digits = KINDS[name].digits if name in KINDS else _DIGITS.get(name, 0)
        return cls(name, bool(found["gained"]), int(found["digits"] or digits))

    @property
    def is_metric(self) -> bool:
        """True if pictures are better or worse by it."""
        return self.name in KINDS

    @property
    def title(self) -> str:
        """For the head of a column."""
        if self.is_metric:
            return f"{KINDS[self.name].title} gain" if self.is_gain else KINDS[self.name].title
        return {"steps": "network steps", "bits_per_pixel": "bits per pixel"}.get(self.name, self.name)

    def text(self, summary: Summary, *, with_intervals: bool = False) -> str:
        """The value; with its 95 % interval, where there is one. Nothing where the quantity means nothing."""
        if not self.is_metric:
            return self._plain(summary)
        spread = self._spread(summary)
        if spread is None or math.isnan(spread.mean):
            return _NOTHING
        sign = "+" if self.is_gain else ""
        return with_interval(spread, self.digits, sign) if with_intervals else f"{spread.mean:{sign}.{self.digits}f}"

    def rank(self, summary: Summary) -> float:
        """How good the value is as it is shown: the lowest is the best; NaN where there is none."""
        if not self.is_metric:
            return math.nan
        spread = self._spread(summary)
        if spread is None:
            return 0.0 if self.is_gain else math.nan  # what the others gain over
        is_lower_better = KINDS[self.name].lower_is_better and not self.is_gain
        return round(spread.mean, self.digits) * (1 if is_lower_better else -1)

    def _spread(self, summary: Summary) -> Spread | None:
        return (summary.gains if self.is_gain else summary.means).get(self.name)

    def _plain(self, summary: Summary) -> str:
        if self.name in COLUMNS:
            value = summary.knobs.get(self.name, "")
            return {True: "yes", False: "no"}[value] if isinstance(value, bool) else _short(value)
        value = getattr(summary, self.name)
        return "" if self.name == "seconds" and not value else f"{value:.{self.digits}f}"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def bold_best(summaries: list[Summary], quantity: Quantity) -> list[bool]:
    """Which of them are the best of their column, all of them where several are equal as they are shown."""
    ranks = [quantity.rank(one) for one in summaries]
    best = min((rank for rank in ranks if not math.isnan(rank)), default=math.nan)
    return [rank == best and quantity.text(one) != _NOTHING for rank, one in zip(ranks, summaries)]


def parse_joined(text: str) -> tuple[Quantity, ...]:
    """Quantities that share a cell: "psnr/lpips_alex". Raises UsageError."""
    return tuple(Quantity.parse(word) for word in text.replace(" ", "").split("/"))
