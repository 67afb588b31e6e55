"""CompressAI's networks as base codecs, with small networks of random weights in the place of the trained ones."""

from __future__ import annotations

import csv
import importlib
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from enhance.cli.main import main
from enhance.codecs import registry
from enhance.errors import DecodeError, UnsupportedImageError, UsageError, WeightsError
from enhance.learned.compressai.networks import NETWORKS, Network, Quality
from enhance.learned.file_format import CodedFile, parse

NAMES = [network.name for network in NETWORKS]
HYPERPRIOR, MEAN_SCALE, ANCHOR = NETWORKS


@cache
def weights_of(name: str, seed: int = 1) -> bytes:
    """The file of a small network as CompressAI's own weights are: a state with the tables of its entropy models."""
    image = pytest.importorskip("compressai.zoo.image", exc_type=ImportError)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = image.model_architectures[name](*((16,) if name == ANCHOR.name else (16, 24)))
    with torch.no_grad():
        network.g_a[-1].weight *= 20  # so that its symbols are not all zero
    network.update()
    stream = BytesIO()
    torch.save(network.state_dict(), stream)
    return stream.getvalue()


@pytest.fixture
def picture(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A part of the usual one: the autoregressive network takes its time."""
    return picture[20:70, 30:90]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's weights: of each network, the second quality."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}-2-mine.pth.tar").write_bytes(weights_of(name))
    monkeypatch.setenv("ENHANCE_COMPRESSAI", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return folder


@pytest.fixture(params=NETWORKS, ids=NAMES)
def chosen(request: pytest.FixtureRequest) -> Network:
    found: Network = request.param
    return found


@pytest.fixture
def original(picture: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    return path


def coded_by(network: Network, picture: npt.NDArray[np.uint8], folder: Path) -> CodedFile:
    from enhance.learned.compressai.coding import encode

    return encode(picture, Quality(network, 2), folder)


def decoded(coded: CodedFile, network: Network, folder: Path) -> npt.NDArray[np.float32]:
    from enhance.learned.compressai.coding import decode

    return decode(coded, network, "a", folder)


@pytest.mark.usefixtures("installed")
def test_each_network_is_a_codec_of_its_own() -> None:
    for network in NETWORKS:
        codec = registry.find_codec(network.name)
        assert codec is not None and codec.encoder is not None and codec.encoder.last == network.qualities
        assert registry.codec_of_name(f"a.{network.name}") == network.name
        assert registry.level_name(network.name) == "quality"
    assert not registry.added_codecs()[1]
    assert len({network.magic for network in NETWORKS}) == len(NETWORKS)


def test_a_quality_is_one_that_the_network_has(chosen: Network) -> None:
    qualities = [Quality(chosen, value) for value in range(1, chosen.qualities + 1)]
    steps = [float(quality.conditioning()[0]) for quality in qualities]
    assert steps == sorted(steps, reverse=True) and qualities[0].describe() == {"quality": 1}
    for value in (0, chosen.qualities + 1):
        with pytest.raises(UsageError, match=f"from 1, .* to {chosen.qualities}, not {value}"):
            Quality(chosen, value)


def test_the_picture_is_the_networks_own(chosen: Network, picture: npt.NDArray[np.uint8], folder: Path) -> None:
    """What the library gives of its own strings, from the bytes of a file."""
    coded = parse(coded_by(chosen, picture, folder).to_bytes(), "a")
    weights = importlib.import_module("enhance.learned.compressai.weights")
    model = weights.find_weights(Quality(chosen, 2), folder).network
    size = [-(-side // 64) for side in picture.shape[:2]]
    with torch.no_grad():
        whole = model.decompress([[coded.latent], [coded.hyper]], size)["x_hat"][0].numpy().transpose(1, 2, 0)
    assert np.array_equal(decoded(coded, chosen, folder), whole[: picture.shape[0], : picture.shape[1]])
    assert coded.magic == chosen.magic and coded.rate == 2 and len(coded.latent) > 40


def test_gray_pictures_are_coded_too(picture: npt.NDArray[np.uint8], folder: Path) -> None:
    coded = coded_by(MEAN_SCALE, picture[..., 0], folder)
    assert coded.is_gray and decoded(coded, MEAN_SCALE, folder).shape == picture.shape[:2]


def test_every_command_takes_its_files(
    chosen: Network, original: Path, folder: Path, installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coded, output = original.with_suffix(chosen.extension), original.with_name("out.png")
    assert main(["encode", str(original), "-o", str(coded), "--rate", "2"]) == 0
    capsys.readouterr()
    assert main(["info", "--json", str(coded)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["codec"], facts["quality"], facts["width"]) == (chosen.name, 2, 60)
    assert facts["bits_per_pixel"] == round(8 * coded.stat().st_size / (60 * 50), 4)
    assert main(["run", str(coded), "-o", str(output), "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)["record"]
    assert (record["codec"], record["rate"]) == (chosen.name, {"quality": 2})
    with Image.open(output) as image:
        pixels = decoded(parse(coded.read_bytes(), "a"), chosen, folder)
        assert np.array_equal(np.asarray(image), np.rint(pixels * 255).astype(np.uint8))


@pytest.mark.usefixtures("installed", "folder")
def test_eval_measures_them(original: Path, tmp_path: Path) -> None:
    command = ["eval", str(original.parent), "--codec", "mbt2018-mean", "--rates", "2", "--metrics", "psnr", "--quiet"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "measurements.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["codec"], row["level"], row["setting"]) == ("mbt2018-mean", "2", "decoded")
    assert 0 < float(row["bits_per_pixel"]) < 24


def test_weights_may_lie_where_compressai_downloads_them(
    picture: npt.NDArray[np.uint8], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENHANCE_COMPRESSAI")
    place = tmp_path / "torch" / "hub" / "checkpoints"
    place.mkdir(parents=True)
    (place / "mbt2018-mean-2-e54a039d.pth.tar").write_bytes(weights_of(MEAN_SCALE.name))
    codec = registry_codec(MEAN_SCALE)
    content = codec.encoder.encode(picture, 2)
    assert registry.decode(content, decoders=[codec.decoder()]).pixels.shape == picture.shape
    with pytest.raises(WeightsError, match=r"mbt2018-mean, quality 3.*pretrained=True"):
        codec.encoder.encode(picture, 3)


def registry_codec(network: Network) -> Any:
    from enhance.learned.compressai import codec

    return next(found for found in (codec.HYPERPRIOR, codec.MEAN_SCALE, codec.ANCHOR) if found.name == network.name)


def test_weights_without_tables_get_them(picture: npt.NDArray[np.uint8], folder: Path) -> None:
    path = folder / "mbt2018-mean-2-mine.pth.tar"
    state = torch.load(path, weights_only=True)
    tables = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")
    kept = {name: value for name, value in state.items() if not name.endswith(tables)}
    torch.save({"state_dict": state | {name: state[name][:0] for name in state.keys() - kept.keys()}}, path)
    coded = coded_by(MEAN_SCALE, picture, folder)
    assert decoded(coded, MEAN_SCALE, folder).shape == picture.shape


def test_several_weights_are_a_question(picture: npt.NDArray[np.uint8], folder: Path) -> None:
    (folder / "mbt2018-mean-2-other.pth.tar").write_bytes(weights_of(MEAN_SCALE.name, seed=2))
    with pytest.raises(UsageError, match=r"mine\.pth\.tar, mbt2018-mean-2-other"):
        coded_by(MEAN_SCALE, picture, folder)


def test_a_file_finds_the_weights_that_coded_it(picture: npt.NDArray[np.uint8], folder: Path, tmp_path: Path) -> None:
    coded = coded_by(MEAN_SCALE, picture, folder)
    before = decoded(coded, MEAN_SCALE, folder)
    (folder / "mbt2018-mean-2-a-first-one.pth.tar").write_bytes(weights_of(MEAN_SCALE.name, seed=2))
    assert np.array_equal(decoded(coded, MEAN_SCALE, folder), before)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnsupportedImageError, match=f"not here .*{coded.model.hex()}"):
        decoded(coded, MEAN_SCALE, tmp_path / "empty")


@pytest.mark.parametrize("content", [b"", b"no weights at all", zlib.compress(b"a")])
def test_what_are_no_weights_is_said(content: bytes, picture: npt.NDArray[np.uint8], folder: Path) -> None:
    bad = folder / "mbt2018-mean-5.pth.tar"
    bad.write_bytes(content)
    codec = importlib.import_module("enhance.learned.compressai.coding")
    with pytest.raises(WeightsError, match=r"mbt2018-mean-5\.pth\.tar: no weights of mbt2018-mean"):
        codec.encode(picture, Quality(MEAN_SCALE, 5), folder)


def test_weights_of_another_network_are_no_weights(picture: npt.NDArray[np.uint8], folder: Path) -> None:
    (folder / "mbt2018-mean-2-mine.pth.tar").write_bytes(weights_of(ANCHOR.name))
    with pytest.raises(WeightsError, match="no weights of mbt2018-mean"):
        coded_by(MEAN_SCALE, picture, folder)


def test_probabilities_of_another_machine_are_refused(
    chosen: Network, picture: npt.NDArray[np.uint8], folder: Path
) -> None:
    coded = coded_by(chosen, picture, folder)
    with pytest.raises(DecodeError, match="not those that the encoder computed"):
        decoded(replace(coded, indices=coded.indices ^ 1), chosen, folder)


def test_forged_strings_do_no_harm(chosen: Network, picture: npt.NDArray[np.uint8], folder: Path) -> None:
    """Each gets a right checksum, so that the strings are decoded."""
    coded = coded_by(chosen, picture, folder)
    forged = [
        replace(coded, latent=b"", hyper=b""),
        replace(coded, latent=coded.latent[:5]),
        replace(coded, hyper=b"\xff" * 40),
        replace(coded, latent=b"\xff" * len(coded.latent)),
        replace(coded, latent=np.random.default_rng(1).bytes(len(coded.latent))),
        replace(coded, width=100),
    ]
    for bad in forged:
        try:
            pixels = decoded(parse(bad.to_bytes(), "a"), chosen, folder)
        except DecodeError as error:
            assert error.source == "a"
        else:
            assert pixels.shape == (bad.height, bad.width, 3) and np.isfinite(pixels).all()


def test_damage_is_found(original: Path, folder: Path, installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = coded_by(HYPERPRIOR, np.asarray(Image.open(original)), folder).to_bytes()
    middle = len(content) // 2
    bad = {
        "cut": content[:-9],
        "head": content[:20],
        "flipped": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "later": content[:6] + bytes([9]) + content[7:],
        "rate": replace(parse(content, "a"), rate=9).to_bytes(),
    }
    for name, damaged in bad.items():
        path = original.with_name(name + HYPERPRIOR.extension)
        path.write_bytes(damaged)
        capsys.readouterr()
        assert main(["run", str(path), "-o", str(original.with_name("out.png")), "--quiet"]) == 1, name
        assert name in capsys.readouterr().err and not original.with_name("out.png").exists()


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in sys.modules if name.split(".")[0] == "compressai"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "compressai", None)
    yield


@pytest.mark.usefixtures("without_the_library", "installed")
def test_without_the_library_the_way_out_is_said(original: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = original.with_suffix(".mbt2018-mean")
    assert main(["encode", str(original), "-o", str(output), "--rate", "2"]) == 2
    assert "need the package compressai" in (said := capsys.readouterr().err) and "enhance[compressai]" in said
    empty = CodedFile(2, False, bytes(8), 20, 30, 0, b"a", b"b", MEAN_SCALE.magic)
    output.write_bytes(empty.to_bytes())
    assert main(["info", str(output)]) == 0
    assert main(["run", str(output), "-o", str(original.with_name("out.png")), "--quiet"]) == 2
    assert "enhance[compressai]" in capsys.readouterr().err
