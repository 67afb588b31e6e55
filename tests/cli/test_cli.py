"""The console command, end to end with a tiny model: what it writes, says and returns."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from enhance.cli.doctor import examine
from enhance.cli.main import main
from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer

JpegFactory = Callable[..., bytes]
ReadDeep = Callable[[bytes], npt.NDArray[np.uint16]]
Run = Callable[..., int]


def command(model: Path, *arguments: object) -> list[str]:
    options = ["--model", str(model), "--dtype", "float32", "--device", "cpu", "--threads", "1"]
    return [sys.executable, "-m", "enhance", "run", *map(str, arguments), *options]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_file_becomes_one_file(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "new" / "better.png"
    assert run(photo_folder / "a.jpg", "-o", target) == 0
    with Image.open(target) as result, Image.open(photo_folder / "a.jpg") as source:
        assert (result.format, result.mode, result.size) == ("PNG", "RGB", source.size)
        assert not np.array_equal(np.asarray(result), np.asarray(source))


def test_a_folder_becomes_a_folder(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    before = {name: (photo_folder / name).read_bytes() for name in tree(photo_folder)}
    assert run(photo_folder, "-r", "-o", tmp_path / "out") == 0
    assert tree(tmp_path / "out") == ["a.png", "b.png", "sub/c.png"]
    assert Image.open(tmp_path / "out" / "sub" / "c.png").mode == "L"
    assert {name: (photo_folder / name).read_bytes() for name in tree(photo_folder)} == before


def test_several_pictures_at_a_time_are_the_same_pictures(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            knobs = ["--steps", 2, "--perception", 0.5, "--threads", threads]
            assert run(photo_folder, "-r", "-o", tmp_path / str(threads), *knobs) == 0
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    one, several = (
        [np.asarray(Image.open(tmp_path / threads / name), np.int16) for name in tree(tmp_path / threads)]
        for threads in ("1", "3")
    )
    assert len(one) == len(several) == 3
    assert max(np.abs(a - b).max() for a, b in zip(one, several)) <= 1  # a last bit may round otherwise


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")])
def test_formats_by_option_and_by_extension(name: str, kind: str, photo_folder: Path, tmp_path: Path, run: Run) -> None:
    assert run(photo_folder / "a.jpg", "-o", tmp_path / "out", "--format", name) == 0
    assert run(photo_folder / "a.jpg", "-o", tmp_path / f"named.{name}") == 0
    assert Image.open(tmp_path / "out" / f"a.{name}").format == kind
    assert Image.open(tmp_path / f"named.{name}").format == kind


def test_jpeg_output_is_444_at_the_asked_quality(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    assert run(photo_folder / "a.jpg", "-o", tmp_path / "default.jpg") == 0
    assert run(photo_folder / "a.jpg", "-o", tmp_path / "small.jpg", "--output-quality", 50) == 0
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "default.jpg").stat().st_size / 2


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_16_bits_are_the_result_before_rounding(
    name: str, photo_folder: Path, tmp_path: Path, run: Run, tiny_model_file: Path, read_deep: ReadDeep
) -> None:
    source, target = photo_folder / "a.jpg", tmp_path / f"deep.{name}"
    assert run(source, "-o", target, "--depth", 16) == 0
    enhancer = Enhancer(tiny_model_file, device="cpu", dtype="float32")
    exact = enhancer.run(decode(source), depth=32).pixels.astype(np.float64) * 65535
    assert np.abs(read_deep(target.read_bytes()) - exact).max() <= 0.51
    assert np.abs(exact / 257 - np.rint(exact / 257)).max() > 0.4


def test_nothing_is_overwritten_without_force(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "out.png"
    target.write_text("mine", encoding="utf-8")
    assert run(photo_folder / "a.jpg", "-o", target) == 2
    assert target.read_text(encoding="utf-8") == "mine"
    assert run(photo_folder / "a.jpg", "-o", target, "--force") == 0
    assert Image.open(target).format == "PNG"


def test_resume_does_what_is_left(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    assert run(photo_folder, "-o", out) == 0
    (out / "b.png").unlink()
    stamp = (out / "a.png").stat().st_mtime_ns
    assert run(photo_folder, "-r", "-o", out, "--resume") == 0
    assert tree(out) == ["a.png", "b.png", "sub/c.png"]
    assert (out / "a.png").stat().st_mtime_ns == stamp


def test_json_tells_one_line_per_file(
    photo_folder: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (photo_folder / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    assert run(photo_folder, "-o", tmp_path / "out", "--json", "--seed", 7, "--quality", 15) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["status"], Path(line["input"]).name) for line in lines] == [
        ("done", "a.jpg"), ("done", "b.jpeg"), ("failed", "bad.jpg"),
    ]  # fmt: skip
    assert lines[0]["output"] == str(tmp_path / "out" / "a.png")
    assert (lines[0]["record"]["seed"], lines[0]["record"]["rate"]["quality"]) == (7, 15)
    assert lines[0]["error"] is None and "bad.jpg" in lines[2]["error"]


def test_progress_is_on_stderr_and_quiet_is_quiet(
    photo_folder: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photo_folder, "-o", tmp_path / "one") == 0
    spoken = capsys.readouterr()
    assert spoken.out == ""
    assert "2/2 images" in spoken.err and "done              2  0.01 megapixels" in spoken.err
    assert "megapixels per second" in spoken.err
    assert "passed over       1  no picture of a known kind: " in spoken.err and "readme.txt" in spoken.err
    assert run(photo_folder, "-o", tmp_path / "two", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_picture(photo_folder: Path, tmp_path: Path, run: Run) -> None:
    for name, seed, tile in (("one", 1, 0), ("again", 1, 64), ("other", 2, 0)):
        sampling = ["--mode", "perceptual", "--steps", 2, "--no-consistent", "--seed", seed, "--tile", tile]
        assert run(photo_folder / "a.jpg", "-o", tmp_path / f"{name}.png", *sampling) == 0
    one, again, other = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("one", "again", "other"))
    assert np.abs(one.astype(int) - again).max() <= 1
    assert not np.array_equal(one, other)


@pytest.mark.slow
def test_a_pipe_in_and_a_pipe_out(tiny_model_file: Path, jpeg_bytes: JpegFactory) -> None:
    done = subprocess.run(command(tiny_model_file, "-"), input=jpeg_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Image.open(io.BytesIO(done.stdout)).size == (128, 96)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.slow
def test_a_full_or_closed_stdout_is_one_line(tiny_model_file: Path, jpeg_bytes: JpegFactory) -> None:
    arguments = [*command(tiny_model_file, "-"), "--quiet"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(arguments, input=jpeg_bytes(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "enhance: error: <stdout>: the disk is full (free space, or write elsewhere)"
    ]
    closed = ["sh", "-c", '"$@" >&-', "sh", *arguments]
    done = subprocess.run(closed, input=jpeg_bytes(), stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["enhance: error: stdout is closed (name a file with -o)"]


@pytest.mark.slow
def test_a_reader_who_leaves_causes_no_traceback(tiny_model_file: Path, photo_folder: Path, tmp_path: Path) -> None:
    arguments = command(tiny_model_file, photo_folder, "-o", tmp_path / "out", "--json")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_an_interrupted_batch_leaves_whole_files_only(
    number: signal.Signals, tiny_model_file: Path, tmp_path: Path, jpeg_bytes: JpegFactory
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for index in range(300):
        (folder / f"{index:03}.jpg").write_bytes(jpeg_bytes(size=(320, 240)))
    process = subprocess.Popen(command(tiny_model_file, folder, "-o", out), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not (out.exists() and len(tree(out)) > 4) and process.poll() is None:  # one may be temporary
        time.sleep(0.01)
    process.send_signal(number)
    spoken = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert "Traceback" not in spoken and "--resume does the rest" in spoken
    assert 2 < len(tree(out)) < 300
    for name in tree(out):
        Image.open(out / name).load()


def test_info_tells_how_a_file_was_compressed(photo_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(photo_folder / "a.jpg"), str(photo_folder / "sub" / "c.jpg")]) == 0
    text = capsys.readouterr().out
    assert "4:2:0" in text and "quality           10" in text and "quality           50" in text
    assert main(["info", "--json", str(photo_folder / "a.jpg"), str(photo_folder / "readme.txt")]) == 1
    facts, failure = map(json.loads, capsys.readouterr().out.splitlines())
    assert (facts["width"], facts["height"], facts["quality"], facts["tables"]) == (128, 96, 10, "standard")
    assert "readme.txt" in failure["error"]


def test_doctor_checks_the_weights(tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all("sha256" in report["weights"][f"{codec}.safetensors"] for codec in ("jpeg", "vvc"))
    assert report["versions"]["torch"] and report["decoders"]["libjpeg (Pillow)"]
    damaged = tiny_weights / "vvc.safetensors"
    content = damaged.read_bytes()
    damaged.unlink()
    assert main(["doctor"]) == 3
    assert "vvc.safetensors" in capsys.readouterr().err
    damaged.write_bytes(content[:1000])
    assert main(["doctor"]) == 3


def test_what_others_read_tells_no_places(tiny_weights: Path) -> None:
    told = json.dumps(examine(with_places=False))
    assert sys.executable not in told and str(Path(sys.prefix)) not in told and "looked for" not in told


def test_doctor_tells_the_decoders_of_vvc_and_where_they_were_looked_for(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def decoders() -> dict[str, str]:
        assert main(["doctor", "--json"]) == 0
        found: dict[str, str] = json.loads(capsys.readouterr().out)["decoders"]
        return found

    for variable in ("ENHANCE_VTM", "ENHANCE_VVDEC", "ENHANCE_VVC_DECODER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    bare = decoders()
    assert "not found" in bare["vvdecapp"] and "on the PATH" in bare["vvdecapp"]
    assert "decodes VVC" in bare["ffmpeg (imageio-ffmpeg)"]
    program = tmp_path / "DecoderApp"
    program.write_text("#!/bin/sh\necho 'VVCSoftware: VTM Decoder Version 23.13 [Linux]'\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("ENHANCE_VTM", str(program))
    with_vtm = decoders()
    assert with_vtm["VTM's DecoderApp"] == f"23.13 ({program})"
    assert "VTM" in with_vtm["VVC is decoded by"]
    monkeypatch.setenv("ENHANCE_VTM", str(tmp_path / "none"))
    wrong = decoders()
    assert "ENHANCE_VTM" in wrong["VTM's DecoderApp"] and "ENHANCE_VTM" in wrong["VVC is decoded by"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "unknown",
        "run",
        "run a.jpg",
        "run a.jpg -o out --format gif",
        "run a.jpg -o out.gif",
        "run a.jpg -o out --max-megapixels nan",
        "run a.jpg -o out --max-megapixels -1",
        "run a.jpg -o out --max-megapixels many",
        "run a.jpg -o out.png --format jpg",
        "run a.jpg -o out.png --output-quality 90",
        "run a.jpg -o out.jpg --depth 16",
        "run a.jpg -o out.png --depth 12",
        "run a.jpg -o out.266",
        "run a.jpg -o out --qp 64",
        "run a.jpg -o out --decoder ffmpeg --vtm DecoderApp",
        "run a.jpg -o out.jpg --output-quality 101",
        "run a.jpg -o out --quality 0",
        "run a.jpg -o out --steps 0",
        "run a.jpg -o out --perception 2",
        "run a.jpg -o out --tile some",
        "run a.jpg -o out --resume --force",
        "run a.jpg b.jpeg -o out.png",
        "run . -o out.png",
        "run a.jpg -o readme.txt",
        "run a.jpg -o - --json",
    ],
)
def test_wrong_usage_is_told_without_work(
    line: str, photo_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(photo_folder)
    before = tree(photo_folder)
    assert main(line.split()) == 2
    told = capsys.readouterr().err
    assert "error: " in told and "invalid _" not in told
    assert tree(photo_folder) == before


@pytest.mark.parametrize(("options", "status"), [(["--model", "none.safetensors"], 3), (["--device", "cuda:99"], 4)])
def test_weights_and_device_have_their_own_status(
    options: list[str], status: int, photo_folder: Path, tmp_path: Path
) -> None:
    assert main(["run", str(photo_folder), "-o", str(tmp_path / "out"), *options]) == status


def test_help_needs_neither_torch_nor_numpy() -> None:
    program = "import sys, enhance.cli.main; enhance.cli.main.main([{!r}]); print(sorted(sys.modules))"
    for arguments in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", program.format(arguments)], capture_output=True, text=True, check=True
        )
        loaded = done.stdout.splitlines()[-1]
        assert "'enhance.cli.main'" in loaded
        assert not [name for name in ("torch", "numpy", "PIL", "tqdm") if f"'{name}'" in loaded]


def test_import_and_help_load_little() -> None:
    """How long that takes depends on the machine; how many modules it takes does not."""

    def modules(program: str) -> int:
        counted = f"import sys\n{program}\nprint(len(sys.modules))"
        done = subprocess.run([sys.executable, "-c", counted], capture_output=True, text=True, check=True)
        return int(done.stdout.splitlines()[-1])

    bare = modules("")
    assert modules("import enhance") - bare < 60
    assert modules("from enhance.cli.main import main; main(['--help'])") - bare < 200


@pytest.mark.parametrize("name", ["run", "filter", "eval", "train", "info", "doctor"])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: enhance {name}" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert f"\n  {name} " in capsys.readouterr().out


def test_a_picture_above_the_limit_is_refused_and_the_limit_is_the_users(
    tmp_path: Path, photo_folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, output = photo_folder / "a.jpg", tmp_path / "out.png"
    assert run(photo, "-o", output, "--max-megapixels", 0.001) == 1
    assert "--max-megapixels" in capsys.readouterr().err
    assert not output.exists()
    assert run(photo, "-o", output, "--max-megapixels", 1) == 0
