"""The projection onto a JPEG's DCT intervals keeps what its module promises, for files from real encoders."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as photos

from enhance.codecs.jpeg import planes as jpeg_planes
from enhance.codecs.jpeg.consistency import JpegConsistency, jpeg_consistency
from enhance.errors import DecodeError, UsageError
from enhance.images import Consistency
from enhance.system import temporary

Pixels = npt.NDArray[np.float32]

_photos: Any = photos  # without types
PHOTO = _photos.astronaut()

SUBSAMPLINGS = ["4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "gray"]
UNUSUAL_FACTORS = [
    ((4, 1), (1, 1), (1, 1)),
    ((3, 1), (1, 1), (1, 1)),
    ((2, 2), (2, 1), (1, 2)),
    ((1, 1), (2, 2), (2, 2)),
]
ODD_SIZES = [(1, 1), (1, 17), (17, 1), (17, 9), (33, 47)]
slow_examples = settings(max_examples=15)


def photo(height: int = 64, width: int = 96, *, gray: bool = False) -> Pixels:
    crop = PHOTO[90 : 90 + height, 170 : 170 + width]
    return (crop[..., 1] if gray else crop).astype(np.float32)


def encode(pixels: Pixels, **options: Any) -> bytes:
    """A JPEG from Pillow's libjpeg-turbo."""
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG", **options)
    return stream.getvalue()


def encode_with_factors(pixels: Pixels, factors: Any, quality: int) -> bytes:
    """A JPEG from libjpeg 6b, with any sampling factors."""
    if factors == "gray":
        return encode(pixels, quality=quality)
    picture = jpeglib.from_spatial(np.ascontiguousarray(pixels.astype(np.uint8)))
    picture.samp_factor = factors
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jpg"
        picture.write_spatial(str(path), qt=quality)
        return path.read_bytes()


def decode(jpeg: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(jpeg)), np.float32)


def consistency_of(jpeg: bytes) -> JpegConsistency:
    consistency, note = jpeg_consistency(jpeg, source="photo.jpg")
    assert note is None
    assert isinstance(consistency, JpegConsistency)
    assert isinstance(consistency, Consistency)
    return consistency


def note_of(jpeg: bytes) -> str:
    consistency, note = jpeg_consistency(jpeg, source="photo.jpg")
    assert consistency is None
    assert note is not None and "\n" not in note
    return note


def enhanced(jpeg: bytes, strength: float = 4, seed: int = 0) -> Pixels:
    """A picture that is near the file's, but not one of those that it stands for."""
    pixels = decode(jpeg)
    return pixels + np.random.default_rng(seed).normal(0, strength, pixels.shape).astype(np.float32)


def picture_in_the_set(consistency: JpegConsistency, rng: np.random.Generator) -> Pixels:
    """A random picture whose coefficients lie anywhere in the file's intervals, ends included."""
    layout, shape = consistency.layout, (consistency.layout.height, consistency.layout.width)
    planes = []
    for component, indices in zip(layout.components, consistency.coefficients(), strict=True):
        steps = component.steps.reshape(64)
        offsets = rng.choice([-0.499, 0.499, 0], indices.shape).reshape(-1, 64) + rng.uniform(-0.001, 0.001)
        blocks = ((indices.reshape(-1, 64) + np.clip(offsets, -0.499, 0.499)) * steps).astype(np.float32)
        samples = jpeg_planes.from_blocks(
            blocks @ jpeg_planes.INVERSE_DCT, (component.grid[0] * 8, component.grid[1] * 8)
        )
        planes.append(jpeg_planes.spread(samples, component.ratio, shape))
    pixels = jpeg_planes.join_changes(planes, layout.is_rgb)
    # Only the first plane of YCbCr carries the level shift into all of R, G and B.
    return pixels + np.float32(128)


