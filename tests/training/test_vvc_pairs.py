"""Pairs for VVC: coded and decoded once, kept, cropped the same way on both sides."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from enhance.cli.main import main
from enhance.codecs.conditioning import SIZE
from enhance.codecs.vvc.encoding import encode_vvc
from enhance.errors import DecodeError, UsageError
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import UNetConfig
from enhance.training import vvc_pairs
from enhance.training.vvc_pairs import (
    CodedSquare,
    PairCrops,
    calibrate_pairs,
    code_photos,
    code_pictures,
    find_pairs,
    find_streams,
    name_of,
    take_streams,
)

TINY = UNetConfig(widths=(4, 4, 4, 4), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """holiday/cat.png, 128x96, and holiday/cup.png, 144x112."""
    folder = tmp_path_factory.mktemp("photos") / "holiday"
    folder.mkdir()
    Image.fromarray(data.chelsea()[60:156, 100:228]).save(folder / "cat.png")
    Image.fromarray(data.coffee()[100:212, 200:344]).save(folder / "cup.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def pairs(photos: list[Path], cache: Path) -> list[CodedSquare]:
    return code_photos(photos, cache, squares=2, preset="faster")


def squared_error(pair: CodedSquare) -> float:
    return float(np.mean((np.load(pair.original) - np.load(pair.base) / 257.0) ** 2))


def test_squares_are_coded_at_the_qp_they_are_named_after(pairs: list[CodedSquare], cache: Path) -> None:
    """`decode_vvc` compares the name with what the stream's headers say, so a wrong offset would have raised."""
    assert len(pairs) == 4 and len({pair.base for pair in pairs}) == 4
    for pair in pairs:
        assert pair.base.parent == cache and pair.base.name.endswith(f"_qp{pair.qp:g}.npy")
        original, base = np.load(pair.original), np.load(pair.base)
        assert original.dtype == np.uint8 and base.dtype == np.uint16 and original.shape == base.shape
        assert 0 < squared_error(pair) < 400
    assert len(np.unique(np.load(pairs[0].base) % 257)) > 1, "decoded pictures keep more than 8 bits"


