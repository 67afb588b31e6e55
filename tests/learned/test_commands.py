"""The learned codec as people meet it: coded by a command, then known to all the others."""

from __future__ import annotations

import ast
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from enhance.cli.main import main
from enhance.codecs import registry
from enhance.enhancer import Enhancer
from enhance.images import DecodedImage
from enhance.learned.codec import LEARNED
from enhance.learned.coding import decode, encode
from enhance.learned.compressai.networks import NETWORKS, Quality
from enhance.learned.file_format import MAGIC, parse
from enhance.learned.model import LearnedModel

ROOT = Path(__file__).parents[2]


@pytest.fixture
def original(picture: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def coded(original: Path, installed: Path) -> Path:
    """The picture as a file of the third rate."""
    path = original.with_suffix(".msh")
    assert main(["encode", str(original), "-o", str(path), "--rate", "3"]) == 0
    return path


def test_nothing_in_the_core_knows_of_it() -> None:
    importing = set()
    for file in (ROOT / "enhance").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("enhance.learned"):
                importing.add(file.relative_to(ROOT).parts[1])
    assert importing <= {"learned", "cli"}, "but for the command that trains"


@pytest.mark.usefixtures("installed")
def test_it_is_found_by_its_entry_point() -> None:
    assert registry.find_codec("learned") is LEARNED
    assert registry.codec_of_name("a.msh") == "learned" and registry.level_name("learned") == "rate"


def test_a_picture_is_coded_by_a_command(
    coded: Path,
    original: Path,
    picture: npt.NDArray[np.uint8],
    model: LearnedModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = coded.read_bytes()
    assert content == encode(picture, 3, model).to_bytes()
    assert main(["encode", str(original), "-o", str(coded), "--rate", "3", "--force"]) == 0
    said = capsys.readouterr().err
    assert f"{len(content)} bytes, {8 * len(content) / picture[..., 0].size:.4f} bits per pixel" in said


@pytest.mark.usefixtures("installed")
def test_gray_pictures_are_coded_too(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 30), 90, np.uint8)).save(tmp_path / "gray.png")
    assert main(["encode", str(tmp_path / "gray.png"), "-o", str(tmp_path / "gray.msh"), "--rate", "8"]) == 0
    decoded = registry.decode(tmp_path / "gray.msh")
    assert decoded.is_gray and decoded.pixels.shape == (20, 30)


