"""scripts/vtm_filter.py takes the options that people give to VTM's decoder."""

from __future__ import annotations

import importlib.util
import io
import subprocess
from pathlib import Path
from types import ModuleType

import imageio_ffmpeg
import pytest

from enhance.frames.format import FrameFormat
from enhance.frames.y4m import read_y4m

SCRIPT = Path(__file__).parents[2] / "scripts" / "vtm_filter.py"
FRAME = FrameFormat(64, 48, "4:2:0", 10)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("vtm_filter", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bitstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of 64x48, 10 bit, coded by the bundled libvvenc."""
    path = tmp_path_factory.mktemp("vvc") / "in.266"
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5", "-frames:v", "3", "-pix_fmt", "yuv420p10le"]
    coder = ["-c:v", "libvvenc", "-preset", "faster", "-qpa", "0", "-qp", "35", "-threads", "1", "-f", "vvc"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coder, str(path)], check=True)
    return path


@pytest.mark.parametrize(
    ("arguments", "options", "left_out"),
    [
        ("-b in.266 -o out.y4m", "-b in.266 -o out.y4m", ""),
        ("-b in.266 -o out.yuv -d 8", "-b in.266 -o out.yuv -d 8 --output-format raw", ""),
        ("-b in.266 -o out", "-b in.266 -o out --output-format raw", ""),
        ("-b in.266", "-b in.266", ""),
        ("--BitstreamFile=in.266 --ReconFile=o.yuv", "-b in.266 -o o.yuv --output-format raw", ""),
        ("--BitstreamFile in.266 --OutputBitDepth=10", "-b in.266 -d 10", ""),
        ("-b in.266 -dph 1 -v 6 -o o.y4m -w", "-b in.266 -o o.y4m", "-dph -v -w"),
        ("-b in.266 --SEIDecodedPictureHash=1 -o o.y4m", "-b in.266 -o o.y4m", "--SEIDecodedPictureHash"),
        ("-v -b in.266", "-b in.266", "-v"),
        ("pipe.y4m --qp 37 --mode perceptual", "pipe.y4m --qp 37 --mode perceptual", ""),
        ("pipe.y4m --qp 37 -o out.bin", "pipe.y4m --qp 37 -o out.bin", ""),
    ],
)
def test_options(arguments: str, options: str, left_out: str, script: ModuleType) -> None:
    assert script.translate(arguments.split()) == (["--force", *options.split()], left_out.split())


@pytest.mark.parametrize(
    "option", ["-s 4", "--SkipFrames=4", "-t 2", "--OutputColourSpaceConvert=GBRtoRGB", "--PYUV=1"]
)
def test_options_that_would_change_the_pictures(
    option: str, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.run(["-b", "in.266", "-o", "out.yuv", *option.split()]) == 2
    said = capsys.readouterr().err
    assert said.startswith("vtm_filter: error: -") and "DecoderApp" in said and said.count("\n") == 1


def test_in_the_place_of_the_decoder(
    bitstream: Path, script: ModuleType, tiny_vvc_model_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ours = ["--decoder", "ffmpeg", "--model", str(tiny_vvc_model_file), "--device", "cpu", "--dtype", "float32"]
    raw, y4m = tmp_path / "out.yuv", tmp_path / "out.y4m"
    raw.write_text("DecoderApp replaces what is there")
    assert script.run(["-b", str(bitstream), "-o", str(raw), "-d", "0", "-dph", "1", *ours]) == 0
    assert script.run(["-b", str(bitstream), "-o", str(y4m), *ours]) == 0
    frames = [FRAME.pack(planes) for planes in read_y4m(io.BytesIO(y4m.read_bytes()), source="out.y4m")]
    assert len(frames) == 3 and raw.read_bytes() == b"".join(frames)
    said = capfd.readouterr()
    assert said.out == "" and "vtm_filter: note: -dph has no effect here" in said.err
    assert script.run(["-b", str(bitstream), "-o", str(raw), "-d", "8", *ours]) == 0
    assert raw.stat().st_size == 3 * FRAME.frame_bytes // 2
