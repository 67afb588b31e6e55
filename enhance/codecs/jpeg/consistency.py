"""Projection of an image onto the originals that a JPEG file stands for.

A JPEG says for every DCT coefficient an integer k and a step Q: the encoder rounded c/Q to k, so the original's
coefficient c lay in [(k - 1/2) Q, (k + 1/2) Q]. The originals that fit a file are therefore a convex set, a box in the
DCT domain (Zakhor, "Iterative procedures for reduction of blocking effects in transform image coding", 1992). The
projection onto a convex set that holds the original never leads away from it.

Every component is projected in its own grid. Luma: all samples. Chroma C in a grid with one sample for each box of
pixels: S = D C (means over boxes, libjpeg's encoder), T = projection of S, and the result is C + U(T - S) with U the
repetition over the box. D U = 1, so the result's own box means are T exactly, and no other plane with these means is
nearer to C.

What is promised, for images of any size, before anything is rounded or clipped to 8 bits:

- the result's planes quantise to the file's own coefficients, in every block that lies within the image. For a block
  across the right or bottom edge: there are samples beyond the edge with which it does (see `complete_outside`).
- for any picture that this can be said of, too, the result is no farther from it than the input was: in squared error
  over the luma plane, over the chroma planes in their own grids, and over the full-resolution chroma planes (completed
  to whole boxes by repeating the last row and column). In blocks across the edge, to the accuracy of an iteration.

That the original itself is such a picture is the encoder's affair: plain rounding of coefficients and means over boxes,
as libjpeg has them (see `COEFFICIENT_TOLERANCE` for what its integers cost). Encoders that choose coefficients by rate
and distortion (mozjpeg's trellis, Guetzli) put it outside, mostly where a coefficient became 0, and filter chroma in
their own ways: there the result still is one of the images that quantise to this file's coefficients, but it may be
farther from the original than the input was.

Not promised, but measured: the same in RGB, whose transform to YCbCr is not orthogonal. On LIVE1 (29 images, 4:2:0,
q 5-95) the mean PSNR of five stand-ins for an enhanced picture fell at no quality; a picture that is as good as a
network's gains 0.000 dB at q10, 0.011 at q75, 0.10 at q95, a blurred one 0.04, 1.8, 5.9 dB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from enhance.codecs.jpeg import planes, two_colours
from enhance.codecs.jpeg.coefficients import Indices, Layout, NotProjectable, read_coefficients, read_layout
from enhance.codecs.jpeg.colour_levels import Flags
from enhance.codecs.jpeg.correction import Strip, corrected_strips
from enhance.codecs.jpeg.intervals import Array, Part
from enhance.errors import DecodeError, UsageError
from enhance.images import Consistency, Pixels, Trust

# How much the intervals are widened at both ends. libjpeg rounds Y, Cb, Cr and the means of boxes to integers before
# its DCT, which moves coefficients by 0.3 (RMS), so that a few of the original's own lie outside of the intervals.
# 23 images, Pillow 4:2:0, share of luma coefficients that lie farther outside than
#     tolerance   0       0.25    0.5     1
#     q10      0.037%  0.012%  0.003%  0.0004%
#     q40       0.27%   0.08%   0.02%   0.002%
#     q75       0.86%   0.25%   0.06%   0.004%
#     q95        6.2%    1.8%   0.35%    0.02%
# (chroma: about a third). Yet 0 is best: they lie outside by so little that taking them in brings nothing, whereas
# wider intervals let more of the enhancer's errors pass. Change of RGB PSNR in dB by the projection, 12 images, on
# pictures (x + decoded)/2 + noise of 0.6 of the JPEG's own RMS error (scripts/measure_consistency.py):
#     tolerance   0       0.25    0.5     1
#     q40      +.0028  +.0025  +.0023  +.0017
#     q75      +.0238  +.0203  +.0172  +.0120
#     q95      +.1650  +.1344  +.1031  +.0550
# The same order at every quality from 5 to 98, and for the decoded, blurred and median-filtered picture. And only with
# 0 does the result quantise to the file's own coefficients.
COEFFICIENT_TOLERANCE = 0.0
_STRIP_PIXELS = 1 << 18


@dataclass(frozen=True)
class JpegConsistency:
    """The set of originals that one JPEG file stands for; satisfies `enhance.images.Consistency`.

    Attributes:
        jpeg: the file. Its coefficients are read anew at every call, which costs little and keeps nothing.
        layout: sizes, tables and colour of its planes.
        source: the name to use in messages.
        tolerance: how much the intervals are widened at both ends, in units of a coefficient.
    """

    jpeg: bytes = field(repr=False)
    layout: Layout
    source: str = "<memory>"
    tolerance: float = COEFFICIENT_TOLERANCE

    def project(self, pixels: Array, out: Array | None = None) -> Array:
        """Projects an image onto the set; see the module's description for what that promises.

        Args:
            pixels: float32, [H, W, 3] RGB or [H, W] gray, 8-bit code values (0-255, neither rounded nor clipped).
            out: where to put the result, `pixels` itself allowed; a new array if not given.

        Returns:
            the same shape and unit; not clipped. Beyond it and the coefficients (2 to 6 bytes a pixel), working memory
            does not grow with the image's height.

        Raises:
            UsageError: the shape is not the file's.
            DecodeError: the coefficients cannot be read.
        """
        self._check_shape(pixels.shape, self.layout.height)
        result = np.empty_like(pixels) if out is None else out
        for rows, values in self.project_strips(lambda rows: pixels[rows]):
            result[rows] = values
        return result

    def project_strips(self, strip: Strip) -> Iterator[tuple[slice, Array]]:
        """Projects an image that is made strip by strip, so that it need not exist as a whole.

        Args:
            strip: called with rows, once each and from top to bottom; gives them as `project` takes them.

        Returns:
            the strips without overlap: their rows, and a new array with what `project` gives there.

        Raises:
            UsageError, DecodeError: as `project` does.
        """
        for rows, parts in self.strips():
            pixels = self._read(strip, rows)
            shape = pixels.shape[0], pixels.shape[1]
            changes = [
                planes.spread(part.change(planes.box_means(plane, part.component.ratio)), part.component.ratio, shape)
                for plane, part in zip(planes.split_planes(pixels, self.layout.is_rgb), parts, strict=True)
            ]
            yield rows, pixels + planes.join_changes(changes, self.layout.is_rgb)

    def corrected_strips(self, base: Strip, change: Strip, trust: Trust) -> Iterator[tuple[slice, Array, Array]]:
        """The decoded picture with a network's correction, as far as it can be believed, projected; see `correction`.

        Args:
            base: the decoded picture; called with rows, once each and from top to bottom, gives them as `project` takes
                them.
            change: likewise, the network's raw correction.
            trust: how far it is to be believed.

        Returns:
            the strips without overlap: their rows; a new array of corrected pixels; the weights of the luma blocks,
            [block rows, block columns].

        Raises:
            UsageError, DecodeError: as `project` does.
        """
        decoded, correction = partial(self._read, base), partial(self._read, change)
        return corrected_strips(self.strips(), decoded, correction, self.layout, trust)

    def settle(self, pixels: Pixels) -> Flags | None:
        """Sets blocks to what fits the file where nothing near it does: in pictures of two colours (`two_colours`).

        Args:
            pixels: enhanced, [H, W, 3] RGB or [H, W] gray; uint8, uint16, or float32 in [0, 1]. Changed in place.

        Returns:
            bool [ceil(H / 8), ceil(W / 8)], the blocks that were set; None if the picture is not one of two colours.

        Raises:
            UsageError, DecodeError: as `project` does.
        """
        self._check_shape(pixels.shape, self.layout.height)
        found = two_colours.prove(pixels, self)
        if found is None:
            return None
        found.put_into(pixels)
        return found.proven

    def quantised_coefficients(self, pixels: Array, rounds: int = 1000) -> list[Indices]:
        """The coefficients that an image's planes quantise to, without any rounding before the DCT.

        Args:
            pixels: as for `project`.
            rounds: the most steps to take in search of samples beyond the edge that fit the file (see
                `complete_outside`).

        Returns:
            per component int16 [block rows, block columns, 8, 8], as `coefficients` has them.
        """
        strips: list[list[Indices]] = [[] for _ in self.layout.components]
        self._check_shape(pixels.shape, self.layout.height)
        for rows, parts in self.strips():
            split = planes.split_planes(np.asarray(pixels[rows], np.float32), self.layout.is_rgb)
            for quantised, plane, part in zip(strips, split, parts, strict=True):
                blocks = part.completed(planes.box_means(plane, part.component.ratio), rounds)
                steps = part.component.steps.reshape(64)
                indices = np.rint(planes.transform(blocks, planes.DCT) / steps)
                quantised.append(indices.astype(np.int16).reshape(part.indices.shape))
        return [np.concatenate(quantised) for quantised in strips]

    def coefficients(self) -> list[Indices]:
        """The file's coefficients k, per component int16 [block rows, block columns, 8, 8] in natural order.

        Raises:
            DecodeError: libjpeg refuses the file, or finds other numbers of blocks than the header says.
        """
        return read_coefficients(self.jpeg, self.layout, source=self.source)

    def _check_shape(self, shape: tuple[int, ...], height: int) -> None:
        expected = (height, self.layout.width, 3)[: 3 if len(self.layout.components) == 3 else 2]
        if shape != expected:
            raise UsageError(f"pixels of shape {shape} do not fit a JPEG that needs {expected}")

    def _read(self, strip: Strip, rows: slice) -> Array:
        pixels = np.asarray(strip(rows), np.float32)
        self._check_shape(pixels.shape, rows.stop - rows.start)
        return pixels

    def strips(self) -> Iterator[tuple[slice, list[Part]]]:
        """Whole MCU rows from top to bottom: their rows of pixels, and what the file says of each plane there."""
        layout = self.layout
        coefficients = self.coefficients()
        mcu = 8 * max(component.ratio[0] for component in layout.components)
        height = mcu * max(1, _STRIP_PIXELS // (mcu * layout.width))
        for top in range(0, layout.height, height):
            rows = slice(top, min(top + height, layout.height))
            parts = []
            for component, indices in zip(layout.components, coefficients, strict=True):
                rows_per_block = 8 * component.ratio[0]
                blocks = slice(rows.start // rows_per_block, -(-rows.stop // rows_per_block))
                parts.append(Part(component, indices[blocks], self.tolerance))
            yield rows, parts


def jpeg_consistency(data: bytes, *, source: str) -> tuple[Consistency | None, str | None]:
    """The projection onto the originals that a JPEG stands for.

    Only the header is read; the coefficients are, at each use. The file should have been decoded successfully before.

    Args:
        data: a whole JPEG file.
        source: the name to use in messages.

    Returns:
        the projection and None; or None and why this file has none, one line.
    """
    try:
        return JpegConsistency(data, read_layout(data, source=source), source), None
    except NotProjectable as reason:
        return None, f"no consistency with the bitstream: {reason}"
    except DecodeError as error:
        return None, f"no consistency with the bitstream: {error.reason}"
