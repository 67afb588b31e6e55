"""Which decoder is run, where it is looked for, and what VTM, or a program in its place, can do to a user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from enhance.codecs.vvc.decoder import VvcDecoder, VvcStream, open_vvc
from enhance.codecs.vvc.headers import CodedPicture
from enhance.codecs.vvc.programs import DEFAULT_VARIABLE, FFMPEG, VTM, VVDEC, choose_decoder
from enhance.errors import DecodeError, UsageError
from enhance.frames.format import ColorSpace, FrameFormat, Planes
from enhance.frames.y4m import Y4MHeader

StreamFactory = Callable[..., bytes]
StandIn = Callable[..., Path]
FRAME = FrameFormat(98, 58, "4:2:0", 10)
COUNT = 20

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without VTM and vvdecapp, whatever this one has."""
    for variable in (VTM.variable, VVDEC.variable, DEFAULT_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.setattr("enhance.codecs.vvc.programs._CHECKOUT", tmp_path / "checkout")
    (tmp_path / "programs").mkdir()


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


# --- the choice ------------------------------------------------------------------------------------------------------


def test_ffmpeg_is_always_there() -> None:
    assert choose_decoder()[0] is FFMPEG and choose_decoder("auto")[0] is FFMPEG


def test_vtm_comes_first_and_vvdecapp_second(tmp_path: Path) -> None:
    program(tmp_path / "programs" / "vvdecapp")
    assert choose_decoder()[0] is VVDEC
    program(tmp_path / "programs" / "DecoderApp")
    assert choose_decoder()[0] is VTM
    assert choose_decoder("vvdec")[0] is VVDEC and choose_decoder("ffmpeg")[0] is FFMPEG


def test_places_of_vtm_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert VTM.find() is None
    on_path = program(tmp_path / "programs" / "DecoderAppStatic")
    assert VTM.find() == on_path
    in_checkout = program(tmp_path / "checkout" / "third_party" / "vtm" / "bin" / "DecoderAppStatic")
    assert VTM.find() == in_checkout
    by_variable = program(tmp_path / "elsewhere" / "DecoderApp")
    monkeypatch.setenv(VTM.variable, str(by_variable))
    assert VTM.find() == by_variable
    given = program(tmp_path / "given" / "my_vtm")
    assert VTM.find(given) == given
    assert VTM.find(by_variable.parent) == by_variable  # its folder will do


def test_a_missing_decoder_says_where_it_was_looked_for() -> None:
    with pytest.raises(UsageError) as raised:
        choose_decoder("vtm")
    for place in (
        "ENHANCE_VTM",
        "third_party/vtm/bin",
        "DecoderApp or DecoderAppStatic on the PATH",
        "--decoder ffmpeg",
    ):
        assert place in str(raised.value)
    with pytest.raises(UsageError, match="vvdecapp was not found; looked for: the variable ENHANCE_VVDEC"):
        choose_decoder("vvdec")


def test_a_wrong_place_is_an_error_and_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "programs" / "DecoderApp")
    with pytest.raises(UsageError, match="--vtm: no such file"):
        choose_decoder("auto", vtm=tmp_path / "none")
    text = tmp_path / "readme"
    text.write_text("no program")
    with pytest.raises(UsageError, match="--vtm: no program"):
        choose_decoder("vtm", vtm=text)
    monkeypatch.setenv(VTM.variable, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="ENHANCE_VTM: no such file"):
        choose_decoder()


def test_a_default_for_all_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "programs" / "DecoderApp")
    monkeypatch.setenv(DEFAULT_VARIABLE, "ffmpeg")
    assert choose_decoder()[0] is FFMPEG
    assert choose_decoder("vtm")[0] is VTM
    monkeypatch.setenv(DEFAULT_VARIABLE, "best")
    with pytest.raises(UsageError, match="decoder must be one of auto, vtm, vvdec, ffmpeg, not 'best'"):
        choose_decoder()


