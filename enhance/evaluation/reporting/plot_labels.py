"""Text beside the points of a plot, where it covers neither points nor curves nor other text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points (1/72 inch)."""

SIZE = 8.0
"""Of the letters, in points."""

_DISTANCES = (4.0, 9.0, 15.0)
_DIRECTIONS = ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))


@dataclass(frozen=True)
class Label:
    """Text for a point in the units of the axes."""

    text: str
    point: tuple[float, float]
    color: str


def write_labels(panel: Any, labels: Sequence[Label], curves: Iterable[Sequence[tuple[float, float]]]) -> None:
    """Writes labels into a panel whose limits and place are final.

    Args:
        panel: matplotlib's axes.
        labels: the first ones get the better places.
        curves: what should not be covered beside the labels' points, each with one point or more.
    """
    from matplotlib.patheffects import withStroke

    scale = 72 / panel.figure.dpi

    def in_points(places: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
        return np.asarray(panel.transData.transform(places), np.float64) * scale

    drawn = np.concatenate([_dense(in_points(curve)) for curve in curves] + [in_points([one.point for one in labels])])
    corners = panel.get_window_extent().extents * scale
    taken: list[Box] = []
    for label in labels:
        x, y = in_points([label.point])[0]
        box = choose_place((x, y), _extent(label.text), drawn, taken, tuple(corners))
        taken.append(box)
        offset = ((box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y)
        is_far = max(abs(offset[0]) - (box[2] - box[0]) / 2, abs(offset[1]) - (box[3] - box[1]) / 2) > _DISTANCES[0] + 1
        note = panel.annotate(
            label.text, label.point, xytext=offset, textcoords="offset points", fontsize=SIZE, color=label.color,
            ha="center", va="center", path_effects=[withStroke(linewidth=2, foreground="white")], zorder=5,
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkB": 3} if is_far else None,
        )  # fmt: skip
        note.set_in_layout(False)


def choose_place(
    point: tuple[float, float],
    extent: tuple[float, float],
    drawn: npt.NDArray[np.float64],
    taken: Sequence[Box],
    bounds: Box,
) -> Box:
    """The place around a point that covers least; all in points.

    Args:
        point: what the text is for.
        extent: its width and height.
        drawn: [N, 2], should not be covered.
        taken: other texts, must not be covered.
        bounds: of the panel, must not be left.
    """
    width, height = extent

    def box(distance: float, direction: tuple[int, int]) -> Box:
        x = point[0] + direction[0] * (distance + width / 2)
        y = point[1] + direction[1] * (distance + height / 2)
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2

    def cost(place: Box) -> float:
        is_inside = bounds[0] <= place[0] and bounds[1] <= place[1] and place[2] <= bounds[2] and place[3] <= bounds[3]
        covered = ((drawn > place[:2]) & (drawn < place[2:])).all(axis=1).sum()
        return 1000 * (not is_inside) + 100 * sum(_meet(place, other) for other in taken) + float(covered)

    # min() keeps the first of equals, so near places and the right side come before others.
    return min((box(*choice) for choice in itertools.product(_DISTANCES, _DIRECTIONS)), key=cost)


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _extent(text: str) -> tuple[float, float]:
    """Width and height of a text in the usual sans serif, a little more than it needs."""
    return 0.62 * SIZE * len(text), SIZE


def _dense(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A polygon as points that are about two apart."""
    pieces = [points[-1:]]
    for begin, end in zip(points, points[1:]):
        count = int(np.hypot(*(end - begin)) / 2) + 1
        pieces.append(begin + (end - begin) * np.arange(count)[:, None] / count)
    return np.concatenate(pieces)
