"""`enhance filter`, end to end with a tiny model: frames in, frames out, and one clear line for what goes wrong."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from skimage import data

from enhance.cli.main import main
from enhance.codecs.vvc.decoder import open_vvc
from enhance.codecs.vvc.encoding import ClipCoding, encode_clip
from enhance.codecs.vvc.facts import StreamFacts
from enhance.enhancer import Enhancer
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import SUBSAMPLINGS, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.frames.y4m import Y4MHeader, Y4MReader, read_y4m, write_frame, write_header
from enhance.knobs import Knobs

Filter = Callable[..., int]
PHOTO = data.astronaut()[:200, 150:350] / 255
SPACE = ColorSpace()


@pytest.fixture
def run(tiny_vvc_model_file: Path) -> Filter:
    """`enhance filter` with the tiny model, in this process."""

    def call(*arguments: object) -> int:
        return main(["filter", *map(str, arguments), *model_options(tiny_vvc_model_file)])

    return call


def model_options(model: Path) -> list[str]:
    return ["--model", str(model), "--dtype", "float32", "--device", "cpu"]


def command(model: Path, *arguments: object) -> list[str]:
    options = [*map(str, arguments), *model_options(model), "--threads", "1"]
    return [sys.executable, "-m", "enhance", "filter", *options]


def clip(frame: FrameFormat, count: int = 3) -> list[Planes]:
    pictures = [PHOTO[shift : shift + frame.height, : frame.width] for shift in range(count)]
    gray = frame.subsampling == "4:0:0"
    return [rgb_to_yuv(picture.mean(axis=2) if gray else picture, frame, SPACE) for picture in pictures]


def y4m(frame: FrameFormat, count: int = 3, *words: str) -> bytes:
    stream = io.BytesIO()
    header = Y4MHeader.of(frame, SPACE, frame_rate=(30000, 1001))
    header = Y4MHeader((*header.parameters, *words), frame)
    write_header(stream, header)
    for planes in clip(frame, count):
        write_frame(stream, header, planes)
    return stream.getvalue()


def read(path: Path) -> Y4MReader:
    return read_y4m(io.BytesIO(path.read_bytes()), source=str(path))


SMALL = FrameFormat(32, 24, "4:2:0", 10)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three small 10-bit frames."""
    path = tmp_path / "in.y4m"
    path.write_bytes(y4m(SMALL))
    return path


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_y4m_keeps_count_size_format_and_depth(
    subsampling: Subsampling, depth: int, tmp_path: Path, run: Filter
) -> None:
    source, target = tmp_path / "in.y4m", tmp_path / "out.y4m"
    frame = FrameFormat(35, 21, subsampling, depth)
    source.write_bytes(y4m(frame, 3, "XCOMMENT=kept"))
    assert run(source, "-o", target, "--qp", 37) == 0
    assert target.stat().st_size == source.stat().st_size
    assert (read(target).header, read(target).frame) == (read(source).header, frame)
    enhanced = list(read(target))
    assert len(enhanced) == 3
    assert not any(np.array_equal(a, b) for one, two in zip(enhanced, clip(frame)) for a, b in zip(one, two))


@pytest.mark.parametrize(
    ("frame", "options"),
    [
        (FrameFormat(35, 21, "4:2:0", 8), ["--depth", "8"]),
        (FrameFormat(35, 21, "4:2:0", 10), ["--format", "yuv420p10le"]),
        (FrameFormat(35, 21, "4:2:2", 12), ["--format", "4:2:2", "--depth", "12"]),
        (FrameFormat(35, 21, "4:4:4", 16), ["--format", "444", "--depth", "16"]),
        (FrameFormat(35, 21, "4:0:0", 10), ["--format", "400", "--depth", "10"]),
    ],
)
def test_raw_video_is_what_y4m_is_without_headers(
    frame: FrameFormat, options: list[str], tmp_path: Path, run: Filter
) -> None:
    (tmp_path / "in.y4m").write_bytes(y4m(frame))
    (tmp_path / "in.yuv").write_bytes(b"".join(frame.pack(planes) for planes in clip(frame)))
    assert run(tmp_path / "in.y4m", "-o", tmp_path / "out.y4m", "--qp", 32) == 0
    raw = [tmp_path / "in.yuv", "--size", "35x21", *options, "--qp", 32]
    assert run(*raw, "-o", tmp_path / "out.yuv") == 0
    assert run(*raw, "-o", tmp_path / "named.y4m") == 0
    expected = [frame.pack(planes) for planes in read(tmp_path / "out.y4m")]
    assert (tmp_path / "out.yuv").read_bytes() == b"".join(expected)
    assert [frame.pack(planes) for planes in read(tmp_path / "named.y4m")] == expected