def squared_errors(consistency: JpegConsistency, first: Pixels, second: Pixels) -> list[float]:
    """Of each plane in its own grid, then of each at full resolution, completed to whole boxes."""
    own, full = [], []
    changes = jpeg_planes.split_planes(first, consistency.layout.is_rgb)
    others = jpeg_planes.split_planes(second, consistency.layout.is_rgb)
    for change, other, component in zip(changes, others, consistency.layout.components, strict=True):
        rows, columns = component.ratio
        plane = np.float64(change) - other
        plane = np.pad(plane, [(0, -plane.shape[0] % rows), (0, -plane.shape[1] % columns)], mode="edge")
        own.append(float((jpeg_planes.box_means(plane.astype(np.float32), component.ratio) ** 2).sum()))
        full.append(float((plane**2).sum()))
    return own + full


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("factors", [*SUBSAMPLINGS, *UNUSUAL_FACTORS], ids=str)
def test_projected_planes_quantise_to_the_files_own_coefficients(factors: Any, quality: int) -> None:
    jpeg = encode_with_factors(photo(96, 96, gray=factors == "gray"), factors, quality)
    consistency = consistency_of(jpeg)
    pixels = enhanced(jpeg, strength=60)
    before = consistency.quantised_coefficients(pixels)
    assert any((part != own).any() for part, own in zip(before, consistency.coefficients(), strict=True))
    after = consistency.quantised_coefficients(consistency.project(pixels))
    for part, own in zip(after, consistency.coefficients(), strict=True):
        np.testing.assert_array_equal(part, own)


@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
@pytest.mark.parametrize("factors", SUBSAMPLINGS)
def test_blocks_across_the_edge_quantise_to_the_files_own_for_some_samples_beyond_it(
    factors: str, size: tuple[int, int]
) -> None:
    for quality in (5, 50, 90):
        jpeg = encode_with_factors(photo(*size, gray=factors == "gray"), factors, quality)
        consistency = consistency_of(jpeg)
        after = consistency.quantised_coefficients(consistency.project(enhanced(jpeg, strength=2)))
        for part, own in zip(after, consistency.coefficients(), strict=True):
            np.testing.assert_array_equal(part, own)


def errors_to_a_member(
    size: tuple[int, int], factors: str, quality: int, strength: float, seed: int
) -> tuple[list[float], list[float]]:
    """Squared errors of an enhanced picture, before and after its projection, to a picture that the file stands for."""
    jpeg = encode_with_factors(photo(*size, gray=factors == "gray"), factors, quality)
    consistency = consistency_of(jpeg)
    member = picture_in_the_set(consistency, np.random.default_rng(seed))
    pixels = enhanced(jpeg, strength, seed)
    before = squared_errors(consistency, pixels, member)
    return before, squared_errors(consistency, consistency.project(pixels), member)


@slow_examples
@given(st.sampled_from(SUBSAMPLINGS), st.integers(3, 98), st.floats(0.5, 40), st.integers(0, 2**32 - 1))
def test_no_picture_that_the_file_stands_for_gets_farther_away(
    factors: str, quality: int, strength: float, seed: int
) -> None:
    before, after = errors_to_a_member((32, 48), factors, quality, strength, seed)
    assert all(a <= b * (1 + 1e-5) + 1e-3 for a, b in zip(after, before, strict=True))


@slow_examples
@given(
    st.sampled_from(SUBSAMPLINGS),
    st.sampled_from(ODD_SIZES),
    st.integers(3, 90),
    st.floats(0.5, 4),
    st.integers(0, 999),
)
def test_nor_in_blocks_across_the_edge_beyond_the_accuracy_of_the_iteration(
    factors: str, size: tuple[int, int], quality: int, strength: float, seed: int
) -> None:
    before, after = errors_to_a_member(size, factors, quality, strength, seed)
    assert all(a <= b * (1 + 1e-4) + 1e-2 for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("size", [(64, 96), *ODD_SIZES], ids=str)
@pytest.mark.parametrize("factors", SUBSAMPLINGS)
def test_projecting_again_changes_nothing(factors: str, size: tuple[int, int]) -> None:
    jpeg = encode_with_factors(photo(*size, gray=factors == "gray"), factors, 75)
    consistency = consistency_of(jpeg)
    once = consistency.project(enhanced(jpeg))
    tolerance = 1e-3 if size == (64, 96) else 0.05
    np.testing.assert_allclose(consistency.project(once), once, atol=tolerance)


@pytest.mark.parametrize("factors", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [10, 75])
def test_the_decoders_output_and_the_original_hardly_change(factors: str, quality: int) -> None:
    original = photo(97, 131, gray=factors == "gray")
    jpeg = encode_with_factors(original, factors, quality)
    consistency = consistency_of(jpeg)
    for pixels, limit in ((original, 0.15), (decode(jpeg), 0.5)):
        change = consistency.project(pixels) - pixels
        assert np.sqrt(np.mean(change**2)) < limit
    # Not so for a picture that the file does not stand for.
    assert np.abs(consistency.project(255 - original) - (255 - original)).mean() > 5


@pytest.mark.parametrize("quality", [10, 40, 75, 95])
def test_psnr_of_a_smoothed_picture_rises(quality: int) -> None:
    original = photo(256, 256)
    jpeg = encode(original, quality=quality)
    smoothed = np.asarray(Image.open(io.BytesIO(jpeg)).resize((128, 128)).resize((256, 256)), np.float32)
    projected = consistency_of(jpeg).project(smoothed)
    assert np.mean((projected - original) ** 2) < np.mean((smoothed - original) ** 2)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 3}, {"optimize": True}], ids=str)
