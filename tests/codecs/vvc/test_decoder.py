"""VVC streams, real ones, through the ffmpeg that is built in: pictures, QPs, stills, and what damaged streams give."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from enhance.codecs.registry import decode, find_decoder
from enhance.codecs.vvc.decoder import VvcDecoder, VvcPicture, open_vvc
from enhance.codecs.vvc.headers import StreamHeaders
from enhance.codecs.vvc.programs import VTM, VVDEC
from enhance.codecs.vvc.reference_qp import predicted_rate
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError, UsageError
from enhance.frames.colour import yuv_to_rgb
from enhance.frames.format import ColorSpace, FrameFormat, Planes
from enhance.system.limits import Limits

StreamFactory = Callable[..., bytes]
StandIn = Callable[..., Path]
PlainDecode = Callable[[bytes, FrameFormat], list[Planes]]
SHARED = Path(__file__).parents[4] / "shared" / "data"

pytestmark = pytest.mark.usefixtures("nothing_left")


def pictures(stream: bytes, count: int | None = None) -> list[VvcPicture]:
    with open_vvc(stream, decoder="ffmpeg") as opened:
        return list(islice(opened, count))


def same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("count", "size"), [(1, (98, 58)), (2, (100, 60)), (20, (98, 58))])
@pytest.mark.parametrize("depth", [8, 10])
def test_all_pictures_come_as_they_are(
    vvc_stream: StreamFactory, plain_decode: PlainDecode, count: int, size: tuple[int, int], depth: int
) -> None:
    stream = vvc_stream(count, 40, size, depth=depth)
    with open_vvc(stream, decoder="ffmpeg") as opened:
        assert (opened.frame, opened.count) == (FrameFormat(*size, "4:2:0", depth), count)
        decoded = list(opened)
    assert len(decoded) == count
    for picture, planes in zip(decoded, plain_decode(stream, opened.frame), strict=True):
        assert same(picture.planes, planes)


@pytest.mark.parametrize("qp", [22, 30, 37, 45, 52])
def test_the_qp_of_a_still_is_read(vvc_stream: StreamFactory, qp: int) -> None:
    (picture,) = pictures(vvc_stream(1, qp))
    assert (picture.rate.qp, picture.rate.estimated) == (qp - 3, False)


def test_qps_follow_their_pictures(vvc_stream: StreamFactory) -> None:
    """Pictures that others are predicted from have lower QPs: in a pyramid every second one is of the highest level."""
    decoded = pictures(vvc_stream(20, 37))
    qps = [picture.slice_qp for picture in decoded]
    by_size = sorted(decoded, key=lambda picture: -picture.coded_bytes)
    assert by_size[0].slice_qp == min(qps)
    assert len(set(qps)) >= 4


def test_a_path_is_read_where_it_is(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    path = tmp_path / "-b odd name:%d.bin"
    path.write_bytes(vvc_stream(2))
    with open_vvc(path, decoder="ffmpeg") as opened:
        assert len(list(opened)) == 2


def test_a_pipe_can_be_the_source(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    fifo, whole = tmp_path / "fifo", tmp_path / "whole.266"
    os.mkfifo(fifo)
    whole.write_bytes(vvc_stream(2))
    with pytest.raises(DecodeError, match=r"is a named pipe.*--special-files"):
        open_vvc(fifo, decoder="ffmpeg")
    limits = Limits(special_files=True)
    with subprocess.Popen(["cp", str(whole), str(fifo)]), open_vvc(fifo, decoder="ffmpeg", limits=limits) as opened:
        assert len(list(opened)) == 2


def test_frames_limits_the_pictures(vvc_stream: StreamFactory) -> None:
    with open_vvc(vvc_stream(20), decoder="ffmpeg", frames=3) as opened:
        assert (len(list(opened)), opened.count) == (3, 20)


def test_memory_does_not_grow_with_the_pictures(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(20, 40, (320, 240))
    frame_bytes = 320 * 240 * 3
    with open_vvc(stream, decoder="ffmpeg") as opened:
        pictures = iter(opened)
        next(pictures)
        tracemalloc.start()
        for _ in pictures:
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 * frame_bytes


# --- stills ----------------------------------------------------------------------------------------------------------


def test_a_still_is_found_by_its_content(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(2, 37, color=("-colorspace", "bt709"))
    image = decode(stream)
    assert image.rate.codec == "vvc"
    assert image.pixels.shape == (58, 98, 3) and image.pixels.dtype == np.float32
    assert image.pixels.min() >= 0 and image.pixels.max() <= 1
    planes = pictures(stream, 1)[0].planes
    expected = yuv_to_rgb(planes, FrameFormat(98, 58, "4:2:0", 10), ColorSpace("bt709")).clip(0, 1)
    assert np.array_equal(image.pixels, expected)
    assert image.details["pictures"] == 2 and image.details["slice_qp"] == 46
    assert image.rate == predicted_rate(34)  # it is predicted from the other one
    assert any("`enhance filter`" in note for note in image.notes)


def test_details_of_a_still(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(1, 37, depth=8, color=("-colorspace", "bt709"))
    image = VvcDecoder(decoder="ffmpeg").decode(stream, source="a.266")
    assert image.details == {
        "width": 98,
        "height": 58,
        "subsampling": "4:2:0",
        "precision": 8,
        "color_space": "BT.709, limited range",
        "slice_qp": 34,
        "bits_per_pixel": round(8 * len(stream) / (98 * 58), 4),
        "pictures": 1,
        "decoder": "ffmpeg",
    }
    assert image.notes == ()


def test_colour_that_is_not_said_is_taken_as_bt709_or_as_the_user_says(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(color=("-colorspace", "unknown"))
    with open_vvc(stream, decoder="ffmpeg") as opened:
        assert opened.space == ColorSpace("bt709", False, "center")
        assert opened.notes == ("the stream does not say its colour matrix: taken as BT.709, limited range",)
    given = open_vvc(stream, decoder="ffmpeg", matrix="bt601", full_range=True, chroma_location="left")
    with given:
        assert (given.space, given.notes) == (ColorSpace("bt601", True, "left"), ())


def test_a_still_of_luma_alone_is_gray() -> None:
    stream = _from_corpus("8b400_A_Bytedance_2.bit")
    image = VvcDecoder(decoder="ffmpeg").decode(stream.read_bytes(), source="a.bit")
    assert image.pixels.shape == (480, 832) and image.is_gray


# --- bad input -------------------------------------------------------------------------------------------------------


def test_other_files_are_not_taken_for_vvc(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream()
    for content in (stream, bytes(5) + stream, stream[:6]):
        decoder = find_decoder(content)
        assert decoder is not None and decoder.name == "vvc"
    for start in (b"\0\0\0\1\x67\x64\0\x1f", b"\0\0\0\1\x27\x64\0\x1f", b"\0\0\1\x09\xf0", b"\0\0\1\x06\x05\xff"):
        assert find_decoder(start) is None  # H.264
    for start in (b"\0\0\0\1\x40\1\x0c\1", b"\0\0\1\x42\1\1", b"\0\0\1\x46\1\x10", b"\0\0\1\x4e\1\5"):
        assert find_decoder(start) is None  # H.265
    for start in (b"", b"\0\0\1", b"\0\0\1\xb3", b"\0\0\1\0\1\0", b"\0\0\1\0\x08", b"x" + stream, bytes(4096)):
        assert find_decoder(start) is None


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_streams_of_its_predecessors_are_not_taken_for_vvc(codec: str) -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "2"]
    kind = {"libx264": "h264", "libx265": "hevc", "mpeg2video": "mpeg2video"}[codec]
    command = [get_ffmpeg_exe(), "-v", "error", *source, "-c:v", codec, "-f", kind, "-"]
    stream = subprocess.run(command, capture_output=True).stdout
    if not stream:
        pytest.skip(f"this ffmpeg has no {codec}")
    assert find_decoder(stream[:4096]) is None


@pytest.mark.parametrize("content", [b"", b"garbage", os.urandom(5000), b"\0\0\1\x67\x64" + bytes(100)])
def test_garbage_is_one_clear_error(content: bytes) -> None:
    with pytest.raises((DecodeError, UnsupportedImageError)) as raised:
        open_vvc(content, decoder="ffmpeg")
    assert "\n" not in str(raised.value)


def test_garbage_after_a_good_beginning(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream()
    for kept in (6, 20, 60, 90):
        with pytest.raises(EnhanceError) as raised:
            pictures(stream[:kept] + np.random.default_rng(kept).bytes(3000))
        assert "\n" not in str(raised.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="no such file"):
        open_vvc(tmp_path / "none.266")
    with pytest.raises(DecodeError, match="is a folder"):
        open_vvc(tmp_path)


def test_no_place_for_temporary_files(
    vvc_stream: StreamFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch, pytest.raises(DecodeError, match="temporary files cannot be written"):
        patch.setattr("tempfile.tempdir", str(tmp_path / "none"))
        patch.setattr("enhance.system.temporary._home", None)
        open_vvc(vvc_stream(), decoder="ffmpeg")


def test_too_many_pixels(vvc_stream: StreamFactory) -> None:
    with pytest.raises(UnsupportedImageError, match="98x58 pixels, more than the limit"):
        open_vvc(vvc_stream(), decoder="ffmpeg", limits=Limits(max_pixels=1000))


@pytest.mark.parametrize("missing", [20, 19, 16, 15, 10, 2, 1])
def test_every_whole_picture_of_a_cut_stream_is_delivered(vvc_stream: StreamFactory, missing: int) -> None:
    """Decoders end at a damaged picture without those that wait for their turn; these come, too."""
    stream = vvc_stream(20, 30, (160, 112))
    whole = pictures(stream)
    coded = _headers(stream).pictures
    left = sum(picture.coded_bytes for picture in coded[: len(coded) - missing])
    cut = stream[: left + coded[-missing].coded_bytes - 9]
    delivered = []
    with pytest.raises(DecodeError, match=r"^<memory>: ffmpeg") as raised, open_vvc(cut, decoder="ffmpeg") as opened:
        for picture in opened:
            delivered.append(picture)
    assert raised.value.exit_code == 1
    pocs = {picture.poc for picture in coded[: len(coded) - missing]}
    assert len(delivered) == next(number for number in range(21) if number not in pocs)
    for picture, expected in zip(delivered, whole):
        assert same(picture.planes, expected.planes) and picture.slice_qp == expected.slice_qp


def test_wherever_a_stream_is_cut_no_wrong_picture_comes(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(20, 30, (160, 112))
    whole = pictures(stream)
    for length in np.linspace(10, len(stream) - 1, 12).astype(int):
        with suppress(EnhanceError), open_vvc(stream[:length], decoder="ffmpeg") as opened:
            if "the numbers of its pictures have gaps: some may be missing" in opened.notes:
                continue  # the cut is between two pictures
            for picture, expected in zip(opened, whole):
                assert same(picture.planes, expected.planes)


def _headers(stream: bytes) -> StreamHeaders:
    with open_vvc(stream, decoder="ffmpeg") as opened:
        return opened.headers


def test_a_cut_still_is_an_error(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(1, 30, (160, 112))
    for share in (0.2, 0.5, 0.9):
        with pytest.raises(DecodeError):
            decode(stream[: int(share * len(stream))])


def test_damage_in_the_middle_gives_no_damaged_picture(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(20, 30, (160, 112))
    whole = pictures(stream)
    damaged = bytearray(stream)
    damaged[len(stream) // 2 : len(stream) // 2 + 40] = bytes(range(1, 41))
    delivered = []
    with pytest.raises(EnhanceError), open_vvc(bytes(damaged), decoder="ffmpeg") as opened:
        for picture in opened:
            delivered.append(picture)
    assert all(same(picture.planes, expected.planes) for picture, expected in zip(delivered, whole))


# --- nothing is left behind (the fixture looks) ----------------------------------------------------------------------


def test_stopping_early(vvc_stream: StreamFactory) -> None:
    with open_vvc(vvc_stream(20, 40, (320, 240)), decoder="ffmpeg") as opened:
        next(iter(opened))


def test_never_looking(vvc_stream: StreamFactory) -> None:
    open_vvc(vvc_stream(20, 40, (320, 240)), decoder="ffmpeg").close()


def test_throwing_it_away(vvc_stream: StreamFactory) -> None:
    opened = open_vvc(vvc_stream(20, 40, (320, 240)), decoder="ffmpeg")
    next(iter(opened))
    del opened
    gc.collect()


def test_an_interrupt(vvc_stream: StreamFactory) -> None:
    with pytest.raises(KeyboardInterrupt), open_vvc(vvc_stream(20, 40, (320, 240)), decoder="ffmpeg") as opened:
        for _ in opened:
            raise KeyboardInterrupt


def test_an_exception_elsewhere_while_it_is_open(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(20, 40, (320, 240))
    for _ in range(3):
        with pytest.raises(UsageError, match="decoder must be one of"):
            open_vvc(stream, decoder="libde265")


def test_an_exit_without_closing(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    path = tmp_path / "a.266"
    path.write_bytes(vvc_stream(20, 40, (320, 240)))
    temporary = tmp_path / "exit"
    temporary.mkdir()
    program = (
        "import sys; from enhance.codecs.vvc.decoder import open_vvc; s = open_vvc(open(sys.argv[1], 'rb').read())\n"
    )
    program += "print(next(iter(s)).slice_qp); sys.exit(3)"
    environment = os.environ | {"TMPDIR": str(temporary), "ENHANCE_VVC_DECODER": "ffmpeg"}
    done = subprocess.run([sys.executable, "-c", program, str(path)], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 3 and done.stdout
    assert list(temporary.iterdir()) == []


# --- the standard's streams, and the three decoders ------------------------------------------------------------------


def _from_corpus(name: str) -> Path:
    path = SHARED / "vvc_corpus" / name
    if not path.exists():
        pytest.skip("the conformance streams are not here")
    return path


@pytest.mark.parametrize(
    ("name", "frame", "count"),
    [
        ("8b400_A_Bytedance_2.bit", FrameFormat(832, 480, "4:0:0", 8), 49),
        ("10b400_A_Bytedance_2.bit", FrameFormat(832, 480, "4:0:0", 10), 49),
        ("8b420_A_Bytedance_2.bit", FrameFormat(832, 480, "4:2:0", 8), 49),
        ("8b422_A_Sony_5.bit", FrameFormat(1920, 1080, "4:2:2", 10), 3),
        ("STILL444_B_ERICSSON_1.bit", FrameFormat(1920, 1080, "4:4:4", 10), 5),
        ("DPB_A_Sharplabs_2.bit", FrameFormat(416, 240, "4:2:0", 10), 50),
        ("GDR_A_ERICSSON_2.bit", FrameFormat(176, 144, "4:2:0", 10), 29),
        ("RAP_A_HHI_1.bit", FrameFormat(416, 240, "4:2:0", 10), 1),  # 15 pictures cannot be decoded
    ],
)
def test_conformance_streams(name: str, frame: FrameFormat, count: int) -> None:
    path = _from_corpus(name)
    with open_vvc(path, decoder="ffmpeg", frames=8) as opened:
        assert (opened.frame, opened.count) == (frame, count)
        assert len(list(opened)) == min(count, 8)


def test_resampled_references_give_pictures_of_their_own_sizes() -> None:
    with open_vvc(_from_corpus("RPR_A_Alibaba_4.bit"), decoder="ffmpeg") as opened:
        sizes = [(picture.frame.width, picture.frame.height, picture.planes[0].shape) for picture in opened]
    assert sizes == 2 * [(832, 480, (480, 832))] + 2 * [(1664, 960, (960, 1664))]
    assert opened.headers.changes_size and opened.headers.largest == FrameFormat(1664, 960, "4:2:0", 10)


def test_a_change_of_size_and_one_of_depth(vvc_stream: StreamFactory) -> None:
    """Sequences of several sizes follow each other, as where a sender adapts to its line."""
    small, large = vvc_stream(2, 40, (32, 48)), vvc_stream(1, 40, (64, 48))
    with open_vvc(small + large, decoder="ffmpeg") as opened:
        found = [picture.planes[0].shape for picture in opened]
        assert (opened.frame.width, opened.headers.largest.width, opened.headers.largest.height) == (32, 64, 48)
    assert found == [(48, 32), (48, 32), (48, 64)]
    alone = [picture.planes for part in (small, large) for picture in pictures(part)]
    with open_vvc(small + large, decoder="ffmpeg") as opened:
        assert all(same(picture.planes, planes) for picture, planes in zip(opened, alone, strict=True))
    delivered: list[VvcPicture] = []
    with open_vvc(small + vvc_stream(1, 40, (32, 48), depth=8), decoder="ffmpeg") as opened:
        reason = "picture 3 is 32x48 4:2:0 with 8 bits, those before are 32x48 4:2:0 with 10"
        with pytest.raises(UnsupportedImageError, match=reason):
            delivered.extend(opened)


def test_a_picture_above_the_limit_later_in_the_stream(vvc_stream: StreamFactory) -> None:
    stream = vvc_stream(1, 40, (32, 48)) + vvc_stream(1, 40, (64, 48))
    with pytest.raises(UnsupportedImageError, match="64x48 pixels, more than the limit"):
        open_vvc(stream, decoder="ffmpeg", limits=Limits(max_pixels=2000))


def test_other_decoders_do_not_get_streams_that_change_their_size(
    vvc_stream: StreamFactory, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, vtm = vvc_stream(1, 40, (32, 48)) + vvc_stream(1, 40, (64, 48)), stand_in("dies")
    monkeypatch.delenv("ENHANCE_VVC_DECODER", raising=False)
    with open_vvc(stream, vtm=vtm) as opened:
        assert opened.decoder == "ffmpeg" and len(list(opened)) == 2
    with pytest.raises(UnsupportedImageError, match="change their size, which is not handled with VTM's DecoderApp"):
        open_vvc(stream, decoder="vtm", vtm=vtm)


def _kodak() -> list[Path]:
    """One image at four QPs; all 96 streams with ENHANCE_ALL_STREAMS set."""
    pattern = "*.266" if os.environ.get("ENHANCE_ALL_STREAMS") else "kodim07_*.266"
    return sorted((SHARED / "vvc_kodak").glob(pattern)) or [Path("none")]


@pytest.mark.parametrize("path", _kodak(), ids=lambda path: path.stem)
def test_decoders_agree(path: Path) -> None:
    """Planes and QPs, and the QPs are those that were coded."""
    if not path.exists():
        pytest.skip("the streams are not here")
    decoders = ["ffmpeg"] + [it.name for it in (VTM, VVDEC) if it.find() is not None]
    expected = pictures(path.read_bytes())
    assert [picture.slice_qp for picture in expected] == [int(path.stem[-2:])]
    for decoder in decoders[1:]:
        with open_vvc(path, decoder=decoder) as opened:
            assert opened.decoder == decoder
            for picture, other in zip(opened, expected, strict=True):
                assert same(picture.planes, other.planes)
                assert (picture.rate, picture.slice_qp) == (other.rate, other.slice_qp)
