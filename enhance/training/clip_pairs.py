"""Training pairs for VVC video: clips drawn from photos, coded once as video, of which some pictures are kept.

They are files as those of `enhance.training.vvc_pairs`; the QP in their names is the rate that pictures of a video are
enhanced with (`enhance.codecs.vvc.reference_qp`), not that of their slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from enhance.codecs.vvc.encoding import ClipCoding, encode_clip
from enhance.frames.colour import yuv_to_rgb
from enhance.frames.depth import to_dtype
from enhance.training.clips import draw_clip
from enhance.training.crops import load_image
from enhance.training.degradation import Uint8
from enhance.training.vvc_pairs import CodedSquare, save_pair

SIDE = 256
FRAMES = 33
KEPT = 8
"""Pictures of a clip that are kept: neighbours are much alike."""
QP_RANGE = (22, 47)
_PHOTOS = 3
_ADAPTED_SHARE, _LOW_DELAY_SHARE = 0.5, 0.25
_SMALLEST = 3 * SIDE // 4  # of a photo's sides


def draw_coding(rng: np.random.Generator) -> ClipCoding:
    """A coding drawn by chance: random access or low delay, with perceptual adaptation or without."""
    return ClipCoding(
        int(rng.integers(QP_RANGE[0], QP_RANGE[1] + 1)),
        adapts=bool(rng.random() < _ADAPTED_SHARE),
        low_delay=bool(rng.random() < _LOW_DELAY_SHARE),
        intra_seconds=int(rng.integers(1, 3)),
    )


def code_clips(
    photos: Sequence[Path], cache: Path, *, clips: int, seed: int = 0, workers: int = 1
) -> list[CodedSquare]:
    """Draws and codes clips; those that the cache holds are not coded again.

    Args:
        photos: images without visible compression; those with a side below 192 are left out.
        cache: folder of the pairs, made if it is missing.
        clips: how many.
        seed: of the clips and their coding.
        workers: clips at a time.

    Returns:
        `KEPT` pairs of each clip.
    """
    cache.mkdir(parents=True, exist_ok=True)

    def code(number: int) -> list[CodedSquare]:
        name = f"clip{seed}-{number}"
        kept = [CodedSquare.of(path) for path in sorted(cache.glob(f"{name}_*_qp*.npy"))]
        return kept if len(kept) == KEPT else _code_clip(name, photos, cache, np.random.default_rng([seed, number]))

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        coded = tqdm(pool.map(code, range(clips)), desc="coding", unit="clip", total=clips)
        return [pair for pairs in coded for pair in pairs]


def _code_clip(name: str, photos: Sequence[Path], cache: Path, rng: np.random.Generator) -> list[CodedSquare]:
    clip = draw_clip(rng, _draw_photos(photos, rng), frames=FRAMES, height=SIDE, width=SIDE)
    return keep_frames(name, clip, cache, rng)


def keep_frames(name: str, clip: Uint8, cache: Path, rng: np.random.Generator) -> list[CodedSquare]:
    """Codes a clip in a way drawn by chance, and keeps `KEPT` of its frames as pairs NAME_FRAME_qpQP.

    Args:
        name: of the clip.
        clip: uint8 [frames, H, W, 3] RGB.
        cache: folder of the pairs.
        rng: of the coding and the frames.
    """
    from enhance.codecs.vvc.decoder import open_vvc

    chosen = set(rng.choice(len(clip), KEPT, replace=False).tolist())
    pairs = []
    with open_vvc(encode_clip(list(clip), draw_coding(rng)), source_name=name, decoder="ffmpeg") as stream:
        for number, picture in enumerate(stream):
            if number in chosen:
                pixels = np.clip(yuv_to_rgb(picture.planes, picture.frame, stream.space), 0, 1)
                pair = CodedSquare.of(cache / f"{name}_{number:02d}_qp{round(picture.rate.qp)}.npy")
                save_pair(pair, clip[number], to_dtype(pixels, np.uint16))
                pairs.append(pair)
    return pairs


def _draw_photos(photos: Sequence[Path], rng: np.random.Generator) -> list[Uint8]:
    """A few photos that are large enough, or the last that was looked at."""
    found: list[Uint8] = []
    for index in rng.permutation(len(photos)):
        photo = load_image(photos[int(index)])
        if min(photo.shape[:2]) >= _SMALLEST:
            found.append(photo)
        if len(found) == _PHOTOS:
            break
    return found or [photo]
