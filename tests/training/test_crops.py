"""Crops: reproducible, aligned pairs from folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from enhance.codecs.conditioning import SIZE
from enhance.errors import DecodeError, UsageError
from enhance.training.crops import RandomCrops, batches, find_images, load_image, load_readable
from enhance.training.degradation import JpegDegradation
from enhance.training.sources import Shares, Source

PHOTOS = [np.asarray(data.astronaut()), np.asarray(data.chelsea())]


def crops(seed: int = 0) -> RandomCrops:
    return RandomCrops(Source(PHOTOS, PHOTOS[:1]), 32, JpegDegradation(), seed)


def test_a_batch_has_the_promised_shapes() -> None:
    original, base, conditioning, level = next(batches(crops(), 4, workers=0, pin=False))
    assert original.shape == base.shape == (4, 3, 32, 32)
    assert original.dtype == base.dtype == torch.uint8
    assert conditioning.shape == (4, SIZE) and conditioning.dtype == torch.float32
    assert level.shape == (4,) and bool(((level >= 1) & (level <= 100)).all())


def test_original_and_base_show_the_same_place() -> None:
    source = Source(PHOTOS, shares=Shares(drawings=0, neutral=0.1, varied=0))
    stream = iter(RandomCrops(source, 64, JpegDegradation((60, 60), resaved_share=0.3), 0))
    for _ in range(40):
        original, base, _, _ = next(stream)
        assert (original.float() - base.float()).abs().mean() < 12


def test_the_seed_decides_the_stream() -> None:
    first, again, other = (next(batches(crops(seed), 3, workers=0, pin=False)) for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not torch.equal(first[0], other[0])


def test_drawing_in_the_training_process_leaves_its_threads_alone() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        next(batches(crops(), 2, workers=0, pin=False))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_workers_give_different_crops() -> None:
    stream = batches(crops(), 2, workers=2, pin=False)
    assert not torch.equal(next(stream)[0], next(stream)[0])


def test_folders_are_searched_and_damage_is_named(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    Image.fromarray(PHOTOS[0]).save(tmp_path / "deep" / "a.png")
    Image.fromarray(PHOTOS[1][:16]).save(tmp_path / "small.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    paths = find_images([tmp_path])
    assert [path.name for path in paths] == ["a.png", "small.PNG"]
    assert np.array_equal(load_image(paths[0]), PHOTOS[0])
    (tmp_path / "broken.png").write_bytes(b"not a png")
    with pytest.raises(DecodeError, match=r"broken\.png"):
        load_image(tmp_path / "broken.png")


def test_hidden_and_damaged_files_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(PHOTOS[0]).save(tmp_path / "a.png")
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\x16\7 resource fork")
    (tmp_path / ".thumbnails").mkdir()
    Image.fromarray(PHOTOS[0]).save(tmp_path / ".thumbnails" / "b.png")
    (tmp_path / "broken.png").write_bytes(b"not a png")
    paths = find_images([tmp_path])
    assert [path.name for path in paths] == ["a.png", "broken.png"]
    assert len(load_readable(paths)) == 1
    assert "1 of 2 images cannot be read and are left out" in caplog.text and "broken.png" in caplog.text


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images"):
        find_images([tmp_path])
    with pytest.raises(UsageError, match="not a folder"):
        find_images([tmp_path / "absent"])
