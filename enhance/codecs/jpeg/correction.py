"""A network's correction of a JPEG, as far as the file lets it be believed, projected onto the file's intervals.

Plane by plane, and strip by strip of whole MCU rows: the raw answer's distances from the intervals give the weights of
the correction (`trust`), the weighted answer is projected (`consistency`). Blocks whose weight is 0 stay exactly as the
decoder gave them. A strip is finished when the weights around it are known, so a few of them wait at a time, and the
result is the one of the picture in one piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from enhance.codecs.jpeg import planes
from enhance.codecs.jpeg.coefficients import Layout
from enhance.codecs.jpeg.intervals import Array, Part
from enhance.codecs.jpeg.trust import TrustMap, to_samples
from enhance.images import Trust

Strip = Callable[[slice], Array]
"""Rows -> those of a picture, float32 [h, W, 3] or [h, W], in 8-bit code values."""


@dataclass(frozen=True)
class _Plane:
    """One plane of a strip: decoded values and the raw correction [h, W], and what the file says of it.

    Attributes:
        first: its first row of blocks in the whole plane.
        distances: of the raw answer's coefficients, [N, 64].
    """

    base: Array
    change: Array
    part: Part
    first: int
    distances: Array

    @property
    def stop(self) -> int:
        """The row of blocks after its last."""
        return self.first + self.part.indices.shape[0]


def corrected_strips(
    strips: Iterable[tuple[slice, list[Part]]], base: Strip, change: Strip, layout: Layout, trust: Trust
) -> Iterator[tuple[slice, Array, Array]]:
    """Walks over a picture; arguments and result as in `JpegConsistency.corrected_strips`, `strips` as it walks."""
    maps = [TrustMap(component.grid, trust) for component in layout.components]
    factors = trust.factors(len(maps), layout.is_rgb)
    waiting: deque[tuple[slice, Array, list[_Plane]]] = deque()

    def finish() -> tuple[slice, Array, Array]:
        rows, pixels, parts = waiting.popleft()
        found = [_corrected(*plane_of) for plane_of in zip(parts, maps, factors, strict=True)]
        luma = maps[0].weights(parts[0].first, parts[0].stop)
        return rows, pixels + planes.join_changes(found, layout.is_rgb), luma

    for rows, parts in strips:
        pixels = base(rows)
        split = planes.split_planes(pixels, layout.is_rgb), planes.split_changes(change(rows), layout.is_rgb)
        waiting.append((rows, pixels, [_add(*each) for each in zip(*split, parts, maps, strict=True)]))
        while waiting and all(m.suffices(plane.stop) for m, plane in zip(maps, waiting[0][2], strict=True)):
            yield finish()
    while waiting:
        yield finish()


def _add(base: Array, change: Array, part: Part, trust_map: TrustMap) -> _Plane:
    first = trust_map.known
    distances = part.distances(planes.box_means(base + change, part.component.ratio))
    trust_map.add(distances, part.reach)
    return _Plane(base, change, part, first, distances)


def _corrected(plane: _Plane, trust_map: TrustMap, factor: float) -> Array:
    """The change [h, W] of a plane that is made in the end."""
    if factor == 0:
        return np.zeros_like(plane.change)
    ratio, shape = plane.part.component.ratio, (plane.change.shape[0], plane.change.shape[1])
    around = trust_map.weights(plane.first - 1, plane.stop + 1)
    if factor == 1 and around.min() == 1:
        step = plane.part.step_into(plane.distances)
        return plane.change + _spread_blocks(step, ratio, shape)
    grid_shape = -(-shape[0] // ratio[0]), -(-shape[1] // ratio[1])
    weights = to_samples(around, grid_shape)
    change = planes.spread(weights, ratio, shape) * plane.change * np.float32(factor)
    step = plane.part.step_into(plane.part.distances(planes.box_means(plane.base + change, ratio)))
    # Where nothing is believed, nothing is changed: the decoder's own rounding is not the network's to mend.
    step[~planes.to_blocks(weights).any(axis=1)] = 0
    return change + _spread_blocks(step, ratio, shape)


def _spread_blocks(step: Array, ratio: tuple[int, int], shape: tuple[int, int]) -> Array:
    grid_shape = -(-shape[0] // ratio[0]), -(-shape[1] // ratio[1])
    return planes.spread(planes.from_blocks(step, grid_shape), ratio, shape)