def test_output_depth_and_format(video: Path, tmp_path: Path, run: Filter) -> None:
    assert run(video, "-o", tmp_path / "out.y4m", "--qp", 32, "-d", 8) == 0
    reader = read(tmp_path / "out.y4m")
    assert reader.frame == FrameFormat(32, 24, "4:2:0", 8) and "F30000:1001" in reader.header.parameters
    assert run(video, "-o", tmp_path / "out.bin", "--qp", 32, "-d", 8, "--output-format", "raw") == 0
    assert (tmp_path / "out.bin").read_bytes() == b"".join(reader.frame.pack(planes) for planes in reader)
    assert run(video, "-o", tmp_path / "same.y4m", "--qp", 32, "-d", 0) == 0
    assert read(tmp_path / "same.y4m").frame == SMALL


def test_colour_is_read_from_the_header_and_can_be_overridden(tmp_path: Path, run: Filter) -> None:
    frame = FrameFormat(32, 24, "4:2:0", 8)
    plain, full = tmp_path / "plain.y4m", tmp_path / "full.y4m"
    plain.write_bytes(y4m(frame))
    full.write_bytes(y4m(frame).replace(b"LIMITED", b"FULL"))

    def frames(source: Path, *options: str) -> list[bytes]:
        target = tmp_path / "out.y4m"
        assert run(source, "-o", target, "--qp", 37, "--force", *options) == 0
        return [frame.pack(planes) for planes in read(target)]

    assert frames(plain) != frames(full) == frames(plain, "--range", "full")
    assert frames(plain) == frames(full, "--range", "limited") == frames(plain, "--matrix", "bt709")
    assert frames(plain) != frames(plain, "--matrix", "bt601")
    assert frames(plain) == frames(plain, "--chroma-location", "center") != frames(plain, "--chroma-location", "left")


