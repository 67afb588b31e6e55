"""VVC stills through the command line and the Python API, from real streams: alone, and beside JPEGs."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

import enhance
from enhance.cli.main import main
from enhance.codecs.vvc.encoding import encode_vvc
from enhance.codecs.vvc.programs import VTM
from enhance.enhancer import Enhancer
from enhance.errors import DecodeError, UnsupportedImageError, UsageError

JpegFactory = Callable[..., bytes]
ReadDeep = Callable[[bytes], npt.NDArray[np.uint16]]
CORPUS = Path(__file__).parents[2] / "shared" / "data" / "vvc_corpus"
MACHINE = ["--device", "cpu", "--dtype", "float32"]

pytestmark = pytest.mark.usefixtures("tiny_weights")


@pytest.fixture(scope="module")
def stream() -> bytes:
    """A picture of 126x90 at QP 37."""
    try:
        return encode_vvc(np.ascontiguousarray(data.astronaut()[40:130, 170:296]), 37, preset="faster")
    except DecodeError:
        pytest.skip("the ffmpeg of this platform has no libvvenc")


@pytest.fixture
def mixed(photo_folder: Path, stream: bytes) -> Path:
    """a.jpg, b.jpeg, d.266 and sub/e.vvc, sub/f.bin (VVC), and files that are none."""
    (photo_folder / "d.266").write_bytes(stream)
    for name in ("e.vvc", "f.bin"):
        (photo_folder / "sub" / name).write_bytes(stream)
    (photo_folder / "firmware.bin").write_bytes(b"\x7fELF" + bytes(100))
    return photo_folder


def run(*arguments: object) -> int:
    return main(["run", *map(str, arguments), *MACHINE])


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def reports(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_stream_becomes_a_picture(stream: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.266").write_bytes(stream)
    assert run(tmp_path / "in.266", "-o", tmp_path / "out.png", "--json") == 0
    (report,) = reports(capsys)
    assert report["record"]["codec"] == "vvc" and report["record"]["rate"] == {"qp": 37, "estimated": False}
    decoded = enhance.decode(tmp_path / "in.266")
    exact = Enhancer(device="cpu", dtype="float32").run(decoded).pixels.astype(np.float64) * 255
    assert np.abs(exact - decoded.pixels * 255).max() > 1
    with Image.open(tmp_path / "out.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (126, 90))
        assert np.abs(np.asarray(picture) - exact).max() <= 0.51


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_16_bits_have_no_8_bit_step_in_between(name: str, stream: bytes, tmp_path: Path, read_deep: ReadDeep) -> None:
    (tmp_path / "in.266").write_bytes(stream)
    assert run(tmp_path / "in.266", "-o", tmp_path / f"out.{name}", "--depth", 16) == 0
    exact = Enhancer(device="cpu", dtype="float32").run(enhance.decode(stream)).pixels.astype(np.float64) * 65535
    assert np.abs(read_deep((tmp_path / f"out.{name}").read_bytes()) - exact).max() <= 0.51


def test_a_folder_of_both_codecs(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(mixed, "-r", "-o", tmp_path / "out", "--json", "--quality", 20, "--qp", 40) == 0
    assert tree(tmp_path / "out") == ["a.png", "b.png", "d.png", "sub/c.png", "sub/e.png", "sub/f.png"]
    found = {Path(report["input"]).name: report["record"] for report in reports(capsys)}
    assert {name: record["codec"] for name, record in found.items()} == {
        "a.jpg": "jpeg", "b.jpeg": "jpeg", "c.jpg": "jpeg", "d.266": "vvc", "e.vvc": "vvc", "f.bin": "vvc",
    }  # fmt: skip
    assert found["a.jpg"]["rate"]["quality"] == 20 and found["d.266"]["rate"]["qp"] == 40
    assert all(record["rate_overridden"] and not record["consistent"] for record in found.values())
    (tmp_path / "out" / "d.png").unlink()
    assert run(mixed, "-r", "-o", tmp_path / "out", "--resume", "--json") == 0
    statuses = {Path(report["input"]).name: report["status"] for report in reports(capsys)}
    assert [name for name, status in statuses.items() if status == "done"] == ["d.266"]


def test_broken_streams_are_one_line_each_and_the_rest_is_done(
    mixed: Path, stream: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    h264 = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *video, "-f", "h264", "-"], capture_output=True, check=True
    ).stdout
    bad = {
        "garbage.266": np.random.default_rng(1).bytes(3000),
        "cut.266": stream[: len(stream) // 2],
        "empty.vvc": b"",
        "noise.266": stream[:60] + np.random.default_rng(1).bytes(3000),
        "older.266": h264,
    }
    for name, content in bad.items():
        (mixed / name).write_bytes(content)
    assert run(mixed, "-o", tmp_path / "out", "--quiet") == 1
    spoken = capsys.readouterr().err.splitlines()
    assert [name for name in bad if sum(name in line for line in spoken) != 1] == []
    assert len(spoken) == len(bad), spoken
    assert "H.264" in next(line for line in spoken if "older.266" in line)
    assert tree(tmp_path / "out") == ["a.png", "b.png", "d.png"]


def test_a_missing_model_stops_only_the_files_that_need_it(
    mixed: Path, tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_weights / "vvc.safetensors").unlink()
    assert run(mixed, "-o", tmp_path / "out", "--quiet") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "d.266" in line and "vvc.safetensors" in line
    assert tree(tmp_path / "out") == ["a.png", "b.png"]
    assert run(mixed / "d.266", "-o", tmp_path / "one.png", "--quiet") == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
    (tiny_weights / "jpeg.safetensors").unlink()  # nothing can be done: told once, before any work
    assert run(mixed, "-o", tmp_path / "none", "--quiet") == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_model_of_ones_own_is_for_its_codec(mixed: Path, tmp_path: Path, tiny_vvc_model_file: Path) -> None:
    assert run(mixed, "-o", tmp_path / "out", "--model", tiny_vvc_model_file) == 1
    assert tree(tmp_path / "out") == ["d.png"]


def test_a_jpeg_and_a_stream_of_one_name_fail_and_name_each_other(
    mixed: Path, stream: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mixed / "a.266").write_bytes(stream)
    assert run(mixed, "-o", tmp_path / "out") == 1
    assert "a.266" in (told := capsys.readouterr().err) and "a.jpg" in told
    assert not (tmp_path / "out" / "a.png").exists()


def test_a_pipe_in_and_a_pipe_out(stream: bytes, tiny_vvc_model_file: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "enhance",
        "run",
        "-",
        "--model",
        str(tiny_vvc_model_file),
        "--threads",
        "1",
        *MACHINE,
    ]
    done = subprocess.run(command, input=stream, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Image.open(io.BytesIO(done.stdout)).size == (126, 90)


def test_only_the_first_picture_is_taken_and_that_is_told(
    stream: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "two.266").write_bytes(stream + stream)
    assert run(tmp_path / "two.266", "-o", tmp_path / "out.png") == 0
    assert "two.266: the stream holds 2 pictures" in capsys.readouterr().err
    assert main(["info", "--json", str(tmp_path / "two.266")]) == 0
    (facts,) = reports(capsys)
    assert facts["pictures"] == 2 and any("2 pictures" in note for note in facts["notes"])


def test_info_tells_how_a_stream_was_coded(
    stream: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in.266"
    path.write_bytes(stream)
    assert main(["info", str(path), "--decoder", "ffmpeg"]) == 0
    text = capsys.readouterr().out
    for fact in ("vvc", "126", "90", "4:2:0", "BT.709, limited range", "qp                37", "ffmpeg"):
        assert fact in text, fact
    assert "enhance 126x90 RGB at vvc qp 37, balanced mode" in text
    assert main(["info", "--json", str(path)]) == 0
    (facts,) = reports(capsys)
    assert (facts["qp"], facts["estimated"], facts["pictures"], facts["precision"]) == (37, False, 1, 10)


def test_colours_that_are_told_are_taken(stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.266").write_bytes(stream)
    for name, options in (
        ("own", []),
        ("same", ["--matrix", "bt709", "--range", "limited"]),
        ("full", ["--range", "full"]),
    ):
        assert run(tmp_path / "in.266", "-o", tmp_path / f"{name}.png", "--strength", 0, *options) == 0
    own, same, full = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("own", "same", "full"))
    assert np.array_equal(own, same)
    assert full.astype(float).std() < own.astype(float).std()  # as if black were at 0 and white at 255


# --- decoders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [["--vtm", "none"], ["--decoder", "vtm"], ["--decoder", "vvdec"], ["--decoder", "x"]]
)
def test_a_decoder_that_is_not_there_is_told_before_any_work(
    options: list[str], mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("ENHANCE_VTM", "ENHANCE_VVDEC"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if options[1] == "vtm" and VTM.find() is not None:
        pytest.skip("this checkout has a VTM")
    assert run(mixed, "-o", tmp_path / "out", *options) == 2
    assert "error: " in capsys.readouterr().err
    assert main(["info", str(mixed / "d.266"), *options]) == 2
    assert not (tmp_path / "out").exists()


def test_vtm_and_ffmpeg_make_the_same_picture(stream: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vtm = VTM.find()
    if vtm is None:
        pytest.skip("no VTM is found here")
    (tmp_path / "in.266").write_bytes(stream)
    monkeypatch.setenv("ENHANCE_VTM", str(tmp_path / "wrong"))  # --vtm goes before it
    for name, options in (("vtm", ["--vtm", vtm]), ("ffmpeg", ["--decoder", "ffmpeg"])):
        assert run(tmp_path / "in.266", "-o", tmp_path / f"{name}.png", *options) == 0
    assert (tmp_path / "vtm.png").read_bytes() == (tmp_path / "ffmpeg.png").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="a stand-in in shell")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_does_not_wait_for_a_decoder_that_hangs(
    number: signal.Signals, mixed: Path, tmp_path: Path, tiny_vvc_model_file: Path
) -> None:
    program = tmp_path / "DecoderApp"
    program.write_text(f'#!/bin/sh\necho $$ >> "{tmp_path}/started"\nexec sleep 1000000\n', encoding="utf-8")
    program.chmod(0o755)
    for index in range(20):
        shutil.copy(mixed / "d.266", mixed / f"{index}.266")
    command = [sys.executable, "-m", "enhance", "run", str(mixed), "-o", str(tmp_path / "out"), "--vtm", str(program)]
    command += ["--model", str(tiny_vvc_model_file), "--threads", "1", *MACHINE]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not (tmp_path / "started").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(number)
    spoken = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert "Traceback" not in spoken
    for identifier in (tmp_path / "started").read_text(encoding="utf-8").split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(identifier), 0)


# --- Python ----------------------------------------------------------------------------------------------------------


def test_the_python_api(stream: bytes, tmp_path: Path, read_deep: ReadDeep) -> None:
    path = tmp_path / "in.266"
    path.write_bytes(stream)
    enhancer = Enhancer(device="cpu", dtype="float32")
    result = enhancer(path, output=tmp_path / "out.png", depth=16)
    assert (result.image.mode, result.image.size) == ("RGB", (126, 90))
    assert result.record.rate == {"qp": 37, "estimated": False}
    deep = read_deep((tmp_path / "out.png").read_bytes())
    assert np.abs(deep / 257 - np.asarray(result.image)).max() <= 0.51
    for depth, white in ((None, 255), (16, 65535)):
        as_bytes = enhancer(stream, depth=depth).image
        seen = read_deep(as_bytes) if depth else np.asarray(Image.open(io.BytesIO(as_bytes)))
        assert np.abs(seen / white - deep / 65535).max() <= 0.51 / 255
    pixels = enhancer.run(enhance.decode(stream)).pixels
    assert pixels.dtype == np.float32 and pixels.min() >= 0 and pixels.max() <= 1
    assert enhancer(stream, qp=45).record.rate_overridden
    # The same pixels without their file: all that it told was its QP.
    array = np.rint(enhance.decode(stream).pixels * 65535).astype(np.uint16)
    alone = enhancer(array, qp=37)
    assert np.abs(alone.image / 65535 - pixels).max() < 0.001
    assert alone.record.rate == result.record.rate


def test_the_decoder_can_be_chosen_in_python(stream: bytes, tmp_path: Path) -> None:
    decoded = enhance.decode(stream, decoders=enhance.make_decoders(decoder="ffmpeg"))
    assert decoded.details["decoder"] == "ffmpeg"
    with pytest.raises(UsageError):
        enhance.decode(stream, decoders=enhance.make_decoders(vtm=tmp_path / "none"))


def test_a_stream_above_the_limit_is_refused(stream: bytes) -> None:
    with pytest.raises(UnsupportedImageError, match="126x90"):
        enhance.decode(stream, max_pixels=1000)


@pytest.mark.skipif(not CORPUS.exists(), reason="no conformance streams here")
@pytest.mark.parametrize(
    ("name", "mode"),
    [("8b400_A_Bytedance_2.bit", "L"), ("STILL_B_ERICSSON_1.bit", "RGB")],
)
def test_conformance_streams(name: str, mode: str, tmp_path: Path) -> None:
    assert run(CORPUS / name, "-o", tmp_path / "out.png") == 0
    decoded = enhance.decode(CORPUS / name)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.mode == mode and picture.size == (decoded.width, decoded.height)