def test_auto_passes_over_what_cannot_decode_the_stream(tmp_path: Path) -> None:
    program(tmp_path / "programs" / "vvdecapp")
    assert choose_decoder(suits=lambda decoder: decoder.max_depth >= 12)[0] is FFMPEG
    assert choose_decoder("vvdec", suits=lambda decoder: False)[0] is VVDEC


# --- a program in the place of VTM -----------------------------------------------------------------------------------


@pytest.fixture
def video(vvc_stream: StreamFactory, stand_in: StandIn) -> Callable[..., VvcStream]:
    """Opens a stream of 20 pictures by a program that behaves in some way."""
    stream = vvc_stream(COUNT, 40)
    with open_vvc(stream, decoder="ffmpeg") as opened:
        frames = [picture.planes for picture in opened]
        coded = opened.headers.pictures

    def run(behaviour: str, **options: object) -> VvcStream:
        header = Y4MHeader.of(FRAME, ColorSpace()).line()
        path = stand_in(behaviour, frames, FRAME, header, log_of(coded))
        return open_vvc(stream, decoder="vtm", vtm=path, **options)  # type: ignore[arg-type]

    return run


def log_of(coded: tuple[CodedPicture, ...]) -> list[list[str]]:
    """What VTM prints before it writes each frame; here it says QPs that are 10 higher than the headers'."""
    names = ["IDR_W_RADL"] + ["TRAIL" if picture.poc > coded[0].poc else "RADL" for picture in coded[1:]]
    lines = [
        f"POC {picture.poc:4d} LId:  0 TId: 0 ( {name}, B-SLICE, QP {picture.qp + 10} ) [DT  0.003] [L0 0] [L1 0c]"
        for picture, name in zip(coded, names)
    ]
    places = {picture.poc: place for place, picture in enumerate(coded)}
    blocks, begun = [], 0
    for poc in range(len(coded)):
        end = max(begun, places[poc] + 1)
        blocks.append([*lines[begun:end], "", "Warning: some other line"])
        begun = end
    return blocks


def same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_frames_and_qps_of_vtm(video: Callable[..., VvcStream], vvc_stream: StreamFactory) -> None:
    with open_vvc(vvc_stream(COUNT, 40), decoder="ffmpeg") as opened:
        expected = list(opened)
    with video("works") as stream:
        assert stream.decoder == "vtm"
        for picture, other in zip(stream, expected, strict=True):
            assert same(picture.planes, other.planes)
            assert picture.slice_qp == other.slice_qp + 10  # from the log, not from the headers


def test_a_stop_after_the_first_picture(video: Callable[..., VvcStream]) -> None:
    with video("works") as stream:
        assert len(list(islice(stream, 1))) == 1
    with video("hangs later", frames=1) as stream:
        assert len(list(stream)) == 1


@pytest.mark.parametrize(
    ("behaviour", "reason", "least"),
    [
        ("dies", "VTM's DecoderApp failed with status 1", 0),
        ("crashes", "VTM's DecoderApp was killed by SIGSEGV", 0),
        ("is cut", "VTM's DecoderApp failed with status 1: FIFO exceeded", 2),
    ],
)
def test_vtm_fails(video: Callable[..., VvcStream], behaviour: str, reason: str, least: int) -> None:
    pictures = []
    with video(behaviour) as stream, pytest.raises(DecodeError, match=reason):
        for picture in stream:
            pictures.append(picture)
    assert len(pictures) >= least


@pytest.mark.parametrize(("behaviour", "count"), [("hangs", 0), ("hangs later", 2), ("does not end", COUNT)])
def test_vtm_hangs(video: Callable[..., VvcStream], behaviour: str, count: int) -> None:
    pictures = []
    with video(behaviour, patience=2.0) as stream, pytest.raises(DecodeError, match="has done nothing for 2 seconds"):
        for picture in stream:
            pictures.append(picture)
    assert len(pictures) == count


