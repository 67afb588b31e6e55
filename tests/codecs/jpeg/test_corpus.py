"""Difficult files from other projects' test suites and fuzzers: each decodes, or gives one clear error."""

from __future__ import annotations

import csv
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.codecs.registry import decode
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.images import Pixels

CORPUS = Path(__file__).parents[3] / ".." / "shared" / "data" / "jpeg_corpus"
pytestmark = pytest.mark.skipif(not (CORPUS / "INDEX.tsv").exists(), reason="the corpus is not here")


# Pillow fills up with gray what these files lack.
STRICTER = ("truncated: ", "a quantisation table is missing", "a lossless JPEG")


def rows() -> list[dict[str, str]]:
    index = CORPUS / "INDEX.tsv"
    return list(csv.DictReader(index.read_text("utf-8").splitlines(), delimiter="\t")) if index.exists() else []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["file"][-60:])
def test_every_file_decodes_or_gives_one_clear_error(row: dict[str, str]) -> None:
    path, started = CORPUS / row["file"], time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = decode(path)
    except EnhanceError as error:
        assert isinstance(error, (DecodeError, UnsupportedImageError))
        assert error.source == str(path) and error.reason and error.hint and "\n" not in str(error)
        decoded, stricter = None, error.reason.startswith(STRICTER)
    else:
        stricter = False
        decoded = image.pixels
        assert decoded.shape[1] == int(row["pillow"] or image.details["width"])
        assert decoded.shape[:2] == (image.details["height"], image.details["width"])
    assert time.process_time() - started < 10
    features = row["features"].split(",")
    if any(feature.startswith(("looks_", "prec", "lossless", "zero_dim", "nc")) for feature in features):
        assert decoded is None
        return
    expected = pillow_pixels(path)
    # Pillow gives up some damaged files that libjpeg reads to their end; then the damage is told.
    told = decoded is not None and any(note.startswith("damaged: ") for note in image.notes)
    assert (decoded is None) == ((expected is None and not told) or stricter)
    if expected is not None and decoded is not None:
        np.testing.assert_array_equal(decoded, expected)


def pillow_pixels(path: Path) -> Pixels | None:
    """What Pillow alone makes of a file; None where it raises anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=["JPEG"]) as image:
                return np.asarray(image.convert("RGB") if image.mode == "CMYK" else image)
        except Exception:
            return None