def test_interlaced_video_is_told(tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.y4m").write_bytes(y4m(SMALL).replace(b" Ip ", b" It "))
    assert run(tmp_path / "in.y4m", "-o", tmp_path / "out.y4m", "--qp", 37) == 0
    assert "in.y4m: interlaced" in capfd.readouterr().err
    assert read(tmp_path / "out.y4m").header.interlaced


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def seen_qps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The QPs that the enhancer is called with."""
    seen: list[float] = []
    original = Enhancer.run

    def spy(self: Enhancer, decoded: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(decoded.rate.qp)
        return original(self, decoded, *arguments, **options)

    monkeypatch.setattr(Enhancer, "run", spy)
    monkeypatch.setattr(Enhancer, "small_at_a_time", lambda self: 1)  # in their order
    return seen


def test_video_is_enhanced_gently_if_nothing_is_asked_for(
    tmp_path: Path, run: Filter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No frame may be farther from its original than it was; who asks for more gets it."""
    monkeypatch.setattr(sys.modules[__name__], "PHOTO", PHOTO[100:])  # smooth frames get less
    video = tmp_path / "textured.y4m"
    video.write_bytes(y4m(SMALL))
    seen: list[Knobs] = []
    original = Enhancer.run

    def spy(self: Enhancer, decoded: Any, knobs: Knobs, **options: Any) -> Any:
        seen.append(knobs)
        return original(self, decoded, knobs, **options)

    monkeypatch.setattr(Enhancer, "run", spy)
    chosen: tuple[list[str], ...] = (
        [],
        ["--mode", "balanced"],
        ["--mode", "fidelity"],
        ["--perception", "0.6"],
        ["--steps", "1"],
    )
    for number, options in enumerate(chosen):
        assert run(video, "-o", tmp_path / f"{number}.y4m", "--qp", 37, *options) == 0
    asked = [(knobs.resolve().steps, knobs.resolve().perception) for knobs in seen[::3]]
    assert asked == [(1, 0.32), (1, 0.5), (1, 0.0), (8, 0.6), (1, 0.0)]


def test_one_qp_for_all_and_groups(video: Path, tmp_path: Path, run: Filter, seen_qps: list[float]) -> None:
    assert run(video, "-o", tmp_path / "one.y4m", "--qp", 32.5) == 0
    assert run(video, "-o", tmp_path / "group.y4m", "--qp", 30, "--gop-qp", "0,5") == 0
    assert run(video, "-o", tmp_path / "less.y4m", "--qp", 30, "--gop-qp=-2,5") == 0
    assert seen_qps == [32.5, 32.5, 32.5, 30, 35, 30, 28, 35, 28]


LOG = "".join(
    f"POC {poc:4d} LId:  0 TId: 0 ( {kind}-SLICE, QP {qp} ) [DT  0.080] [L0] [L1]\n"
    for poc, kind, qp in ((0, "IDR_N_LP, I", 30), (2, "TRAIL, I", 33), (1, "TRAIL, I", 36))
)
LOG += " Total Time:        0.412 sec. [user]\n"


@pytest.mark.parametrize("kind", ["file", "descriptor"])
def test_qps_from_the_log_are_in_output_order(
    kind: str, video: Path, tmp_path: Path, run: Filter, seen_qps: list[float]
) -> None:
    path = tmp_path / "vtm.log"
    path.write_text(LOG)
    with path.open("rb") as log:
        place = str(path) if kind == "file" else str(log.fileno())
        assert run(video, "-o", tmp_path / "out.y4m", "--vtm-log", place) == 0
    assert seen_qps == [30, 36, 33]
    seen_qps.clear()
    path.write_text(LOG.replace("TRAIL, I", "TRAIL, B"))
    assert run(video, "-o", tmp_path / "video.y4m", "--vtm-log", path) == 0
    assert seen_qps == [34, 34, 34], "pictures of a video have the rate of those that they are predicted from"


def test_a_log_that_does_not_say_it(
    video: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vtm.log").write_text("".join(LOG.splitlines(keepends=True)[::3]))
    assert run(video, "-o", tmp_path / "out.y4m", "--vtm-log", tmp_path / "vtm.log") == 1
    assert "vtm.log: the log ends before it says the QP of frame 2" in capfd.readouterr().err
    assert len(list(read(tmp_path / "out.y4m"))) == 1


@pytest.fixture(scope="module")
def bitstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures of 64x48, coded by the bundled libvvenc."""
    path = tmp_path_factory.mktemp("vvc") / "in.266"
    pattern = "testsrc2=size=64x48:rate=5,noise=alls=40:allf=t"
    source = ["-f", "lavfi", "-i", pattern, "-frames:v", "5", "-pix_fmt", "yuv420p10le"]
    coder = ["-c:v", "libvvenc", "-preset", "faster", "-qpa", "0", "-qp", "30", "-threads", "1", "-f", "vvc"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coder, str(path)], check=True)
    return path


def test_a_bitstream_brings_its_own_qps(bitstream: Path, tmp_path: Path, run: Filter, seen_qps: list[float]) -> None:
    assert run("-b", bitstream, "-o", tmp_path / "out.y4m", "--decoder", "ffmpeg") == 0
    assert read(tmp_path / "out.y4m").frame == FrameFormat(64, 48, "4:2:0", 10)
    assert len(list(read(tmp_path / "out.y4m"))) == len(seen_qps) == 5
    with open_vvc(bitstream, decoder="ffmpeg") as stream:
        assert seen_qps == [picture.rate.qp for picture in stream] and 25 <= min(seen_qps) <= 40
    seen_qps.clear()
    assert run("-b", bitstream, "-o", tmp_path / "own.y4m", "--decoder", "ffmpeg", "--qp", 40, "--gop-qp", "0,1") == 0
    assert seen_qps == [40, 41, 40, 41, 40]


def test_a_bitstream_gives_what_its_frames_give(bitstream: Path, tmp_path: Path, run: Filter) -> None:
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(bitstream), "-strict", "-1"]
    subprocess.run([*ffmpeg, str(tmp_path / "in.y4m")], check=True)
    for source, name in ((["-b", bitstream, "--decoder", "ffmpeg"], "one"), ([tmp_path / "in.y4m"], "two")):
        assert run(*source, "-o", tmp_path / f"{name}.y4m", "--qp", 35) == 0
    one, two = (list(read(tmp_path / f"{name}.y4m")) for name in ("one", "two"))
    assert [SMALL.pack(planes) for planes in one] == [SMALL.pack(planes) for planes in two]


def test_pictures_of_several_sizes_are_written_in_the_largest(
    tmp_path: Path, run: Filter, seen_qps: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    small, large = (np.ascontiguousarray(data.astronaut()[:height, 150:230]) for height in (48, 64))
    stream = b"".join(encode_clip([picture], ClipCoding(37)) for picture in (small, large, small))
    (tmp_path / "sizes.266").write_bytes(stream)
    assert run("-b", tmp_path / "sizes.266", "-o", tmp_path / "out.y4m") == 0
    assert "its pictures change their size: each is enhanced in its own, and written as 80x64" in capfd.readouterr().err
    frames = list(read(tmp_path / "out.y4m"))
    assert [planes[0].shape for planes in frames] == 3 * [(64, 80)] and len(seen_qps) == 3
    assert run("-b", tmp_path / "sizes.266", "-o", tmp_path / "out.yuv", "--quiet") == 0
    assert (tmp_path / "out.yuv").stat().st_size == 3 * 2 * 80 * 64 * 3 // 2


def test_a_bitstream_that_is_cut(
    bitstream: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.266").write_bytes(bitstream.read_bytes()[:-100])
    assert run("-b", tmp_path / "cut.266", "-o", tmp_path / "out.y4m", "--decoder", "ffmpeg", "--quiet") == 1
    said = capfd.readouterr().err.strip()
    assert said.startswith("enhance: error: ") and "cut.266" in said and "\n" not in said
    assert 1 <= len(list(read(tmp_path / "out.y4m"))) < 5


# --- places ----------------------------------------------------------------------------------------------------------

_NOISY = """
import ctypes, os, sys
from enhance.enhancer import Enhancer
original = Enhancer.run
def noisy(self, *arguments, **options):
    print("printed by Python")
    os.write(1, b"written to the descriptor")
    os.system("echo said by a program")
    ctypes.CDLL(None).printf(b"printed by C, and flushed when it likes")
    return original(self, *arguments, **options)
Enhancer.run = noisy
from enhance.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_only_frames_are_on_stdout(video: Path, tmp_path: Path, run: Filter, tiny_vvc_model_file: Path) -> None:
    assert run(video, "-o", tmp_path / "out.y4m", "--qp", 37) == 0
    arguments = ["filter", "--qp", "37", *model_options(tiny_vvc_model_file)]
    noisy = [sys.executable, "-c", _NOISY, *arguments]
    done = subprocess.run(noisy, input=video.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "out.y4m").read_bytes()
    for phrase in (b"printed by Python", b"written to", b"said by a program", b"printed by C", b"3 frames in"):
        assert phrase in done.stderr


@pytest.mark.slow
def test_frames_pass_while_the_input_is_open(video: Path, tiny_vvc_model_file: Path, tmp_path: Path) -> None:
    """Each frame comes out before the next one goes in; then Ctrl-C."""
    with subprocess.Popen(
        command(tiny_vvc_model_file, "--qp", 37, "--quiet"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        header, *frames = video.read_bytes().split(b"FRAME\n")
        process.stdin.write(header)
        for number, frame in enumerate(frames):
            process.stdin.write(b"FRAME\n" + frame)
            process.stdin.flush()
            expected = len(frame) + 6 + (len(header) if number == 0 else 0)
            assert len(process.stdout.read(expected)) == expected
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == b"enhance: interrupted\n"
        assert process.stdout.read() == b""


@pytest.mark.slow
def test_an_interrupted_file_is_gone(video: Path, tiny_vvc_model_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.y4m"
    with subprocess.Popen(
        command(tiny_vvc_model_file, "--qp", 37, "--quiet", "-o", target), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(video.read_bytes())
        process.stdin.flush()
        while not (parts := list(tmp_path.glob(".enhance-*"))) or parts[0].stat().st_size == 0:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
        assert process.stderr.read() == b"enhance: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.y4m"]


@pytest.mark.slow
def test_a_reader_who_leaves_is_no_error(tiny_vvc_model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "in.y4m").write_bytes(y4m(FrameFormat(160, 120), 30))
    with subprocess.Popen(
        command(tiny_vvc_model_file, tmp_path / "in.y4m", "--qp", 37, "--quiet"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(9) == b"YUV4MPEG2"
        process.stdout.close()
        assert process.wait(20) == 1  # as with `enhance run`
        assert process.stderr.read() == b""


def test_fifos_on_both_sides(video: Path, tmp_path: Path, run: Filter) -> None:
    source, target = tmp_path / "in.fifo", tmp_path / "out.fifo"
    os.mkfifo(source)
    os.mkfifo(target)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: source.write_bytes(video.read_bytes())),
        threading.Thread(target=lambda: found.append(target.read_bytes())),
    ]
    for thread in threads:
        thread.start()
    assert run(source, "-o", target, "--qp", 37) == 0
    for thread in threads:
        thread.join()
    assert run(video, "-o", tmp_path / "out.y4m", "--qp", 37) == 0
    assert found == [(tmp_path / "out.y4m").read_bytes()]


def test_nothing_is_overwritten_without_force(
    video: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.y4m"
    target.write_text("mine")
    assert run(video, "-o", target, "--qp", 37) == 1
    assert target.read_text() == "mine" and "exists already" in capfd.readouterr().err
    assert run(video, "-o", target, "--qp", 37, "--force") == 0
    assert len(list(read(target))) == 3
    before = video.read_bytes()
    assert run(video, "-o", video, "--qp", 37, "--force") == 1
    assert video.read_bytes() == before and "never changed" in capfd.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk(video: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(video, "-o", "/dev/full", "--qp", 37, "--quiet") == 1
    assert capfd.readouterr().err == "enhance: error: /dev/full: the disk is full (free space, or write elsewhere)\n"
    with open("/dev/full", "wb") as full:
        assert run(video, "-o", f"/dev/fd/{full.fileno()}", "--qp", 37, "--quiet") == 1
    assert "the disk is full" in capfd.readouterr().err


def test_a_disk_that_fills_up(video: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))  # a frame has 2304 bytes
    try:
        assert run(video, "-o", tmp_path / "out.y4m", "--qp", 37, "--quiet") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "out.y4m: cannot be written: File too large" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.y4m"]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "frames", "phrase"),
    [
        (b"", None, "the input is empty"),
        (b"\x00\x00\x01garbage" * 9, None, "not a y4m header"),
        (b"YUV4MPEG2 W16 H16\n", None, "holds no frame"),
        (b"YUV4MPEG2 W16 Habc\n", None, "a height of 'abc'"),
        (b"YUV4MPEG2 W16 H16 C411\n", None, "4:1:1"),
        (b"YUV4MPEG2 W99999 H99999\n", None, "limit of 1000 megapixels"),
        (y4m(SMALL)[:-1], 2, "frame 3 is cut short: 2303 of its 2304 bytes"),
        (y4m(SMALL, 1)[:-1], None, "frame 1 is cut short"),
        (y4m(SMALL) + b"junk", 3, "FRAME is missing before frame 4"),
    ],
)
def test_damaged_y4m(
    content: bytes, frames: int | None, phrase: str, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whole frames before the damage are delivered; without any there is no file."""
    source, target = tmp_path / "in.y4m", tmp_path / "out.y4m"
    source.write_bytes(content)
    assert run(source, "-o", target, "--qp", 37, "--quiet") == 1
    said = capfd.readouterr().err
    assert said.startswith(f"enhance: error: {source}: ") and phrase in said and said.count("\n") == 1
    if frames is None:
        assert [path.name for path in tmp_path.iterdir()] == ["in.y4m"]
    else:
        assert len(list(read(target))) == frames


def test_a_wrong_size(tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.yuv"
    source.write_bytes(b"".join(SMALL.pack(planes) for planes in clip(SMALL)))
    assert run(source, "--size", "32x20", "--depth", 10, "--qp", 37, "-o", tmp_path / "out.yuv") == 1
    said = capfd.readouterr().err
    assert "frame 4 is cut short" in said and "check --size, --format and --depth" in said
    assert run(source, "--size", "32x24", "--depth", 9, "--qp", 37, "-o", tmp_path / "deep.yuv") == 1
    assert "9 bits end at 511" in capfd.readouterr().err


def test_y4m_is_not_read_as_raw(tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.y4m").write_bytes(y4m(FrameFormat(32, 24)))
    options = ["--size", "32x24", "--depth", 8, "--qp", 37]
    assert run(tmp_path / "in.y4m", *options, "-o", tmp_path / "out.yuv") == 1
    assert "this is y4m" in capfd.readouterr().err and not (tmp_path / "out.yuv").exists()


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ([], "--qp N, --vtm-log FILE"),
        (["--gop-qp", "0,1"], "--qp, which is missing"),
        (["--qp", "64"], "qp must be"),
        (["--qp", "nan"], "qp must be"),
        (["--qp", "37", "--gop-qp", "0,x"], "list of numbers"),
        (["--qp", "37", "--vtm-log", "a.log"], "contradict"),
        (["--qp", "37", "--size", "32x24"], "--depth"),
        (["--qp", "37", "--size", "32", "--depth", "8"], "WIDTHxHEIGHT"),
        (["--qp", "37", "--size", "32x24", "--format", "nv12"], "planar"),
        (["--qp", "37", "--size", "32x24", "--format", "yuv420p10le", "--depth", "8"], "contradicts"),
        (["--qp", "37", "--depth", "8"], "--size"),
        (["--qp", "37", "-d", "7"], "8 to 16"),
        (["--qp", "37", "--matrix", "gbr"], "gbr"),
        (["--qp", "37", "-b", "in.266"], "cannot both"),
        (["--qp", "37", "--steps", "0"], "steps"),
    ],
)
def test_options_that_make_no_sense(
    options: list[str], phrase: str, video: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(video, "-o", tmp_path / "out.y4m", "--quiet", *options) == 2
    said = capfd.readouterr().err
    assert said.startswith("enhance: error: ") and phrase in said and said.count("\n") == 1
    assert not (tmp_path / "out.y4m").exists()


def test_bitstreams_and_frames_are_not_mixed_up(tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    for options in (["--vtm-log", "a.log"], ["--size", "32x24"], ["--format", "420"], ["--depth", "8"]):
        assert run("-b", tmp_path / "in.266", *options) == 2
    assert run("-b", tmp_path / "missing.266", "-o", tmp_path / "out.y4m") == 1
    assert run(tmp_path / "missing.y4m", "--qp", 37, "-o", tmp_path / "out.y4m") == 1
    assert capfd.readouterr().err.count("missing") == 2


def test_a_model_for_another_codec_is_refused(video: Path, tmp_path: Path, tiny_model_file: Path) -> None:
    assert (
        main(["filter", str(video), "-o", str(tmp_path / "o.y4m"), "--qp", "37", "--model", str(tiny_model_file)]) == 3
    )


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path, run: Filter) -> None:
    """If the arrays of 300 frames stayed (their planes, and three times their RGB in float32), they would be 34 MB."""
    source = tmp_path / "in.y4m"
    header, frame, *_ = y4m(FrameFormat(64, 48)).split(b"FRAME\n")
    source.write_bytes(header + 20 * (b"FRAME\n" + frame))
    assert run(source, "-o", tmp_path / "warm.y4m", "--qp", 37, "--quiet") == 0
    before = resident_bytes()
    source.write_bytes(header + 300 * (b"FRAME\n" + frame))
    assert run(source, "-o", tmp_path / "out.y4m", "--qp", 37, "--quiet") == 0
    assert len(list(read(tmp_path / "out.y4m"))) == 300
    assert resident_bytes() - before < 8 << 20


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


# --- what a stream says of itself ------------------------------------------------------------------------------------


def test_the_streams_frame_rate_and_sample_shape_are_written(tmp_path: Path, run: Filter) -> None:
    picture = np.ascontiguousarray(data.astronaut()[100:148, 150:214])
    stream = encode_clip([picture] * 2, ClipCoding(32), frame_rate="60000/1001")
    (tmp_path / "in.266").write_bytes(stream)
    assert run("-b", tmp_path / "in.266", "-o", tmp_path / "out.y4m", "--decoder", "ffmpeg") == 0
    parameters = read(tmp_path / "out.y4m").header.parameters
    assert "F60000:1001" in parameters and "A1:1" in parameters and "XCOLORRANGE=LIMITED" in parameters


def test_colours_that_y4m_cannot_say_are_told_and_get_no_looks(
    tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = np.ascontiguousarray(data.astronaut()[100:148, 150:214])
    more = ["-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084", "-color_primaries", "bt2020"]
    stream = encode_clip([picture], ClipCoding(32), more=[*more, "-color_trc", "smpte2084"])
    (tmp_path / "in.266").write_bytes(stream)
    assert run("-b", tmp_path / "in.266", "-o", tmp_path / "out.y4m", "--decoder", "ffmpeg") == 0
    assert "its colours are BT.2020, PQ, which y4m cannot say" in capfd.readouterr().err
    # The model has seen no HDR: looks are left to who asks for them.
    for mode in ("fidelity", "balanced"):
        asked = ("--decoder", "ffmpeg", "--mode", mode)
        assert run("-b", tmp_path / "in.266", "-o", tmp_path / f"{mode}.y4m", *asked) == 0
    default, fidelity, balanced = ((tmp_path / f"{name}.y4m").read_bytes() for name in ("out", "fidelity", "balanced"))
    assert default == fidelity != balanced


@pytest.mark.parametrize(("frames", "expected"), [("1:3", [1, 2]), (":2", [0, 1]), ("2:", [2]), ("1:99", [1, 2])])
def test_some_of_the_frames(
    frames: str, expected: list[int], video: Path, tmp_path: Path, run: Filter, seen_qps: list[float]
) -> None:
    rates = ["--qp", 30, "--gop-qp", "0,1,2"]
    assert run(video, "-o", tmp_path / "all.y4m", *rates) == 0
    seen_qps.clear()
    assert run(video, "-o", tmp_path / "some.y4m", *rates, "--frames", frames) == 0
    assert seen_qps == [30 + number for number in expected], "each frame keeps its rate"
    whole, some = (list(read(tmp_path / name)) for name in ("all.y4m", "some.y4m"))
    assert [SMALL.pack(planes) for planes in some] == [SMALL.pack(whole[number]) for number in expected]


@pytest.mark.parametrize("frames", ["3:3", "4:2", "1", "a:b", "1:2:3", "-1:2"])
def test_no_range_of_frames(frames: str, video: Path, run: Filter, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(video, f"--frames={frames}", "--qp", 30) == 2
    assert "a range of frames" in capfd.readouterr().err


def test_frames_behind_the_last_one(
    video: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(video, "-o", tmp_path / "none.y4m", "--qp", 30, "--frames", "5000:") == 1
    assert "holds no frame 5000 (check --frames)" in capfd.readouterr().err and not (tmp_path / "none.y4m").exists()


def test_a_movie_is_filtered_and_its_progress_told(
    bitstream: Path, tmp_path: Path, run: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    movie = tmp_path / "in.mp4"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "vvc", "-i", str(bitstream)]
    subprocess.run([*ffmpeg, "-c", "copy", str(movie)], check=True)
    for source, name in ((bitstream, "plain"), (movie, "movie")):
        assert run("-b", source, "-o", tmp_path / f"{name}.y4m", "--decoder", "ffmpeg") == 0
    assert "5 of 5 frames" in capfd.readouterr().err
    plain, taken = (read(tmp_path / f"{name}.y4m") for name in ("plain", "movie"))
    assert plain.header == taken.header
    assert [SMALL.pack(planes) for planes in plain] == [SMALL.pack(planes) for planes in taken]


def test_a_frame_rate_that_nobody_says_is_told(
    bitstream: Path, tmp_path: Path, run: Filter, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-b", bitstream, "--decoder", "ffmpeg", "--force", "-o", tmp_path / "out.y4m"]
    assert run(*arguments) == 0
    assert "frame rate" not in capfd.readouterr().err
    monkeypatch.setattr("enhance.codecs.vvc.stream.read_facts", lambda timing, vui: StreamFacts())
    assert run(*arguments) == 0
    assert "it does not say its frame rate" in capfd.readouterr().err
    assert "F25:1" in read(tmp_path / "out.y4m").header.parameters


def test_a_qp_that_is_to_be_found_out_is_refused_with_a_way_out(
    video: Path, run: Filter, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(video, "--qp", "auto") == 2
    assert "the bitstream with -b" in capsys.readouterr().err
    assert run(video, "--qp", "high") == 2
    assert "a number from 0 to 63, not 'high'" in capsys.readouterr().err