@pytest.mark.parametrize(
    ("name", "rate", "said"),
    [("b.msh", "9", "from 1"), ("b.msh", "0", "from 1"), ("b.jpg", "3", "no encoder"), ("b", "3", "there are: .msh")],
)
def test_what_cannot_be_coded_is_refused(
    name: str, rate: str, said: str, original: Path, installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = original.parent / name
    assert main(["encode", str(original), "-o", str(output), "--rate", rate]) == 2
    assert said in capsys.readouterr().err
    assert not output.exists()


def test_a_file_that_exists_is_kept_unless_it_is_forced(
    coded: Path, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = coded.read_bytes()
    command = ["encode", str(original), "-o", str(coded), "--rate", "1"]
    assert main(command) == 1
    assert "--force" in capsys.readouterr().err and coded.read_bytes() == before
    assert main([*command, "--force"]) == 0
    assert len(coded.read_bytes()) < len(before)


def test_it_is_decoded_by_run(coded: Path, model: LearnedModel, capsys: pytest.CaptureFixture[str]) -> None:
    output = coded.with_name("better.png")
    assert main(["run", str(coded), "-o", str(output), "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)["record"]
    assert (record["codec"], record["rate"], record["steps"]) == ("learned", {"rate": 3}, 1)
    decoded = decode(parse(coded.read_bytes(), "a"), model)
    with Image.open(output) as image:
        assert not np.array_equal(np.asarray(image), np.rint(decoded * 255)), "enhanced by the model that ships"
    assert main(["run", str(coded), "-o", str(output), "--strength", "0", "--force", "--quiet"]) == 0
    with Image.open(output) as image:
        assert np.array_equal(np.asarray(image), np.rint(decoded * 255).astype(np.uint8))


@pytest.fixture
def no_model(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec as it would be if no enhancing model shipped for it."""
    monkeypatch.setattr("enhance.learned.codec.LEARNED", replace(LEARNED, weights=None))


@pytest.mark.usefixtures("no_model")
def test_without_a_model_it_is_decoded_and_left(
    coded: Path, original: Path, model: LearnedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = coded.with_name("same.png")
    capsys.readouterr()
    assert main(["run", str(coded), "-o", str(output), "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)["record"]
    assert (record["steps"], record["notes"]) == (0, ["left as it is: no model ships for learned"])
    with Image.open(output) as image:
        decoded = decode(parse(coded.read_bytes(), "a"), model)
        assert np.array_equal(np.asarray(image), np.rint(decoded * 255).astype(np.uint8))
    output.unlink()
    assert main(["info", "--json", str(coded)]) == 0
    assert json.loads(capsys.readouterr().out)["plan"] == "leave it as it is: no model ships for learned"
    command = ["eval", str(original.parent), "--codec", "learned", "--rates", "2", "--metrics", "psnr", "--quiet"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    assert "none: decoded pictures alone" in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")


def test_a_folder_of_several_codecs_is_worked_through(
    coded: Path, original: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(original) as image:
        image.save(coded.parent / "photo.jpg", quality=30)
    original.unlink()
    assert main(["run", str(coded.parent), "-o", str(coded.parent / "out"), "--json", "--dtype", "float32"]) == 0
    found = [json.loads(line)["record"] for line in capsys.readouterr().out.splitlines()]
    assert {record["codec"]: record["steps"] for record in found} == {"learned": 1, "jpeg": 1}
    assert main(["run", str(coded), "-o", str(coded.parent / "a.png"), "--model", str(tiny_model_file)]) == 3
    assert "is for jpeg, not for learned" in capsys.readouterr().err


def test_info_tells_its_rate_and_bits(coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["info", "--json", str(coded)]) == 0
    facts = json.loads(capsys.readouterr().out)
    bits = round(8 * coded.stat().st_size / (139 * 90), 4)
    assert (facts["codec"], facts["rate"], facts["bits_per_pixel"]) == ("learned", 3, bits)
    assert facts["plan"].startswith("enhance 139x90 RGB at learned rate 3")


def test_compare_shows_it(coded: Path, original: Path) -> None:
    page = coded.with_suffix(".html")
    assert main(["compare", str(coded), "-o", str(page), "--original", str(original), "--quiet"]) == 0
    assert '"rate":{"rate":3}' in page.read_text(encoding="utf-8")


def test_what_is_damaged_foreign_or_cut_is_refused(coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = coded.read_bytes()
    middle = len(content) // 2
    bad = {
        "cut.msh": content[:-9],
        "head.msh": content[:20],
        "foreign.msh": b"not one of these",
        "flipped.msh": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "later.msh": MAGIC + bytes([9]) + content[len(MAGIC) + 1 :],
        "empty.msh": b"",
    }
    for name, damaged in bad.items():
        (coded.parent / name).write_bytes(damaged)
        out = coded.parent / "out.png"
        capsys.readouterr()
        assert main(["run", str(coded.parent / name), "-o", str(out), "--quiet"]) == 1, name
        assert name in capsys.readouterr().err and not out.exists()


def test_pixels_of_a_codec_without_a_model_are_left_as_they_are(installed: Path) -> None:
    pixels = np.linspace(0, 1, 16 * 16 * 3, dtype=np.float32).reshape(16, 16, 3)
    decoded = DecodedImage(pixels, Quality(NETWORKS[1], 2), source="a")
    enhancer, told = Enhancer(dtype="float32", device="cpu"), list[float]()
    assert not enhancer.has_model("mbt2018-mean") and enhancer.has_model("jpeg") and enhancer.has_model("learned")
    result = enhancer.run(decoded, progress=told.append)
    assert np.array_equal(result.pixels, pixels) and result.pixels is not pixels and told == [1.0]
    assert result.record.rate == {"quality": 2}
    assert result.record.notes == ("left as it is: no model ships for mbt2018-mean",)


def test_eval_measures_what_it_gives(
    original: Path,
    installed: Path,
    picture: npt.NDArray[np.uint8],
    model: LearnedModel,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--metrics", "psnr", "--quiet"]
    command = ["eval", str(original.parent), "--codec", "learned", "jpeg", "--qualities", "30", "--rates", "2", "8"]
    out = tmp_path / "out"
    assert main([*command, *options, "-o", str(out)]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    found = [line.split()[:2] for line in tables[0].splitlines()[2:]]
    assert found == [["2", "decoded"], ["2", "default"], ["8", "decoded"], ["8", "default"]]
    assert "default" in tables[1]
    with (out / "measurements.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["codec"], row["setting"]) == ("learned", "decoded")]
        bits = {row["level"]: float(row["bits_per_pixel"]) for row in rows}
    size = len(encode(picture, 8, model).to_bytes())
    assert bits["8"] == pytest.approx(8 * size / (139 * 90)) and bits["2"] < bits["8"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--codec", "toy"], "there are jpeg, vvc, learned"),
        (["--codec", "learned", "--rates", "9"], "from 1 to 8, not 9"),
        (["--rates", "2"], "--rates is not for jpeg"),
    ],
)
def test_eval_refuses_codecs_and_rates_that_there_are_not(
    options: list[str], said: str, original: Path, installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", str(original.parent), *options]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_the_page_has_the_measured_numbers() -> None:
    """Where no package adds the codec, nobody knows that its levels are rates, and these tables are left alone."""
    import update_report

    page = ROOT / "docs" / "learned.md"
    assert "<!-- added: learned" in page.read_text(encoding="utf-8")
    assert update_report.main([str(ROOT / "docs" / "measured"), str(page), "--check"]) == 0