def test_how_the_coefficients_are_coded_makes_no_difference(options: dict[str, Any]) -> None:
    plain, coded = encode(photo(50, 70), quality=60), encode(photo(50, 70), quality=60, **options)
    assert plain != coded
    np.testing.assert_array_equal(
        consistency_of(plain).project(enhanced(plain)), consistency_of(coded).project(enhanced(plain))
    )


def test_files_that_store_rgb() -> None:
    jpeg = encode(photo(50, 70), quality=60, keep_rgb=True)
    consistency = consistency_of(jpeg)
    assert consistency.layout.is_rgb
    after = consistency.quantised_coefficients(consistency.project(enhanced(jpeg, 2)))
    for part, own in zip(after, consistency.coefficients(), strict=True):
        np.testing.assert_array_equal(part, own)


@pytest.mark.parametrize("gray", [False, True])
def test_strips_in_place_and_threads_give_the_same(gray: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = encode(photo(150, 90, gray=gray), quality=80)
    consistency, pixels = consistency_of(jpeg), enhanced(jpeg)
    kept = pixels.copy()
    expected = consistency.project(pixels)
    np.testing.assert_array_equal(pixels, kept)
    assert expected.dtype == np.float32 and expected.shape == pixels.shape
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(consistency.project, [pixels] * 8):
            np.testing.assert_array_equal(result, expected)
    monkeypatch.setattr("enhance.codecs.jpeg.consistency._STRIP_PIXELS", 1)
    np.testing.assert_allclose(consistency.project(pixels), expected, atol=1e-3)
    strips = list(consistency.project_strips(lambda rows: pixels[rows]))
    assert len(strips) > 1
    np.testing.assert_allclose(np.concatenate([values for _, values in strips]), expected, atol=1e-3)
    assert consistency.project(pixels, out=pixels) is pixels
    np.testing.assert_allclose(pixels, expected, atol=1e-3)


def test_wider_intervals_change_less() -> None:
    jpeg = encode(photo(), quality=90)
    consistency, pixels = consistency_of(jpeg), enhanced(jpeg)
    changes = [np.abs(replace(consistency, tolerance=t).project(pixels) - pixels).sum() for t in (0, 0.5, 2, 500)]
    assert changes == sorted(changes, reverse=True)
    assert changes[-1] == 0


def test_many_large_segments_do_not_matter() -> None:
    plain = encode(photo(), quality=60)
    profile = encode(photo(), quality=60, icc_profile=bytes(3_000_000), comment=b"\xff\xda\x00\x08\x01" * 50)
    profile = profile[:2] + b"\xff\xfe\x00\x04hi" * 80 + profile[2:]
    np.testing.assert_array_equal(
        consistency_of(profile).project(enhanced(plain)), consistency_of(plain).project(enhanced(plain))
    )


def test_many_comments_between_scans_do_not_matter() -> None:
    plain = encode(photo(), quality=60, progressive=True)
    head, tail = plain.rsplit(b"\xff\xda", 1)
    commented = head + b"\xff\xfe\x00\x04hi" * 60 + b"\xff\xda" + tail
    for part, own in zip(consistency_of(commented).coefficients(), consistency_of(plain).coefficients(), strict=True):
        np.testing.assert_array_equal(part, own)


def _cut_after_scans(jpeg: bytes, scans: int) -> bytes:
    parts = jpeg.split(b"\xff\xda")
    return b"\xff\xda".join(parts[: scans + 1]) + b"\xff\xd9"


def _cmyk(_: bytes) -> bytes:
    stream = io.BytesIO()
    Image.new("CMYK", (20, 20)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_cmyk, "CMYK"),
        (lambda jpeg: _cut_after_scans(jpeg, 2), "last scans are missing"),
        (lambda jpeg: jpeg.replace(b"\xff\xc2\x00\x11\x08", b"\xff\xc2\x00\x11\x0c"), "12 bits"),
        (lambda jpeg: jpeg.replace(b"\xff\xc2\x00\x11\x08", b"\xff\xc3\x00\x11\x08"), "lossless"),
        (lambda jpeg: jpeg.replace(b"\x01\x22\x00\x02\x11", b"\x01\x23\x00\x02\x12"), "whole-number"),
        (lambda _: b"", "JPEG"),
        (lambda _: b"\xff\xd8\xff", "JPEG"),
        (lambda jpeg: jpeg[:200], "JPEG"),
    ],
)
def test_a_file_that_has_no_projection_says_why(make: Callable[[bytes], bytes], reason: str) -> None:
    assert reason in note_of(make(encode(photo(), quality=50, progressive=True)))


