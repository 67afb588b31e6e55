"""Pictures that are decoded once and mapped into memory."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.errors import UsageError
from enhance.training import decoded
from enhance.training.decoded import DecodedPictures, decode_once

PHOTOS = [np.asarray(data.astronaut())[:96, :80], np.asarray(data.chelsea())[:64, :128]]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = []
    for name, photo in zip(("a", "b"), PHOTOS):
        (tmp_path / name).mkdir()
        made.append(tmp_path / name / "same_name.png")
        Image.fromarray(photo).save(made[-1])
    return made


def take(paths: list[Path], folder: Path, smallest: int = 32) -> DecodedPictures:
    return decode_once(paths, folder, smallest=smallest, workers=1, progress=False)


def test_pictures_come_back_as_they_are(paths: list[Path], tmp_path: Path) -> None:
    pictures = take(paths, tmp_path / "cache")
    assert len(pictures) == 2 and pictures.shapes == [photo.shape for photo in PHOTOS]
    for picture, photo in zip(pictures, PHOTOS):
        assert picture.dtype == np.uint8 and np.array_equal(picture, photo)
        assert not picture.flags.writeable and picture.base is not None, "mapped, not read"
    assert np.array_equal(pictures[1:][0], PHOTOS[1])
    with pytest.raises(IndexError):
        pictures[2]


def test_a_picture_is_decoded_once_and_again_when_it_changes(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(paths, tmp_path / "cache")
    files = sorted((tmp_path / "cache").iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    take(paths, tmp_path / "cache")
    assert sorted((tmp_path / "cache").iterdir()) == files
    assert [file.stat().st_mtime_ns for file in files] == times
    Image.fromarray(PHOTOS[0][::-1]).save(paths[0])
    os.utime(paths[0], ns=(1, 1))
    assert np.array_equal(take(paths, tmp_path / "cache")[0], PHOTOS[0][::-1])


def test_more_pictures_than_may_be_mapped(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded, "_MAPS", 1)
    pictures = take(paths, tmp_path / "cache")
    for _ in range(2):
        assert all(np.array_equal(picture, photo) for picture, photo in zip(pictures, PHOTOS))
    assert pictures[0] is pictures[0] and pictures[1] is not pictures[1]


def test_small_and_damaged_pictures_are_told(
    paths: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        kept = take(paths, tmp_path / "cache", smallest=70)
    assert [picture.shape for picture in kept] == [PHOTOS[0].shape]
    assert "1 of 2 images" in caplog.text
    with pytest.raises(UsageError, match="as large as a crop"):
        take(paths, tmp_path / "cache", smallest=4096)
    paths[0].write_bytes(b"not a png")
    for _ in range(2):
        assert len(take(paths, tmp_path / "cache")) == 1
        assert not [file for file in (tmp_path / "cache").iterdir() if file.suffix != ".npy"]
    assert "1 of 2 images cannot be read and are left out" in caplog.text and "same_name.png" in caplog.text
    paths[1].write_bytes(b"not a png")
    with pytest.raises(UsageError, match="none of 2 images can be read"):
        take(paths, tmp_path / "cache")
