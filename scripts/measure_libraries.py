#!/usr/bin/env python3
"""Measures whether OpenCV or kornia would serve better than what is there, in what both can do.

Each row has the CPU seconds of both sides in one process, in turn (medians), and what else tells: bytes of files, the
largest difference of values. `docs/architecture.md` says what was decided.

    PYTHONPATH=.:scripts python scripts/measure_libraries.py --side 1000 --repeats 5
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import kornia
import numpy as np
import numpy.typing as npt
import torch
from benchmarks.photos import synthetic_photo
from PIL import Image

from enhance.frames import colour
from enhance.frames.format import ColorSpace, FrameFormat
from enhance.images import Metadata
from enhance.output.high_depth import encode_png16

cv: Any = cv2
Task = Callable[[], Any]
Float = npt.NDArray[np.float32]


def cpu_seconds(ours: Task, theirs: Task, repeats: int) -> tuple[float, float]:
    """Medians of both, in turn, one run of each before that is not counted."""
    ours(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for task, runs in zip((ours, theirs), times):
            began = time.process_time()
            task()
            runs.append(time.process_time() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def row(name: str, ours: Task, theirs: Task, repeats: int, **more: Any) -> dict[str, Any]:
    """One comparison, plain values."""
    first, second = cpu_seconds(ours, theirs, repeats)
    return {"what": name, "ours": first, "theirs": second, "ours_over_theirs": first / second, **more}


def png16(photo: npt.NDArray[np.uint8], repeats: int) -> list[dict[str, Any]]:
    """A 16-bit PNG with EXIF, XMP and ICC profile: our encoder beside OpenCV's, for each of its levels."""
    deep = photo.astype(np.uint16) * 257 + np.random.default_rng(0).integers(0, 257, photo.shape, np.uint16)
    exif = Image.Exif()
    exif[271] = "maker"
    block = exif.tobytes()
    bgr = np.ascontiguousarray(deep[..., ::-1])

    def ours() -> bytes:
        return encode_png16(deep, Metadata(exif=block, dpi=(300.0, 300.0)), {"Comment": "text"})

    found = []
    for level in (1, 3, 6):
        options = [cv.IMWRITE_PNG_COMPRESSION, level, cv.IMWRITE_PNG_FILTER, cv.IMWRITE_PNG_FILTER_UP]

        def theirs(options: list[int] = options) -> bytes:
            content = np.frombuffer(block, np.uint8)
            done, coded = cv.imencodeWithMetadata(".png", bgr, [cv.IMAGE_METADATA_EXIF], [content], options)
            assert done
            return bytes(coded)

        back = Image.open(io.BytesIO(theirs()))
        sizes = {"our_bytes": len(ours()), "their_bytes": len(theirs()), "their_info": sorted(back.info)}
        found.append(row(f"16-bit PNG, OpenCV's level {level}", ours, theirs, repeats, **sizes))
    return found


def doubled(samples: Float, axis: int, offset: float) -> Float:
    """What `colour._double` does, by OpenCV's separable filter; only its edges are another matter."""
    result = np.empty([side * (2 if axis == at else 1) for at, side in enumerate(samples.shape)], np.float32)
    for first, position in enumerate((-offset / 2, (1 - offset) / 2)):
        kernel, one = _kernel(colour._taps(position, 1.0)), np.ones(1, np.float32)
        x, y = (one, kernel) if axis == 0 else (kernel, one)
        filtered = cv.sepFilter2D(samples, cv.CV_32F, x, y, borderType=cv.BORDER_REPLICATE)
        result[(slice(first, None, 2), slice(None)) if axis == 0 else (slice(None), slice(first, None, 2))] = filtered
    return result


def halved(samples: Float, axis: int, offset: float) -> Float:
    """What `colour._halve` does; every second value is computed in vain."""
    kernel, one = _kernel(colour._taps(offset, 2.0)), np.ones(1, np.float32)
    x, y = (one, kernel) if axis == 0 else (kernel, one)
    filtered = cv.sepFilter2D(samples, cv.CV_32F, x, y, borderType=cv.BORDER_REPLICATE)
    return np.ascontiguousarray(filtered[::2] if axis == 0 else filtered[:, ::2])


def _kernel(taps: tuple[tuple[int, np.float32], ...]) -> Float:
    reach = max(abs(place) for place, _ in taps)
    kernel = np.zeros(2 * reach + 1, np.float32)
    for place, weight in taps:
        kernel[reach + place] = weight
    return kernel