def test_without_jpeglib_there_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "jpeglib" in note_of(encode(photo()))


def test_an_image_of_another_shape_is_refused() -> None:
    consistency = consistency_of(encode(photo()))
    for pixels in (photo(gray=True), photo(64, 95)):
        with pytest.raises(UsageError, match="shape"):
            consistency.project(pixels)
    with pytest.raises(UsageError, match="shape"):
        list(consistency.project_strips(lambda rows: photo(1)))


def test_unreadable_coefficients_are_an_error_that_names_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_home", None)
    consistency, pixels = consistency_of(encode(photo())), photo()
    consistency.project(pixels)
    head = consistency.jpeg.index(b"\xff\xc4")
    broken = replace(consistency, jpeg=consistency.jpeg[: head + 4] + b"\x77" + consistency.jpeg[head + 5 :])
    with pytest.raises(DecodeError, match=r"photo\.jpg: .*coefficients: Bogus DHT index"):
        broken.project(pixels)
    consistency.project(pixels)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]
    assert capfd.readouterr() == ("", "")


# Run on its own, with threads for numpy's products to be found idle. Prints the CPU time of the others, and of its own.
OTHER_THREADS = """
import io, threading, time
from pathlib import Path
import numpy as np
from PIL import Image
from enhance.codecs.registry import decode
from enhance.images import Trust
from enhance.inference.reconstruction import reconstruct

def ticks():
    times = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        times[int(task.name)] = int(fields[11]) + int(fields[12])
    own = times.pop(threading.get_native_id())
    return np.array([sum(times.values()), own])

noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
file = io.BytesIO()
Image.fromarray(noise).resize((1024, 1024)).save(file, "JPEG", quality=30)
decoded = decode(file.getvalue())
change = np.random.default_rng(1).normal(0, 5, decoded.pixels.shape).astype(np.float32)
large = np.ones((512, 512), np.float32)
large @ large
time.sleep(1)  # the library's threads look for more work for a while
before = ticks()
for _ in range(4):
    decoded.consistency.project(change)
    reconstruct(decoded.pixels, lambda rows: change[rows], decoded.consistency, trust=Trust(0.9, 0.8, 0.02, 0.2))
print(*(ticks() - before))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="times of threads are read from /proc")
@pytest.mark.slow
def test_the_projection_keeps_to_the_thread_that_asks_for_it() -> None:
    threads = {f"{library}_NUM_THREADS": "4" for library in ("OPENBLAS", "MKL", "OMP", "BLIS")}
    command = [sys.executable, "-c", OTHER_THREADS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | threads)
    others, own = map(int, done.stdout.split())
    assert own > 5 and others <= 0.1 * own
