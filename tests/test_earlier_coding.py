"""Pictures that went through more than their file says, end to end: every source, the command, and what is told."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from enhance.cli.main import main
from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.images import EnhancedImage, Pixels
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint

ORIGINAL: Pixels = skimage.data.astronaut()[:208, 120:328]


def file(pixels: Pixels, name: str = "JPEG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, name, **options)
    return stream.getvalue()


def pixels_of(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)))


def gray(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).convert("L"))


DAMAGED = pixels_of(file(ORIGINAL, quality=20))
CROPPED = DAMAGED[5:, 3:]
AGAIN = file(CROPPED, quality=90)


@pytest.fixture(scope="module")
def enhancer(tiny_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_checkpoint, device="cpu", dtype="float32")


def run(enhancer: Enhancer, data: bytes, **knobs: Any) -> EnhancedImage:
    return enhancer.run(decode(data), Knobs(**knobs))


@pytest.mark.parametrize(
    "data",
    [
        file(ORIGINAL, quality=20),
        file(ORIGINAL, quality=90, subsampling="4:4:4"),
        file(gray(ORIGINAL), quality=30),
        file(ORIGINAL[3:100, 7:120], quality=75, progressive=True),
        file(pixels_of(file(ORIGINAL, quality=80)), quality=10),
        file(np.full((64, 80, 3), 120, np.uint8), quality=90),
    ],
    ids=["20", "90", "gray", "75", "80 then 10", "even"],
)
def test_files_that_were_coded_once_come_out_as_if_nobody_had_asked(enhancer: Enhancer, data: bytes) -> None:
    asked, plain = (run(enhancer, data, quality=quality) for quality in (None, "file"))
    assert asked.pixels.tobytes() == plain.pixels.tobytes()
    assert replace(asked.record, seconds=0) == replace(plain.record, seconds=0)
    assert asked.record.coding is None


def test_a_file_that_was_saved_again_is_corrected_for_the_first_coding(enhancer: Enhancer) -> None:
    found, said = run(enhancer, AGAIN), run(enhancer, AGAIN, quality="file")
    assert found.record.rate["quality"] == 20
    assert not found.record.rate_overridden
    assert not found.record.consistent
    assert found.record.coding is not None
    assert found.record.coding["grid"] == [5, 3]
    assert found.record.coding["then"]["quality"] == 90
    assert found.record.coding["confidence"] >= 0.9
    assert any("quality 20 on a grid shifted by 3 columns and 5 rows" in note for note in found.record.notes)
    assert said.record.rate["quality"] == 90
    assert said.record.consistent
    assert found.pixels.shape == said.pixels.shape == CROPPED.shape


def test_a_shifted_picture_is_corrected_as_the_whole_one_is(enhancer: Enhancer) -> None:
    cropped = enhancer(CROPPED, quality="auto", perception=0).image
    plain = enhancer(CROPPED, quality=20, perception=0).image
    whole = enhancer(DAMAGED, quality=20, perception=0).image
    inside = np.s_[48:-48, 48:-48]
    apart = [np.abs(one.astype(int) - whole[5:, 3:])[inside].mean() for one in (cropped, plain)]
    assert apart[0] < 0.02
    assert apart[0] < apart[1]


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF", "WEBP"])
def test_files_of_pixels_are_asked_if_somebody_wants_it(enhancer: Enhancer, tmp_path: Path, name: str) -> None:
    data = file(CROPPED, name, **({"lossless": True} if name == "WEBP" else {}))
    path = tmp_path / f"picture.{name.lower()}"
    path.write_bytes(data)
    as_array = enhancer(CROPPED, quality="auto")
    assert as_array.record.coding is not None
    assert as_array.record.coding["grid"] == [5, 3]
    assert np.array_equal(pixels_of(enhancer(data, quality="auto").image), as_array.image)
    assert np.array_equal(np.asarray(enhancer(path, quality="auto").image), as_array.image)


def test_arrays_images_and_tensors_are_asked(enhancer: Enhancer) -> None:
    expected = enhancer(CROPPED, quality="auto").image
    assert np.array_equal(np.asarray(enhancer(Image.fromarray(CROPPED), quality="auto").image), expected)
    tensor = torch.from_numpy(np.ascontiguousarray(CROPPED)).permute(2, 0, 1).float() / 255
    pair = torch.stack([tensor, tensor.flip(2)])
    result = enhancer(pair, quality="auto")
    assert [record.coding is None for record in result.records] == [False, False]
    found = (result.image[0] * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("picture", [ORIGINAL, gray(ORIGINAL)], ids=["colour", "gray"])
def test_originals_come_back_as_they_are_and_a_note_says_so(enhancer: Enhancer, picture: Pixels) -> None:
    result = enhancer(picture, quality="auto")
    assert np.array_equal(result.image, picture)
    assert result.record.steps == 0
    assert any("no sign" in note for note in result.record.notes)


def test_pixels_of_which_nobody_says_a_word_are_refused_with_a_way_out(enhancer: Enhancer) -> None:
    with pytest.raises(UsageError) as refused:
        enhancer(CROPPED)
    assert "auto" in str(refused.value)


def test_a_picture_that_was_scaled_is_corrected_in_its_own_size(enhancer: Enhancer) -> None:
    coffee = pixels_of(file(skimage.data.coffee(), quality=20))
    small = np.asarray(Image.fromarray(coffee).resize((420, 280), Image.Resampling.LANCZOS))
    found = run(enhancer, file(small, quality=95))
    assert found.record.coding is not None
    assert found.record.coding["scale"] == pytest.approx(0.7, abs=1e-3)
    assert found.pixels.shape == small.shape


def test_what_a_network_is_told_names_the_later_coding(enhancer: Enhancer) -> None:
    from enhance.inference.choices import choose_guidance

    rate = choose_guidance(decode(AGAIN), Knobs()).rate
    assert isinstance(rate, JpegRate)
    assert rate.later is not None
    assert rate.later.rate.quality == 90
    # It sees the picture on the grid of the first coding.
    assert rate.later.offset == (0, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "again.jpg": AGAIN,
        "once.jpg": file(ORIGINAL, quality=40),
        "was.png": file(CROPPED, "PNG"),
        "never.png": file(ORIGINAL, "PNG"),
    }
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    return tmp_path / "in"


def enhanced(folder: Path, model: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """Records of `enhance run`, by the names of the inputs; None where one was refused or passed over."""
    out = folder.parent / "out"
    main(
        ["run", str(folder), "-o", str(out), "--json", "--force", "--model", str(model), "--device", "cpu", *options]
    )  # fmt: skip
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {Path(line["input"]).name: line["record"] for line in lines}


def test_the_command_takes_pixels_on_demand(
    folder: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_default = enhanced(folder, tiny_model_file, capsys)
    assert set(by_default) == {"again.jpg", "once.jpg"}
    assert by_default["again.jpg"]["coding"]["quality"] == 20
    assert by_default["once.jpg"]["coding"] is None
    asked = enhanced(folder, tiny_model_file, capsys, "--quality", "auto")
    assert {name: record["coding"] and record["coding"]["quality"] for name, record in asked.items()} == {
        "again.jpg": 20, "once.jpg": None, "was.png": 20, "never.png": None,
    }  # fmt: skip
    with Image.open(folder.parent / "out" / "never.png") as untouched:
        assert np.array_equal(np.asarray(untouched), ORIGINAL)
    said = enhanced(folder, tiny_model_file, capsys, "--quality", "30")
    assert {record["rate"]["quality"] for record in said.values()} == {30}
    assert not any(record["coding"] for record in said.values())
    file_only = enhanced(folder, tiny_model_file, capsys, "--quality", "file")
    assert file_only["again.jpg"]["rate"]["quality"] == 90


def test_the_command_refuses_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "a.jpg", "-o", "out", "--quality", "best"]) == 2
    assert "auto, file or a whole number" in capsys.readouterr().err


def test_info_tells_what_the_pixels_tell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(folder / name) for name in ("again.jpg", "once.jpg", "was.png", "never.png")]
    assert main(["info", "--json", *names]) == 0
    again, once, was, never = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert again["quality"] == 90
    assert again["found"] == (
        "jpeg quality 20 on a grid shifted by 3 columns and 5 rows, then saved again at jpeg quality 90"
    )
    assert again["coding"]["grid"] == [5, 3]
    assert "at jpeg quality 20" in again["plan"]
    assert once["found"] is None
    assert was["codec"] == "unknown"
    assert was["coding"]["quality"] == 20
    assert "leave it as it is" in never["plan"]
    assert main(["info", names[0]]) == 0
    assert "found" in capsys.readouterr().out


def test_info_can_leave_pixels_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.codecs.jpeg.decoder._decode_pixels", lambda *_: pytest.fail("pixels were decoded"))
    assert main(["info", "--json", "--quality", "file", str(folder / "again.jpg")]) == 0
    assert json.loads(capsys.readouterr().out)["found"] is None
