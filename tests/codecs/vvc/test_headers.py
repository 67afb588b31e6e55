"""Headers of VVC streams: sizes, order and QPs of pictures, from the syntax elements that ffmpeg prints."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from enhance.codecs.vvc.headers import HeaderReader, StreamHeaders
from enhance.codecs.vvc.programs import find_ffmpeg, trace_arguments
from enhance.codecs.vvc.vui import read_vui
from enhance.errors import UnsupportedImageError
from enhance.frames.format import ColorSpace, FrameFormat

StreamFactory = Callable[..., bytes]

TRAIL, RADL, RASL, IDR, CRA, GDR, SPS, PPS, PICTURE_HEADER, END = 0, 2, 3, 8, 9, 10, 15, 16, 19, 21
SPS_64X48 = {"sps_chroma_format_idc": 1, "sps_pic_width_max_in_luma_samples": 64} | {
    "sps_pic_height_max_in_luma_samples": 48
}
PPS_64X48 = {"pps_pic_width_in_luma_samples": 64, "pps_pic_height_in_luma_samples": 48}


def nal(kind: int, layer: int = 0, **elements: int) -> list[str]:
    """A NAL unit as trace_headers prints it."""
    header = {"forbidden_zero_bit": 0, "nuh_layer_id": layer, "nal_unit_type": kind}
    lines = (f"{name:<50}101 = {value}" for name, value in (header | elements).items())
    return [f"[trace_headers @ 0x5590c0b7c2c0] {12:<12}{line}" for line in lines]


def picture(kind: int, poc: int, delta: int = 0, size: int = 100, **elements: int) -> list[str]:
    header = {"sh_picture_header_in_slice_header_flag": 1, "ph_pic_order_cnt_lsb": poc, "sh_qp_delta": delta}
    packet = f"[trace_headers @ 0x5590c0b7c2c0] Packet: {size} bytes, no pts, dts 48000, duration 48000."
    return [packet, *nal(kind, **(header | elements))]


def parameter_sets(**elements: int) -> list[str]:
    sps = {name: value for name, value in elements.items() if name.startswith(("sps", "vui"))}
    pps = {name: value for name, value in elements.items() if name.startswith("pps")}
    return nal(SPS, **(SPS_64X48 | sps)) + nal(PPS, **(PPS_64X48 | pps))


def read(*parts: Iterable[str]) -> StreamHeaders:
    reader = HeaderReader("a.266")
    for part in parts:
        for line in part:
            reader.feed(line)
    return reader.headers()


def traced(stream: bytes, folder: Path) -> StreamHeaders:
    path = folder / "a.266"
    path.write_bytes(stream)
    command = [str(find_ffmpeg()), *trace_arguments(path)]
    return read(subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines())


@pytest.mark.parametrize("qp", [22, 37, 52])
@pytest.mark.parametrize("depth", [8, 10])
def test_a_real_picture(vvc_stream: StreamFactory, tmp_path: Path, qp: int, depth: int) -> None:
    headers = traced(vvc_stream(1, qp, (98, 58), depth=depth), tmp_path)
    (coded,) = headers.pictures
    assert coded.frame == FrameFormat(98, 58, "4:2:0", depth)  # coded as 104x64
    assert (coded.qp, coded.poc, coded.is_intra, coded.varies_qp) == (qp - 3, 0, True, False)


def test_real_pictures_are_sorted_into_output_order(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    stream = vvc_stream(20, 40)
    headers = traced(stream, tmp_path)
    pocs = [coded.poc for coded in headers.pictures]
    assert len(pocs) == 20 and pocs != sorted(pocs)
    assert [coded.poc for coded in headers.shown()] == list(range(20))
    assert [coded.is_intra for coded in headers.pictures] == [True] + 19 * [False]
    assert sum(coded.coded_bytes for coded in headers.pictures) == len(stream)


def test_adapted_qps_are_told_from_fixed_ones(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    assert traced(vvc_stream(1, 37, (160, 112), qpa=True), tmp_path).pictures[0].varies_qp
    assert not traced(vvc_stream(1, 37, (160, 112), qpa=False), tmp_path).pictures[0].varies_qp


def test_colour_of_a_real_stream(vvc_stream: StreamFactory, tmp_path: Path) -> None:
    headers = traced(vvc_stream(color=("-colorspace", "smpte170m")), tmp_path)
    assert read_vui(headers.vui, "4:2:0") == (ColorSpace("bt601"), ())


def test_slice_qp_adds_up() -> None:
    headers = read(parameter_sets(pps_init_qp_minus26=6), picture(IDR, 0, -3))
    assert headers.pictures[0].qp == 29
    in_picture_header = parameter_sets(pps_init_qp_minus26=6, pps_qp_delta_info_in_ph_flag=1)
    assert read(in_picture_header, picture(IDR, 0, ph_qp_delta=5)).pictures[0].qp == 37


def test_parameter_sets_are_those_last_sent_under_their_number() -> None:
    second = nal(PPS, **(PPS_64X48 | {"pps_pic_parameter_set_id": 1, "pps_init_qp_minus26": 10}))
    again = nal(PPS, **(PPS_64X48 | {"pps_init_qp_minus26": 4}))
    headers = read(
        *(parameter_sets(), second, picture(IDR, 0), picture(TRAIL, 1, ph_pic_parameter_set_id=1)),
        *(again, picture(TRAIL, 2)),
    )
    assert [coded.qp for coded in headers.pictures] == [26, 36, 30]


def test_pictures_of_several_slices() -> None:
    header = nal(PICTURE_HEADER, ph_pic_order_cnt_lsb=0)
    slices = [*nal(IDR, sh_qp_delta=1, sh_slice_type=2), *nal(IDR, sh_qp_delta=2, sh_slice_type=1)]
    packet = picture(IDR, 0, size=300)[:1]
    headers = read(parameter_sets(), packet, header, slices, picture(TRAIL, 1))
    assert [(coded.qp, coded.is_intra, coded.coded_bytes) for coded in headers.pictures] == [
        (28, False, 300),
        (26, True, 100),
    ]


def test_picture_order_count_wraps() -> None:
    pocs = [0, 6, 12, 18, 16, 24, 17, 21, 29]
    headers = read(parameter_sets(), picture(IDR, 0), *(picture(TRAIL, poc % 16) for poc in pocs[1:]))
    assert [coded.poc for coded in headers.pictures] == pocs


def test_pictures_that_others_do_not_count_from() -> None:
    """8.3.1: prevTid0Pic is of the lowest sub-layer, referred to, and leads none."""
    headers = read(
        *(parameter_sets(), picture(IDR, 0), picture(TRAIL, 7)),
        *(picture(TRAIL, 14, nuh_temporal_id_plus1=2), picture(TRAIL, 13, ph_non_ref_pic_flag=1), picture(RADL, 12)),
        picture(TRAIL, 15),  # 8 after 7, so 15 and not -1
    )
    assert [coded.poc for coded in headers.pictures] == [0, 7, 14, 13, 12, 15]


def test_sent_most_significant_bits() -> None:
    header = {"ph_poc_msb_cycle_present_flag": 1, "ph_poc_msb_cycle_val": 3}
    assert read(parameter_sets(), picture(CRA, 5, **header)).pictures[0].poc == 3 * 16 + 5


def test_sequences_follow_each_other() -> None:
    headers = read(parameter_sets(), picture(IDR, 0), picture(TRAIL, 1), picture(IDR, 0), picture(TRAIL, 1))
    assert [(coded.sequence, coded.poc) for coded in headers.shown()] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    entry = read(parameter_sets(), picture(IDR, 0), picture(CRA, 4), nal(END), picture(CRA, 2))
    assert [(coded.sequence, coded.poc) for coded in entry.shown()] == [(0, 0), (0, 4), (1, 2)]


def test_pictures_that_cannot_be_decoded_are_not_shown() -> None:
    headers = read(parameter_sets(), picture(CRA, 8), picture(RASL, 6), picture(RADL, 7), picture(TRAIL, 9))
    assert [coded.poc for coded in headers.shown()] == [7, 8, 9]
    assert headers.hidden() == {(0, 6)}
    later = read(parameter_sets(), picture(IDR, 0), picture(CRA, 8), picture(RASL, 6))
    assert [coded.poc for coded in later.shown()] == [0, 6, 8]


def test_pictures_that_are_not_meant_to_be_shown() -> None:
    headers = read(parameter_sets(), picture(IDR, 0), picture(TRAIL, 1, ph_pic_output_flag=0), picture(TRAIL, 2))
    assert [coded.poc for coded in headers.shown()] == [0, 2]


def test_gradual_refresh_is_shown_when_it_is_done() -> None:
    refresh = [picture(GDR, 0, ph_recovery_poc_cnt=2), picture(TRAIL, 1), picture(TRAIL, 2)]
    assert [coded.poc for coded in read(parameter_sets(), *refresh).shown()] == [2]
    assert [coded.poc for coded in read(parameter_sets(), picture(GDR, 0), picture(TRAIL, 1)).shown()] == [0, 1]


def test_cropping_windows() -> None:
    of_sequence = {"sps_conf_win_right_offset": 3, "sps_conf_win_bottom_offset": 1}
    assert read(parameter_sets(**of_sequence), picture(IDR, 0)).pictures[0].frame == FrameFormat(58, 46)
    of_picture = parameter_sets(**of_sequence, pps_conf_win_left_offset=2)
    assert read(of_picture, picture(IDR, 0)).pictures[0].frame == FrameFormat(60, 48)


@pytest.mark.parametrize(("chroma", "subsampling"), [(0, "4:0:0"), (1, "4:2:0"), (2, "4:2:2"), (3, "4:4:4")])
def test_formats(chroma: int, subsampling: str) -> None:
    headers = read(parameter_sets(sps_chroma_format_idc=chroma, sps_bitdepth_minus8=4), picture(IDR, 0))
    assert (headers.pictures[0].frame.subsampling, headers.pictures[0].frame.depth) == (subsampling, 12)


def test_nonsense_is_refused() -> None:
    with pytest.raises(UnsupportedImageError, match="a frame of 0x48"):
        read(parameter_sets(pps_conf_win_left_offset=32), picture(IDR, 0))


def test_layers_and_fields_are_told() -> None:
    layers = read(parameter_sets(), picture(IDR, 0), nal(IDR, layer=1, sh_picture_header_in_slice_header_flag=1))
    assert layers.has_layers and len(layers.pictures) == 1
    assert read(parameter_sets(sps_field_seq_flag=1), picture(IDR, 0)).has_fields


def test_slices_without_parameter_sets_are_passed_over() -> None:
    assert read(picture(IDR, 0)).pictures == ()
    assert read([]).shown() == []


@pytest.mark.parametrize(
    ("code", "matrix"), [(1, "bt709"), (5, "bt601"), (6, "bt601"), (9, "bt2020"), (2, None), (8, None), (14, None)]
)
def test_matrices(code: int, matrix: str | None) -> None:
    space, notes = read_vui({"vui_matrix_coeffs": code}, "4:2:0")
    assert space.matrix == (matrix or "bt709")
    assert len(notes) == (matrix is None)


def test_rgb_is_4_4_4() -> None:
    assert read_vui({"vui_matrix_coeffs": 0, "vui_full_range_flag": 1}, "4:4:4")[0] == ColorSpace("gbr", True)
    space, notes = read_vui({"vui_matrix_coeffs": 0}, "4:2:0")
    assert space.matrix == "bt709" and notes


def test_a_stream_that_says_nothing() -> None:
    space, notes = read_vui({}, "4:2:0")
    assert space == ColorSpace("bt709", False, "center")
    assert notes == ("the stream does not say its colour matrix: taken as BT.709, limited range",)
    assert read_vui({}, "4:0:0")[1] == ()  # nothing to mix


@pytest.mark.parametrize(
    ("elements", "location"),
    [
        ({"vui_chroma_sample_loc_type_frame": 0}, "left"),
        ({"vui_chroma_sample_loc_type_frame": 2}, "topleft"),
        ({"vui_chroma_sample_loc_type_frame": 6}, "center"),
        ({"vui_chroma_sample_loc_type_top_field": 5, "vui_chroma_sample_loc_type_bottom_field": 3}, "bottom"),
    ],
)
def test_chroma_locations(elements: dict[str, int], location: str) -> None:
    assert read_vui(elements, "4:2:0")[0].chroma_location == location