def test_a_limit_for_the_whole_time(video: Callable[..., VvcStream]) -> None:
    with video("hangs later", time_limit=2.5) as stream, pytest.raises(DecodeError, match="within its time limit"):
        list(stream)


def test_an_interrupt(video: Callable[..., VvcStream]) -> None:
    with pytest.raises(KeyboardInterrupt), video("hangs later") as stream:
        for _ in stream:
            raise KeyboardInterrupt


def test_frames_of_another_size_than_the_headers_say(vvc_stream: StreamFactory, stand_in: StandIn) -> None:
    other = FrameFormat(64, 48, "4:2:0", 10)
    planes = tuple(np.zeros(shape, other.dtype) for shape in other.plane_shapes)
    path = stand_in("works", [planes], other, Y4MHeader.of(other, ColorSpace()).line(), [[]])
    with open_vvc(vvc_stream(), decoder="vtm", vtm=path) as stream, pytest.raises(DecodeError, match="headers say"):
        list(stream)


def test_a_program_that_writes_something_else(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    path = tmp_path / "DecoderApp"
    text = f"#!{sys.executable} -IS\nimport sys\nopen(sys.argv[4], 'wb').write(b'P6 1 1 255')\n"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    with open_vvc(vvc_stream(), decoder="vtm", vtm=path) as stream, pytest.raises(DecodeError, match="y4m"):
        list(stream)


def test_a_still_by_vtm(vvc_stream: StreamFactory, tmp_path: Path, stand_in: StandIn) -> None:
    frame = FrameFormat(98, 58, "4:2:0", 10)
    planes = tuple(np.full(shape, 512, frame.dtype) for shape in frame.plane_shapes)
    line = "POC    0 LId:  0 TId: 0 ( IDR_N_LP, I-SLICE, QP 41 ) [DT  0.003] [L0] [L1]"
    path = stand_in("works", [planes], frame, Y4MHeader.of(frame, ColorSpace()).line(), [[line]])
    image = VvcDecoder(decoder="vtm", vtm=path).decode(vvc_stream(), source="a.266")
    assert image.rate.level == 41 and image.details["decoder"] == "vtm"
    assert np.ptp(image.pixels) < 1e-6


# --- the real one ----------------------------------------------------------------------------------------------------

REAL = VTM.find()  # before the tests hide it


@pytest.mark.skipif(REAL is None, reason="there is no VTM on this machine")
@pytest.mark.parametrize(("count", "depth"), [(1, 10), (2, 8), (COUNT, 10)])
def test_the_real_vtm(vvc_stream: StreamFactory, count: int, depth: int) -> None:
    stream = vvc_stream(count, 40, (100, 60), depth=depth)
    with open_vvc(stream, decoder="ffmpeg") as opened:
        expected = list(opened)
    with open_vvc(stream, decoder="vtm", vtm=REAL) as opened:
        for picture, other in zip(opened, expected, strict=True):
            assert same(picture.planes, other.planes) and picture.slice_qp == other.slice_qp


@pytest.mark.skipif(REAL is None, reason="there is no VTM on this machine")
def test_the_real_vtm_on_a_cut_stream(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(COUNT, 30, (160, 112))
    pictures = []
    with open_vvc(stream[:-9], decoder="vtm", vtm=REAL) as opened, pytest.raises(DecodeError, match="status 1"):
        for picture in opened:
            pictures.append(picture)
    assert len(pictures) == COUNT - 2  # the last in decoding order is the last but one in output order


@pytest.mark.skipif(REAL is None, reason="there is no VTM on this machine")
def test_garbage_for_the_real_vtm(vvc_stream: StreamFactory) -> None:
    content = vvc_stream()[:90] + os.urandom(2000)
    with pytest.raises(DecodeError), open_vvc(content, decoder="vtm", vtm=REAL) as opened:
        list(opened)
