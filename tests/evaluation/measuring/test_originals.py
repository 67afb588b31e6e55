"""Which originals are taken, and as what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.evaluation.measuring.originals import find_originals, load_original


def test_originals_are_found_by_name(originals: Path) -> None:
    assert [path.name for path in find_originals(originals)] == ["one.png", "two.png"]
    assert [path.name for path in find_originals(originals, ["two"])] == ["two.png"]
    assert [path.name for path in find_originals(originals, ["one.png"])] == ["one.png"]
    with pytest.raises(UsageError, match="no image is called three"):
        find_originals(originals, ["one", "three"])


def test_folders_without_originals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no originals"):
        find_originals(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        find_originals(tmp_path / "missing")


def test_originals_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"garbage")
    with pytest.raises(DecodeError, match=r"broken\.png"):
        load_original(tmp_path / "broken.png")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UnsupportedImageError, match="8 bits"):
        load_original(tmp_path / "deep.png")


def test_a_webp_is_an_original_only_without_loss(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    for name, lossless in (("good", True), ("bad", False)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.webp", lossless=lossless)
    assert np.array_equal(load_original(tmp_path / "good.webp"), pixels)
    with pytest.raises(UnsupportedImageError, match="lossy"):
        load_original(tmp_path / "bad.webp")


@pytest.mark.parametrize(
    ("kind", "mode", "shape"),
    [
        ("RGB", None, (40, 48, 3)),
        ("RGB", "L", (40, 48)),
        ("L", None, (40, 48)),
        ("L", "RGB", (40, 48, 3)),
        ("RGBA", None, (40, 48, 3)),
    ],
)
def test_kinds_of_originals(originals: Path, kind: str, mode: str | None, shape: tuple[int, ...]) -> None:
    Image.open(originals / "one.png").convert(kind).save(originals / "x.png")
    assert load_original(originals / "x.png", mode).shape == shape


def test_what_is_no_original_is_left_out_with_a_note_unless_it_is_named(
    originals: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (originals / "._one.png").write_bytes(b"\0\5\x16\7 resource fork")
    (originals / "broken.png").write_bytes(b"garbage")
    Image.new("RGB", (8, 8)).save(originals / "lossy.webp", quality=50)
    assert [path.name for path in find_originals(originals)] == ["one.png", "two.png"]
    assert "lossy.webp: a lossy WebP is no original" in caplog.text and "broken.png" in caplog.text
    assert [path.name for path in find_originals(originals, ["lossy"])] == ["lossy.webp"]