def test_a_kept_pair_is_not_made_again(
    photos: list[Path], cache: Path, pairs: list[CodedSquare], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> bytes:
        raise AssertionError("coded again")

    monkeypatch.setattr(vvc_pairs, "encode_vvc", never)
    assert code_photos(photos, cache, squares=2, preset="faster") == pairs
    with pytest.raises(AssertionError, match="coded again"):
        code_photos(photos, cache, squares=2, preset="fast")


def test_pairs_of_earlier_runs_are_found(pairs: list[CodedSquare], cache: Path, tmp_path: Path) -> None:
    assert find_pairs([cache]) == sorted(pairs, key=lambda pair: pair.base)
    assert len(find_pairs([cache, cache])) == 2 * len(pairs), "a folder named twice counts twice"
    with pytest.raises(UsageError, match="no pairs"):
        find_pairs([tmp_path])
    (tmp_path / pairs[0].base.name).write_bytes(pairs[0].base.read_bytes())
    with pytest.raises(UsageError, match="original is missing"):
        find_pairs([tmp_path])
    (tmp_path / "a_qphigh.npy").write_bytes(b"")
    with pytest.raises(UsageError, match="no QP in its name"):
        find_pairs([tmp_path])


def test_streams_are_matched_with_the_central_squares_of_their_originals(photos: list[Path], tmp_path: Path) -> None:
    streams = tmp_path / "streams"
    streams.mkdir()
    original = np.asarray(Image.open(photos[0]))
    for qp in (22, 42):
        (streams / f"holiday_cat_qp{qp}.266").write_bytes(encode_vvc(original[16:80, 24:104], qp, preset="faster"))
    coarse, fine = sorted(take_streams(find_streams([streams]), photos, tmp_path / "cache"), key=lambda pair: -pair.qp)
    assert (coarse.qp, fine.qp) == (42, 22)
    assert np.array_equal(np.load(fine.original), original[16:80, 24:104])
    assert squared_error(fine) < 25 < squared_error(coarse)


def test_streams_that_do_not_fit_are_refused(photos: list[Path], tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    (tmp_path / "holiday_dog_qp30.266").write_bytes(encode_vvc(picture, 30, preset="faster"))
    with pytest.raises(UsageError, match="no photo"):
        take_streams(find_streams([tmp_path]), photos, tmp_path / "cache")
    (tmp_path / "holiday_dog_qp30.266").rename(tmp_path / "holiday_cat_qp31.266")
    with pytest.raises(DecodeError, match="slice QP is 30"):
        take_streams(find_streams([tmp_path]), photos, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir()), "nothing is kept of a stream that was refused"
    with pytest.raises(UsageError, match="no streams"):
        find_streams([tmp_path / "cache"])


def test_crops_show_the_same_place_in_the_same_orientation(pairs: list[CodedSquare]) -> None:
    crops = PairCrops(pairs, 64, seed=3)
    seen = list(islice(crops, 24))
    for original, decoded, conditioning, qp in seen:
        assert original.shape == decoded.shape == (3, 64, 64) and conditioning.shape == (SIZE,)
        assert original.dtype == torch.uint8 and decoded.dtype == torch.uint16
        base = decoded.float() / 257
        assert float(conditioning[0]) == pytest.approx((qp - 4) / 24 - 1)
        matching = float((original - base).square().mean())
        assert matching < float((original.flip(2) - base).square().mean())
        assert matching < float((original.transpose(1, 2) - base).square().mean())
    again = list(islice(PairCrops(pairs, 64, seed=3), 24))
    assert all(bool((one[1] == other[1]).all()) for one, other in zip(seen, again))
    with pytest.raises(UsageError, match="no coded square"):
        PairCrops(pairs, 160, seed=0)


def test_scale_and_threshold_are_measured_near_each_level(photos: list[Path], tmp_path: Path) -> None:
    pictures = [np.asarray(Image.open(path)) for path in photos]
    for qp in (27, 47):
        code_pictures(pictures, qp, tmp_path, preset="faster")
    pairs = find_pairs([tmp_path])
    scale, threshold = calibrate_pairs(pairs, progress=False)
    assert scale.levels == (27.0, 47.0) == threshold.levels
    expected = [
        np.sqrt(np.mean([squared_error(pair) for pair in pairs if pair.qp == qp])) / 127.5 for qp in scale.levels
    ]
    assert scale.values == pytest.approx(expected, rel=0.15), "every third row is measured"
    assert scale.values[1] > 2 * scale.values[0]
    assert all(3 < value < 20 for value in threshold.values)
    with pytest.raises(UsageError, match="no pairs"):
        calibrate_pairs([CodedSquare(pairs[0].original, pairs[0].base, 5.0)], progress=False)


def test_photos_are_told_apart_by_their_folders() -> None:
    assert name_of(Path("a/x.png")) != name_of(Path("b/x.png"))


@pytest.mark.slow
def test_train_and_validate(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.cli.train.UNetConfig", lambda: TINY)
    folder, run = str(photos[0].parent), tmp_path / "run"
    common = [folder, "--codec", "vvc", "--preset", "faster", "--crop", "32", "--batch", "2", "--workers", "0"]
    assert main(["train", *common, "--device", "cpu", "-o", str(run), "--steps", "2", "--val", folder]) == 0
    model = load_checkpoint(run / "model.safetensors")
    assert model.codec == "vvc" and model.training["pairs"] == 4
    assert (run / "curve.csv").read_text().splitlines()[0].endswith("gain_q27,gain_q32,gain_q37,gain_q42,gain_q47")
    assert len(list((run / "pairs" / "validation").glob("faster_*_qp47.npy"))) == 2
    fine = tmp_path / "fine"
    init = ["--init", str(run / "model.safetensors"), "--cache", str(run / "pairs")]
    assert main(["train", *common, *init, "--device", "cpu", "-o", str(fine), "--steps", "1"]) == 0
    assert load_checkpoint(fine / "model.safetensors").residual_scale == model.residual_scale
    more = tmp_path / "more"
    others = ["--pairs", str(run / "pairs"), str(run / "pairs")]
    assert main(["train", *common, *others, "--device", "cpu", "-o", str(more), "--steps", "1"]) == 0
    assert load_checkpoint(more / "model.safetensors").training["pairs"] == 8
    assert not list((more / "pairs").glob("*.npy")), "nothing is coded beside them"


def test_options_of_vvc_are_refused_for_jpeg(photos: list[Path], tmp_path: Path) -> None:
    assert main(["train", str(photos[0].parent), "-o", str(tmp_path / "run"), "--squares", "1"]) == 2
