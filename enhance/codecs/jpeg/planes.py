"""The sample planes of a JPEG, and the sets of planes that its quantised coefficients stand for.

Everything here is float32 and level-shifted: a plane holds component values minus 128, so that its orthonormal 8x8
DCT-II has the scale of the file's dequantised coefficients (ITU-T T.81 A.3.3).

    blocks  [N, 64]: 8x8 blocks of a plane, row-major inside, in raster order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# JFIF 1.02 (BT.601, full range), without the +128 of the chroma, which the level shift takes away again.
_YCC_FROM_RGB = np.array(
    [[0.299, 0.587, 0.114], [-0.299 / 1.772, -0.587 / 1.772, 0.5], [0.5, -0.587 / 1.402, -0.114 / 1.402]], np.float32
)
_RGB_FROM_YCC = np.array(
    [[1, 0, 1.402], [1, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587], [1, 1.772, 0]], np.float32
)
_GROUP = 64  # blocks


def _orthonormal_dct() -> Array:
    """[64, 64]: a row-major 8x8 block times this is its orthonormal 2-D DCT-II."""
    frequency, position = np.mgrid[:8, :8]
    basis = np.cos((2 * position + 1) * frequency * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return np.asarray(np.kron(basis, basis).T, np.float32)


DCT = np.ascontiguousarray(_orthonormal_dct())
_AT_REST = 1e-5  # code values
INVERSE_DCT = np.ascontiguousarray(DCT.T)


def split_planes(pixels: Array, is_rgb: bool) -> list[Array]:
    """[H, W] gray or [H, W, 3] RGB code values to level-shifted planes [H, W]: Y; or Y, Cb, Cr; or R, G, B."""
    planes = split_changes(pixels, is_rgb)
    return [plane - np.float32(128) if is_rgb or index == 0 else plane for index, plane in enumerate(planes)]


def split_changes(changes: Array, is_rgb: bool) -> list[Array]:
    """Changes of the pixels, [H, W] or [H, W, 3], to changes of the planes, [H, W] each: inverse of `join_changes`."""
    if changes.ndim == 2:
        return [changes]
    if is_rgb:
        return [changes[..., channel] for channel in range(3)]
    channels = np.ascontiguousarray(np.moveaxis(changes, -1, 0))  # a third less time, the copy included
    return [_mixed(list(channels), row) for row in _YCC_FROM_RGB]


def join_changes(changes: list[Array], is_rgb: bool) -> Array:
    """Changes of the planes, [H, W] each, to the change of the pixels, [H, W] or [H, W, 3]."""
    if len(changes) == 1:
        return changes[0]
    if is_rgb:
        return np.stack(changes, axis=-1)
    return np.stack([_mixed(changes, row) for row in _RGB_FROM_YCC], axis=-1)


def _mixed(planes: Sequence[Array], factors: Array) -> Array:
    """The sum of planes times their factors, the first of which is not 0."""
    total: Array = planes[0] * factors[0]
    for plane, factor in zip(planes[1:], factors[1:], strict=True):
        if factor:
            total += plane * factor
    return total


def box_means(plane: Array, ratio: tuple[int, int]) -> Array:
    """D: libjpeg's downsampling (jcsample.c): means over boxes; incomplete boxes are completed by repeating edges.

    Returns:
        [ceil(H / rows), ceil(W / columns)], not rounded.
    """
    rows, columns = ratio
    if ratio == (1, 1):
        return plane
    height, width = plane.shape
    missing = -height % rows, -width % columns
    if any(missing):
        plane = np.pad(plane, [(0, missing[0]), (0, missing[1])], mode="edge")
    total = sum(plane[row::rows, column::columns] for row in range(rows) for column in range(columns))
    return np.asarray(total * np.float32(1 / (rows * columns)))


def spread(change: Array, ratio: tuple[int, int], shape: tuple[int, int]) -> Array:
    """U: repeats each value over its box and crops to `shape`.

    D U = 1, and C + U(T - D C) is the orthogonal projection of C onto {C : D C = T}, in the plane that is completed to
    whole boxes by repeating its edges.
    """
    rows, columns = ratio
    if columns > 1:
        change = np.repeat(change, columns, axis=1)
    if rows > 1:
        change = np.repeat(change, rows, axis=0)
    return change[: shape[0], : shape[1]]


def to_blocks(plane: Array) -> Array:
    """A plane to its blocks; sides that are not multiples of 8 are completed by repeating edges."""
    height, width = plane.shape
    if height % 8 or width % 8:
        plane = np.pad(plane, [(0, -height % 8), (0, -width % 8)], mode="edge")
    grid = plane.reshape(plane.shape[0] // 8, 8, plane.shape[1] // 8, 8)
    return np.asarray(grid.transpose(0, 2, 1, 3).reshape(-1, 64))


def from_blocks(blocks: Array, shape: tuple[int, int]) -> Array:
    """Inverse of `to_blocks`, for a plane of this shape."""
    rows, columns = -(-shape[0] // 8), -(-shape[1] // 8)
    plane = blocks.reshape(rows, columns, 8, 8).transpose(0, 2, 1, 3).reshape(rows * 8, columns * 8)
    return np.asarray(plane[: shape[0], : shape[1]])


def transform(blocks: Array, matrix: Array) -> Array:
    """Blocks [N, 64] times a matrix [64, M], `DCT` or `INVERSE_DCT` or some columns of them.

    The product is made of small ones of one size, for which no library for linear algebra starts threads of its own.
    Those would not keep to `--threads`, and with a picture in each of several threads they would wait for each other:
    the projection of a megapixel took 370 ms of CPU time on two busy cores then, and takes 36.
    """
    missing = np.zeros((-len(blocks) % _GROUP, 64), np.float32)
    whole = np.concatenate([blocks, missing]) if len(missing) else blocks
    products: Array = np.matmul(whole.reshape(-1, _GROUP, 64), matrix).reshape(-1, matrix.shape[1])
    return products[: len(blocks)]


def change_to_set(blocks: Array, centres: Array, reach: Array) -> Array:
    """What the orthogonal projection onto {blocks : |DCT(blocks) - centres| <= reach} adds to blocks of samples.

    The DCT is orthonormal, so clipping each coefficient to its interval is the nearest point in samples as well.

    Args:
        blocks: [N, 64] samples.
        centres: [N, 64] dequantised coefficients of the file.
        reach: [64] half widths of the intervals.
    """
    distances = transform(blocks, DCT)
    distances -= centres
    return step_into(distances, reach)


def step_into(distances: Array, reach: Array) -> Array:
    """The same from the distances of the coefficients [N, 64] from the centres of their intervals."""
    return step_to(np.clip(distances, -reach, reach), distances)


def step_to(targets: Array, distances: Array) -> Array:
    """What takes the coefficients of blocks from some distances to others, [N, 64] each, in samples."""
    return transform(targets - distances, INVERSE_DCT)


def complete_outside(blocks: Array, inside: npt.NDArray[np.bool_], centres: Array, reach: Array, rounds: int) -> Array:
    """Replaces the samples beyond the image's edge by ones for which the blocks come as near to their set as they can.

    What an encoder puts there is its own affair, so those samples are free. With the best ones, the step to the set
    changes inside samples only, and is the orthogonal projection of the visible samples onto all those that some
    outside samples could belong to.

    With z the outside samples, f(z) = 1/2 distance(block, set)^2 is convex and its gradient, minus the outside part of
    `change_to_set`, has Lipschitz constant 1. Nesterov's method with unit steps, started from the file's own decoded
    samples (Beck and Teboulle, FISTA, 2009; restarted where the momentum points uphill, O'Donoghue and Candes 2015).

    Args:
        blocks: [N, 64]; outside samples are ignored.
        inside: [N, 64], True where the sample belongs to the image.
        centres, reach: the set, as in `change_to_set`.
        rounds: the most steps to take; blocks that have come to rest take no more.
    """
    completed = np.where(inside, blocks, transform(centres, INVERSE_DCT))
    moving = np.arange(len(blocks))
    ahead, speed = completed.copy(), np.ones((len(blocks), 1), np.float32)
    for _ in range(rounds):
        step = np.where(inside[moving], np.float32(0), change_to_set(ahead, centres[moving], reach))
        reached = ahead + step
        advance = reached - completed[moving]
        completed[moving] = reached
        faster = (1 + np.sqrt(1 + 4 * speed**2)) / 2
        uphill = (step * advance).sum(axis=1, keepdims=True) < 0
        speed, momentum = np.where(uphill, 1, faster), np.where(uphill, 0, (speed - 1) / faster)
        active = np.abs(step).max(axis=1) > _AT_REST
        if not active.any():
            break
        moving, speed = moving[active], speed[active].astype(np.float32)
        ahead = (reached + momentum * advance)[active].astype(np.float32)
    return completed
