"""What was done to a picture before its last coding, or before it became pixels in memory; only what is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from enhance.codecs.coding import Coding
from enhance.codecs.jpeg.estimation import own_tables
from enhance.codecs.jpeg.estimation.chroma import find_chroma_grid
from enhance.codecs.jpeg.estimation.grids import Evidence, look_at, search
from enhance.codecs.jpeg.estimation.noise import ROUNDING, LastCoding
from enhance.codecs.jpeg.estimation.same_grid import search_same_grid
from enhance.codecs.jpeg.estimation.samples import (
    Corners,
    Offset,
    Sample,
    Values,
    take_busy_part,
    take_sample,
    take_views,
)
from enhance.codecs.jpeg.estimation.scaling import search_scales
from enhance.codecs.jpeg.estimation.tables import all_tables
from enhance.codecs.jpeg.estimation.windows import grids_worth_a_look
from enhance.codecs.jpeg.rate import JpegRate, ijg_tables
from enhance.images import Pixels

Numbers = npt.NDArray[np.int64]

_GRIDS = [(top, left) for top in range(8) for left in range(8)]
_SMALLEST = 16  # samples a side
# An earlier coding does not matter, and is hard to tell, if its steps are not so many times the last one's (log2).
_COARSER = 0.5
# What has to speak for a coding: how much more evidence than the best other grid has, in nats, and frequencies that
# have a clear part in it. Of 1,150 files that were coded once, and originals, those with three frequencies reached 96
# (a halftone) and 14; photos that were coded at 50 and again at 75 on another grid reach 300 and more.
_EVIDENCE = 150.0
_FREQUENCIES = 3
# The less was lost by the scaling, the more frequencies show a lattice; and checkers show a few by accident. From these
# scales on so many are asked for.
_FREQUENCIES_SCALED = ((1.0, 8), (0.8, 5), (0.0, _FREQUENCIES))
# Where no known tables explain what is seen, so many frequencies must tell their own steps, and no other grid may have
# so much of the evidence: at quality 5 blocks fit steps on wrong grids, where half and more of it is left for the next
# best; with tables of cameras, at 25 and more, a fifth is.
_FREQUENCIES_OF_THEIR_OWN = 8
_NEXT_BEST = 0.35
_SAME_SCALE = 0.004  # that is no scaling, and was looked for on all grids
_SURE = 0.9
_MOST_BLOCKS = 4096  # that tables of their own are read from
_TOLERATED = 24  # clipped samples of a block's 64


def find_earlier(pixels: Pixels, last: JpegRate) -> Coding | None:
    """The earlier, stronger coding of a picture that was then saved as a JPEG file.

    Args:
        pixels: as decoded, [H, W, 3] RGB or [H, W]; uint8, uint16 or float32 in [0, 1].
        last: the file's own rate.

    Returns:
        the coding, or None where there was none, or it cannot be told for sure.
    """
    return None if last.space == "rgb" else _earlier(pixels, last)


def find_coding(pixels: Pixels) -> Coding | None:
    """The JPEG coding that pixels went through before they came into a file without loss, or into memory.

    Where they went through several, the strongest one. Arguments and result as in `find_earlier`.
    """
    if min(pixels.shape[:2]) < _SMALLEST:
        return None
    sample, candidates = take_sample(pixels), np.arange(len(all_tables().rates))
    last = _coded_last(sample, candidates)
    if last is None:
        return _scaled(pixels, sample, candidates, None)
    coding = _coding(last, pixels, None)
    if not _is_known(last):
        # What the last coding did to an older one's coefficients is not known well enough.
        return coding
    top, left = last.offset
    older = _earlier(pixels[top:, left:], _rate(last, pixels))
    return coding if older is None else _moved(older, last.offset)


def _coded_last(sample: Sample, candidates: Numbers) -> Evidence | None:
    """The last coding of pixels: with known tables; or with others; or where nearly all blocks have clipped samples."""
    known = _convincing(search(sample, _GRIDS, _rounding, candidates))
    if known is not None and _is_known(known):
        return known
    own = _convincing(search(sample, _GRIDS, _rounding, candidates, any_tables=True))
    if own is not None:
        every = look_at(sample, own.offset, _rounding, candidates, _MOST_BLOCKS, 64)
        return own if every is None else replace(own, steps=every.steps)
    # Text and drawings on white: nearly every block that tells something has clipped samples.
    clipped = _convincing(search(replace(sample, tolerated=_TOLERATED), _GRIDS, _rounding, candidates))
    return clipped if clipped is not None and _is_known(clipped) else None


def _earlier(pixels: Pixels, last: JpegRate) -> Coding | None:
    """As `find_earlier`, for a picture that begins with a block of the last coding."""
    steps = np.maximum(last.luma.reshape(64).astype(np.int64), 1)
    candidates = np.flatnonzero(np.log2(all_tables().luma / steps).mean(axis=1) > _COARSER)
    if min(pixels.shape[:2]) < _SMALLEST or not len(candidates):
        return None
    part = take_busy_part(pixels)
    found = _at_first_scale(pixels, part, steps, candidates)
    return _scaled(pixels, part, candidates, last) if found is None else _coding(found, pixels, last)


def _at_first_scale(pixels: Pixels, part: Sample, steps: Numbers, candidates: Numbers) -> Evidence | None:
    """What speaks for an earlier coding on any grid; most pictures are done with after a first look at a part."""
    coding = LastCoding(part.luma, steps)
    same = search_same_grid(part, coding.indices, steps, candidates)
    grids = grids_worth_a_look(part, coding, candidates)
    if part.luma.shape != pixels.shape[:2] and (same is not None or grids):
        part = take_sample(pixels)
        coding = LastCoding(part.luma, steps)
        same = search_same_grid(part, coding.indices, steps, candidates)
    same = _convincing(same)
    if same is not None and _is_known(same):
        return same
    return _convincing(search(part, grids, coding.variances, candidates, seen=True))


def _scaled(pixels: Pixels, sample: Sample, candidates: Numbers, last: JpegRate | None) -> Coding | None:
    found = search_scales(take_views(pixels, sample), candidates, coded_again=last is not None)
    if found is None or _convincing(found.evidence) is None or not _is_known(found.evidence):
        return None
    scale = min(found.rows.period, found.columns.period) / 8
    if abs(scale - 1) < _SAME_SCALE:
        return None
    if found.evidence.frequencies < next(least for smallest, least in _FREQUENCIES_SCALED if scale >= smallest):
        return None
    axes, rate = (found.rows, found.columns), _rate(found.evidence, pixels)
    return Coding(_told(rate, last, None), axes=axes, then=last, confidence=_confidence(found.evidence))


def _rounding(corners: Corners, frequencies: Numbers) -> Values:
    """The noise of what was coded once and decoded."""
    return np.full((len(corners), len(frequencies)), ROUNDING, np.float32)


def _convincing(evidence: Evidence | None) -> Evidence | None:
    if evidence is None or _confidence(evidence) < _SURE:
        return None
    if _is_known(evidence):
        return evidence
    is_clear = own_tables.count_clear(evidence.steps) >= _FREQUENCIES_OF_THEIR_OWN
    return evidence if is_clear and evidence.runner_up < _NEXT_BEST * evidence.total else None


def _confidence(evidence: Evidence) -> float:
    """0 to 1; `_SURE` at `_EVIDENCE`."""
    margin = evidence.total - evidence.runner_up
    if evidence.frequencies < _FREQUENCIES or margin <= 0:
        return 0.0
    return float(1 / (1 + (1 / _SURE - 1) * (_EVIDENCE / margin) ** 2))


def _rate(evidence: Evidence, pixels: Pixels) -> JpegRate:
    """The tables that were found: known ones, or, where those do not explain what is seen, their own."""
    rate = all_tables().rates[evidence.tables]
    if not _is_known(evidence):
        luma = own_tables.fit(evidence.steps)
        rate = JpegRate.from_tables(luma, ijg_tables(JpegRate.from_tables(luma).quality)[1])
    return rate if pixels.ndim == 3 else JpegRate.from_tables(rate.luma)


def _is_known(evidence: Evidence) -> bool:
    return own_tables.explain(evidence.steps, all_tables().luma[evidence.tables])


def _coding(evidence: Evidence, pixels: Pixels, last: JpegRate | None) -> Coding:
    rate, (top, left) = _rate(evidence, pixels), evidence.offset
    if pixels.ndim == 3:
        known, again = _is_known(evidence), last is not None
        grid = find_chroma_grid(pixels, evidence.offset, rate.chroma, is_known=known, coded_again=again)
        chroma = rate.chroma if grid.table is None else grid.table
        rate = JpegRate.from_tables(rate.luma, chroma, subsampling=grid.subsampling)
        top, left = grid.corner
    horizontal, vertical = rate.subsampling
    # Where luma blocks alone count, all places are alike modulo 8: those that mean the least shift.
    corner = top if vertical > 1 else -(-top % 8) % 16, left if horizontal > 1 else -(-left % 8) % 16
    return Coding(_told(rate, last, (0, 0)), corner, then=last, confidence=_confidence(evidence))


def _told(rate: JpegRate, last: JpegRate | None, offset: Offset | None) -> JpegRate:
    """A rate with the later coding, for a picture that is seen on the first grid and at the first scale."""
    return rate if last is None else rate.saved_again(last, offset)


def _moved(coding: Coding, by: Offset) -> Coding:
    """A coding that was found in a picture without its first rows and columns, of the whole picture."""
    if coding.axes is None:
        return replace(coding, corner=((coding.corner[0] + by[0]) % 16, (coding.corner[1] + by[1]) % 16))
    rows, columns = (
        replace(axis, start=(axis.start + distance) % axis.period)
        for axis, distance in zip(coding.axes, by, strict=True)
    )
    return replace(coding, axes=(rows, columns))
