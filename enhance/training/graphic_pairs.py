"""Training pairs for VVC of what is no photo: squares of graphics and drawings, and recordings of screens.

They are files as those of `enhance.training.vvc_pairs`, so that later runs find them there.

    graphicSEED-N_qpQP.npy        a square, coded as an intra picture
    screenSEED-N_FRAME_qpQP.npy   a frame of a recording, coded as video (`enhance.training.clip_pairs`)
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from enhance.codecs.vvc.encoding import ClipCoding, encode_clip
from enhance.system.progress import progress_bar
from enhance.training.clip_pairs import FRAMES, KEPT, SIDE, keep_frames
from enhance.training.degradation import Uint8
from enhance.training.screen_clips import Pictures, draw_screen_clip
from enhance.training.sources import Source
from enhance.training.vvc_pairs import QP_RANGE, CodedSquare, decode_vvc, save_pair

_CLIP_SHARE = 0.5
"""Of the pairs that are frames of recordings."""
_ADAPTED_SHARE = 0.4
_ASKED_QPS = 25, 50
"""What libvvenc is asked for; the slices of an intra picture have 3 less."""
_PHOTO_SIDE = 512


def code_graphics(
    source: Source, cache: Path, *, pairs: int, preset: str = "faster", seed: int = 0, workers: int = 1
) -> list[CodedSquare]:
    """Draws and codes squares and recordings; those that the cache holds are not coded again.

    Args:
        source: of graphics and drawings, which come in the ratio of their shares, and of the photos in some of them.
        cache: folder of the pairs, made if it is missing.
        pairs: how many; half of them are frames of recordings, eight of each.
        preset: of libvvenc, for the squares.
        seed: of the pictures and their coding.
        workers: encoders at a time.
    """
    cache.mkdir(parents=True, exist_ok=True)
    clips = round(pairs * _CLIP_SHARE / KEPT)

    def square(number: int) -> list[CodedSquare]:
        name = f"graphic{seed}-{number}"
        return _kept(cache, f"{name}_qp*.npy", 1) or [_code_square(name, source, cache, _rng(name), preset)]

    def clip(number: int) -> list[CodedSquare]:
        name = f"screen{seed}-{number}"
        return _kept(cache, f"{name}_*_qp*.npy", KEPT) or _code_screen(name, source, cache, _rng(name))

    with ThreadPoolExecutor(max(workers, 1)) as pool:  # the work is done by the codec's processes
        coded = chain(pool.map(clip, range(clips)), pool.map(square, range(pairs - clips * KEPT)))
        shown = progress_bar("coding graphics", clips + pairs - clips * KEPT, iterable=coded, unit="file")
        return [pair for found in shown for pair in found]


def _kept(cache: Path, names: str, count: int) -> list[CodedSquare]:
    """The pairs of these names, or none where some are missing."""
    found = [CodedSquare.of(path) for path in sorted(cache.glob(names))]
    return found if len(found) == count else []


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng([*name.encode()])


def _code_square(name: str, source: Source, cache: Path, rng: np.random.Generator, preset: str) -> CodedSquare:
    picture = _pictures(source, rng).whole(SIDE)
    qp = int(rng.integers(_ASKED_QPS[0], _ASKED_QPS[1] + 1))
    coding = ClipCoding(qp, adapts=bool(rng.random() < _ADAPTED_SHARE), preset=preset)
    pixels, told = decode_vvc(encode_clip([picture], coding), name)
    # The QP that is estimated of a nearly empty square may be far below any that was coded, and mean nothing.
    pair = CodedSquare.of(cache / f"{name}_qp{round(min(max(told, QP_RANGE[0]), QP_RANGE[1]))}.npy")
    save_pair(pair, picture, pixels)
    return pair


def _code_screen(name: str, source: Source, cache: Path, rng: np.random.Generator) -> list[CodedSquare]:
    clip = draw_screen_clip(rng, _pictures(source, rng), frames=FRAMES, side=SIDE)
    return keep_frames(name, clip, cache, rng)


def _pictures(source: Source, rng: np.random.Generator) -> Pictures:
    def graphic(side: int) -> Uint8:
        return source.square(rng, source.pick_graphic(rng), side)

    def photo() -> Uint8:
        return source.photo(rng, _PHOTO_SIDE)

    return Pictures(graphic, photo)
