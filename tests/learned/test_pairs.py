"""What the enhancer of the learned codec learns from: pairs are what the codec gives, and are kept."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from enhance.cli.main import main
from enhance.errors import UsageError
from enhance.learned import pairs as pairs_module
from enhance.learned.coding import decode, decoded_at, encode
from enhance.learned.material import learned_material, validation_of
from enhance.learned.model import LearnedModel, save_model, serialise
from enhance.learned.network import LearnedCodec
from enhance.learned.pairs import SIDE, LearnedCrops, Pairs, calibrate_pairs, code_squares
from enhance.learned.rate import LearnedRate
from enhance.learned.tables import logistic_tables
from enhance.models.checkpoint import load_checkpoint
from enhance.training.sources import Shares, Source

COUNT = 9


@pytest.fixture(scope="module")
def photo(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """uint8 [270, 278, 3]."""
    return np.tile(picture, (3, 2, 1))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pairs(photo: npt.NDArray[np.uint8], model: LearnedModel, cache: Path) -> Pairs:
    return code_squares(Source([photo], (), Shares(drawings=0.0)), model, cache, count=COUNT, seed=5)


def test_what_is_decoded_without_bytes_is_what_bytes_give(picture: npt.NDArray[np.uint8], model: LearnedModel) -> None:
    for rate in (1, 8):
        assert np.array_equal(decoded_at(picture, rate, model), decode(encode(picture, rate, model), model))


def test_pairs_are_what_the_codec_gives_at_every_rate(pairs: Pairs, model: LearnedModel) -> None:
    assert pairs.originals.shape == pairs.decoded.shape == (COUNT, SIDE, SIDE, 3)
    assert set(pairs.rates.tolist()) == set(range(1, 9))
    for index in (0, COUNT - 1):
        expected = decoded_at(np.asarray(pairs.originals[index]), int(pairs.rates[index]), model)
        assert np.abs(pairs.decoded[index] / 65535 - expected).max() < 1e-5


def test_pairs_are_coded_once(
    pairs: Pairs, photo: npt.NDArray[np.uint8], model: LearnedModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(pairs_module, "decoded_at")
    again = code_squares(Source([photo]), model, cache, count=COUNT, seed=5)
    assert np.array_equal(again.decoded, pairs.decoded) and np.array_equal(again.rates, pairs.rates)
    with pytest.raises(NameError):  # others are others
        code_squares(Source([photo]), model, cache, count=COUNT, seed=6)
    assert len(list(cache.glob("*.part"))) == 1 and not (cache / f"learned-{model.sha256[:16]}-{COUNT}-6").exists()


def test_crops_lie_on_the_networks_grid_and_tell_their_rate(pairs: Pairs) -> None:
    crops = list(islice(LearnedCrops(pairs, 240, 3), 12))
    for original, base, conditioning, level in crops:
        assert original.shape == base.shape == (3, 240, 240)
        assert np.array_equal(conditioning.numpy(), LearnedRate(int(level)).conditioning())
        errors = [(turned - base.float() / 257).square().mean() for turned in (original.float(), original.flip(2))]
        assert errors[0] < errors[1], "both are turned alike"
    assert all((a[0] == b[0]).all() for a, b in zip(crops, LearnedCrops(pairs, 240, 3)))
    with pytest.raises(UsageError, match="at most 256"):
        LearnedCrops(pairs, 272, 3)


def test_calibration_tells_each_rates_error(pairs: Pairs) -> None:
    scale, threshold = calibrate_pairs(pairs)
    assert scale.levels == tuple(range(1, 9)) and min(threshold.values) > 1
    index = int(np.flatnonzero(pairs.rates == 4)[0])
    rows = (pairs.originals[index, ::3].astype(float) - pairs.decoded[index, ::3] / 257) / 127.5
    if (pairs.rates == 4).sum() == 1:
        assert scale(4) == pytest.approx(np.sqrt((rows**2).mean()), rel=1e-4)


def test_validation_pictures_are_the_codecs_at_every_rate(photo: npt.NDArray[np.uint8], model: LearnedModel) -> None:
    photos = validation_of([photo], model).photos
    assert [rate.level for rate, _ in photos.coded] == list(range(1, 9))
    expected = decoded_at(photos.originals[0], 8, model) * 255
    assert np.abs(photos.coded[7][1][0] - expected).max() < 0.01


@pytest.fixture
def folder(photo: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "a.png")
    return tmp_path / "photos"


@pytest.fixture
def base(network: LearnedCodec, tmp_path: Path) -> Path:
    save_model(serialise(network, logistic_tables(), {}), tmp_path / "base.safetensors")
    return tmp_path / "base.safetensors"


def test_material_says_which_base_it_is_of(folder: Path, base: Path, model: LearnedModel, tmp_path: Path) -> None:
    material = learned_material([folder], tmp_path / "cache", crop=64, base=base, squares=2, shares=Shares(drawings=0))
    assert (material.description["pairs"], material.description["base"]) == (2, model.sha256)


def test_a_command_trains_an_enhancer(folder: Path, base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--codec", "learned", "--base", base, "--squares", 8, "--widths", 8, 8, 8, 16, "--drawings", 0]
    small = ["--steps", 2, "--batch", 2, "--crop", 64, "--dtype", "float32", "--workers", 0, "--val", folder]
    assert main(["train", str(folder), "-o", str(run), *map(str, [*options, *small])]) == 0
    checkpoint = load_checkpoint(run / "model.safetensors")
    assert checkpoint.codec == "learned" and checkpoint.denoiser.config.widths == (8, 8, 8, 16)
    assert checkpoint.residual_scale.levels == tuple(range(1, 9))
    assert "gain_q8" in (run / "curve.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--codec", "jpeg", "--base", "a"], "--base is for --codec learned"),
        (["--codec", "jpeg", "--squares", "2"], "--squares is for"),
        (["--codec", "learned", "--squares", "0"], "at least 1"),
        (["--codec", "learned", "--clips", "2"], "are for --codec vvc"),
        (["--codec", "learned", "--graphics", "."], "--graphics is not for"),
        (["--init", "a", "--widths", "8", "8", "8", "8"], "--init has its own"),
    ],
)
def test_options_of_other_codecs_are_refused(
    options: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(folder), "-o", str(tmp_path / "run"), *options]) == 2
    assert said in capsys.readouterr().err