def chroma(side: int, repeats: int) -> list[dict[str, Any]]:
    """Chroma of a frame of side x side samples to luma's resolution and back, and what that is of the whole frame."""
    values = np.random.default_rng(0).standard_normal((side // 2, side // 2)).astype(np.float32)
    large = np.random.default_rng(1).standard_normal((side, side)).astype(np.float32)

    def up(double: Callable[[Float, int, float], Float]) -> Float:
        return double(double(values, 0, 0.5), 1, 0.0)

    def down(halve: Callable[[Float, int, float], Float]) -> Float:
        return halve(halve(large, 0, 0.5), 1, 0.0)

    frame, space = FrameFormat(side, side), ColorSpace()
    planes = tuple(np.full(shape, 100, np.uint8) for shape in frame.plane_shapes)
    whole, _ = cpu_seconds(lambda: colour.yuv_to_rgb(planes, frame, space), lambda: None, repeats)
    return [
        row("one plane of chroma doubled", lambda: up(colour._double), lambda: up(doubled), repeats,
            largest_difference=float(np.abs(up(colour._double) - up(doubled)).max()), whole_frame_to_rgb=whole),
        row("one plane halved", lambda: down(colour._halve), lambda: down(halved), repeats,
            largest_difference=float(np.abs(down(colour._halve) - down(halved)).max())),
    ]  # fmt: skip


_AVIF = [cv.IMWRITE_AVIF_QUALITY, 90, cv.IMWRITE_AVIF_SPEED, 6]


def lossy(photo: npt.NDArray[np.uint8], repeats: int) -> list[dict[str, Any]]:
    """WebP and AVIF at quality 90, AVIF at speed 6: Pillow, which keeps all metadata, beside OpenCV."""
    picture, bgr = Image.fromarray(photo), np.ascontiguousarray(photo[..., ::-1])
    found = []
    for name, options in (("webp", [cv.IMWRITE_WEBP_QUALITY, 90]), ("avif", _AVIF)):

        def ours(name: str = name) -> bytes:
            stream = io.BytesIO()
            picture.save(stream, name, quality=90, **({"speed": 6} if name == "avif" else {}))
            return stream.getvalue()

        def theirs(name: str = name, options: list[int] = options) -> bytes:
            done, coded = cv.imencode(f".{name}", bgr, options)
            assert done
            return bytes(coded)

        try:
            theirs()
        except cv.error as error:
            found.append({"what": name, "left_out": str(error).strip()})
            continue
        sizes = {"our_bytes": len(ours()), "their_bytes": len(theirs())}
        errors = {"our_mse": _mse(photo, ours()), "their_mse": _mse(photo, theirs())}
        found.append(row(name, ours, theirs, repeats, **sizes, **errors))
    return found


def _mse(photo: npt.NDArray[np.uint8], coded: bytes) -> float:
    back = np.asarray(Image.open(io.BytesIO(coded)).convert("RGB"), np.float64)
    return float(np.square(back - photo).mean())


def augmentation(side: int, repeats: int) -> list[dict[str, Any]]:
    """Crops of training, flipped: views of bytes, as they are made before they are coded, beside kornia's."""
    photo = torch.from_numpy(synthetic_photo(side, side)).permute(2, 0, 1)
    corners = [(8 * number, 8 * number) for number in range(16)]
    flips = kornia.augmentation.RandomHorizontalFlip(p=0.5)

    def crops() -> list[torch.Tensor]:
        return [photo[:, top : top + 128, left : left + 128] for top, left in corners]

    def ours() -> torch.Tensor:
        return torch.stack([crop.flip(-1) if index % 2 else crop for index, crop in enumerate(crops())])

    def theirs() -> torch.Tensor:
        result: torch.Tensor = flips(torch.stack(crops()).float() / 255)
        return result

    def matrix() -> torch.Tensor:
        weights = torch.tensor([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
        return torch.einsum("ij,njhw->nihw", weights, batch)

    batch = torch.stack(crops()).float() / 255
    return [
        row("16 crops of 128x128, flipped", ours, theirs, repeats),
        row("the same to YCbCr", matrix, lambda: kornia.color.rgb_to_ycbcr(batch), repeats),
    ]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1000, help="of the pictures, in pixels (default: 1000)")
    parser.add_argument("--repeats", type=int, default=5, help="counted runs of each side (default: 5)")
    options = parser.parse_args(argv)
    cv.setNumThreads(1)
    torch.set_num_threads(1)
    photo = synthetic_photo(options.side, options.side)
    parts = (
        png16(photo, options.repeats), chroma(options.side, options.repeats), lossy(photo, options.repeats),
        augmentation(options.side, options.repeats),
    )  # fmt: skip
    for part in parts:
        for each in part:
            print(json.dumps(each))


if __name__ == "__main__":
    main()
