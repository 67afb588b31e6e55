"""What the headers of a VVC stream say: size, depth and colour of its pictures, their order, and their slice QPs.

The syntax elements are those that ffmpeg's bitstream filter trace_headers prints, a line each; names and clauses are
those of ITU-T H.266 (04/2022).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from enhance.errors import UnsupportedImageError, UsageError
from enhance.frames.format import FrameFormat, Subsampling

# nal_unit_type (table 5).
_RADL, _RASL, _IDR_W_RADL, _IDR_N_LP, _CRA, _GDR = 2, 3, 7, 8, 9, 10
_LAST_SLICE_TYPE, _SPS, _PPS, _PICTURE_HEADER, _END_OF_SEQUENCE = 11, 15, 16, 19, 21

_INTRA = 2  # sh_slice_type
_SUBSAMPLINGS: tuple[Subsampling, ...] = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")  # sps_chroma_format_idc
_WINDOW_UNITS = {"4:0:0": (1, 1), "4:2:0": (2, 2), "4:2:2": (2, 1), "4:4:4": (1, 1)}  # SubWidthC, SubHeightC

_ELEMENT = re.compile(r"\] \d+ +((?:sps|pps|vui|ph|sh|nuh|nal|forbidden)_[a-z0-9_]+) +[01]+ = (-?\d+)\s*$")
_TIMING = re.compile(
    r"\] \d+ +(time_scale|num_units_in_tick|elemental_duration_in_tc_minus1)(?:\[\d+\])? +[01]+ = (\d+)\s*$"
)
_PACKET = re.compile(r"\] Packet: (\d+) bytes")

_TIMING_ELEMENTS = ("time_scale", "num_units_in_tick", "elemental_duration_in_tc_minus1")

Elements = dict[str, int]


@dataclass
class CodedPicture:
    """A picture of the stream.

    Attributes:
        sequence: number of its coded video sequence, from 0.
        poc: picture order count: its place in output order within the sequence.
        frame: size, subsampling and depth as it is put out, cropped to the conformance window.
        is_shown: it is put out; pictures that cannot be decoded after a random access, for example, are not.
        qp: slice QP (SliceQpY, 7.4.8) of its last slice; may be negative above 8 bits.
        is_intra: all its slices are.
        layer: its temporal sub-layer; 0 for pictures that all others may build on.
        varies_qp: its headers prepare for blocks with QPs of their own.
        coded_bytes: size of its access unit.
    """

    sequence: int
    poc: int
    frame: FrameFormat
    is_shown: bool
    qp: int
    is_intra: bool
    varies_qp: bool
    coded_bytes: int
    layer: int = 0


@dataclass(frozen=True)
class StreamHeaders:
    """The headers of a stream.

    Attributes:
        pictures: in decoding order.
        vui: the elements vui_* of the first sequence parameter set in use, empty if it has none.
        has_layers: there are layers above the base layer, which are not in `pictures`.
        has_fields: the pictures are the fields of interlaced frames.
        timing: the elements of that set that say how long a picture is shown; empty if it has none.
    """

    pictures: tuple[CodedPicture, ...]
    vui: Elements
    has_layers: bool
    has_fields: bool
    timing: Elements = field(default_factory=dict)

    def shown(self) -> list[CodedPicture]:
        """The pictures that are put out, in output order."""
        return sorted((picture for picture in self.pictures if picture.is_shown), key=_output_order)

    @property
    def varies_qp(self) -> bool:
        """Blocks have QPs of their own, by what the headers of any picture say."""
        return any(picture.varies_qp for picture in self.pictures)

    @property
    def has_gaps(self) -> bool:
        """The numbers of pictures that follow each other differ by now one, now more."""
        shown = self.shown()
        pairs = [(a.poc, b.poc) for a, b in zip(shown, shown[1:]) if a.sequence == b.sequence]
        return len({later - earlier for earlier, later in pairs}) > 1

    def follows(self, picture: CodedPicture, before: CodedPicture | None) -> bool:
        """True if no picture can be missing, in output order, between that one and the one before it."""
        if picture.poc == (0 if before is None else before.poc + 1):
            return True
        if before is not None and before.sequence == picture.sequence:
            return False
        # Pictures may lead the first one that was coded; after the first that trails it there are no more.
        coded = [other.poc for other in self.pictures if other.sequence == picture.sequence]
        return coded[0] <= 0 or max(coded) > coded[0]

    @property
    def largest(self) -> FrameFormat:
        """A layout with the width and the height of the largest pictures that are put out."""
        frames = [picture.frame for picture in self.shown()]
        height, width = (max(getattr(frame, side) for frame in frames) for side in ("height", "width"))
        return replace(frames[0], height=height, width=width)

    @property
    def changes_size(self) -> bool:
        """Pictures of several sizes are put out, as reference picture resampling allows."""
        return len({(picture.frame.width, picture.frame.height) for picture in self.shown()}) > 1

    def hidden(self) -> frozenset[tuple[int, int]]:
        """(sequence, POC) of the pictures that are not put out."""
        return frozenset(_output_order(picture) for picture in self.pictures if not picture.is_shown)


class HeaderReader:
    """Reads the output of trace_headers, at log level info and without collapsed repetitions.

    Args:
        source: the name to use in messages.
    """

    def __init__(self, source: str) -> None:
        self._stream = _Stream(source)
        self._nal: Elements = {}

    def feed(self, line: str) -> None:
        """Takes the next line.

        Raises:
            UnsupportedImageError: pictures of a size or depth that cannot be.
        """
        if match := _ELEMENT.search(line) or _TIMING.search(line):
            name, value = match[1], int(match[2])
            if name == "forbidden_zero_bit":
                self._end_nal()
            self._nal.setdefault(name, value)
        elif match := _PACKET.search(line):
            self._end_nal()
            self._stream.packet_bytes = int(match[1])

    def headers(self) -> StreamHeaders:
        """What the lines up to now say."""
        self._end_nal()
        stream = self._stream
        return StreamHeaders(tuple(stream.pictures), stream.vui, stream.has_layers, stream.has_fields, stream.timing)

    def _end_nal(self) -> None:
        self._stream.take(self._nal)
        self._nal = {}


def _output_order(picture: CodedPicture) -> tuple[int, int]:
    return picture.sequence, picture.poc


class _Stream:
    """What has been read of a stream, NAL unit after NAL unit."""

    def __init__(self, source: str) -> None:
        self.pictures: list[CodedPicture] = []
        self.vui: Elements = {}
        self.timing: Elements = {}
        self.has_layers = self.has_fields = False
        self.packet_bytes = 0
        self._source = source
        self._sps: dict[int, Elements] = {}
        self._pps: dict[int, Elements] = {}
        self._picture_header: Elements = {}
        self._awaits_first_slice = True
        self._sequence = -1
        self._after_end = True  # the next picture begins a sequence
        self._previous_poc = 0  # of prevTid0Pic (8.3.1)
        self._no_output_before_recovery = False  # of the last IRAP or GDR picture
        self._recovery_poc: int | None = None
        self._frames: dict[tuple[int, ...], FrameFormat] = {}

    def take(self, nal: Elements) -> None:
        kind = nal.get("nal_unit_type")
        if kind is None:
            return
        if nal.get("nuh_layer_id"):
            self.has_layers |= kind <= _LAST_SLICE_TYPE
        elif kind == _SPS:
            self._sps[nal.get("sps_seq_parameter_set_id", 0)] = nal
        elif kind == _PPS:
            self._pps[nal.get("pps_pic_parameter_set_id", 0)] = nal
        elif kind == _PICTURE_HEADER:
            self._picture_header, self._awaits_first_slice = nal, True
        elif kind == _END_OF_SEQUENCE:
            self._after_end = True
        elif kind <= _LAST_SLICE_TYPE:
            self._take_slice(nal)

    def _take_slice(self, nal: Elements) -> None:
        if nal.get("sh_picture_header_in_slice_header_flag"):
            self._picture_header, self._awaits_first_slice = nal, True
        header = self._picture_header
        pps = self._pps.get(header.get("ph_pic_parameter_set_id", 0))
        sps = self._sps.get(pps.get("pps_seq_parameter_set_id", 0)) if pps else None
        if pps is None or sps is None:
            return  # a decoder cannot do anything with it either
        if self._awaits_first_slice:
            self._begin_picture(nal, header, pps, sps)
            self._awaits_first_slice = False
        picture = self.pictures[-1]
        picture.qp = _slice_qp(nal, header, pps)
        picture.is_intra &= nal.get("sh_slice_type", _INTRA) == _INTRA
        picture.varies_qp |= bool(pps.get("pps_cu_qp_delta_enabled_flag")) and _uses_own_qps(nal, header)

    def _begin_picture(self, nal: Elements, header: Elements, pps: Elements, sps: Elements) -> None:
        kind = nal["nal_unit_type"]
        begins_sequence = kind in (_IDR_W_RADL, _IDR_N_LP) or (kind in (_CRA, _GDR) and self._after_end)
        if begins_sequence:
            self._sequence += 1
        poc = self._picture_order_count(header, sps, begins_sequence)
        if self._sequence < 0:
            self._sequence = 0  # a stream that begins in the middle
        self._after_end = False
        is_leading = kind in (_RADL, _RASL)
        if nal.get("nuh_temporal_id_plus1", 1) == 1 and not is_leading and not header.get("ph_non_ref_pic_flag"):
            self._previous_poc = poc
        if not self.pictures:
            self.vui = {name: value for name, value in sps.items() if name.startswith("vui_")}
            self.timing = {name: sps[name] for name in _TIMING_ELEMENTS if name in sps}
        self.has_fields |= bool(sps.get("sps_field_seq_flag"))
        self.pictures.append(
            CodedPicture(
                self._sequence,
                poc,
                self._frame(pps, sps),
                is_shown=self._is_shown(kind, header, poc, begins_sequence),
                qp=0,
                is_intra=True,
                varies_qp=False,
                coded_bytes=self.packet_bytes,
                layer=nal.get("nuh_temporal_id_plus1", 1) - 1,
            )
        )

    def _picture_order_count(self, header: Elements, sps: Elements, begins_sequence: bool) -> int:
        """PicOrderCntVal (8.3.1)."""
        lsb = header.get("ph_pic_order_cnt_lsb", 0)
        cycle = 1 << (sps.get("sps_log2_max_pic_order_cnt_lsb_minus4", 0) + 4)
        if header.get("ph_poc_msb_cycle_present_flag"):
            return header.get("ph_poc_msb_cycle_val", 0) * cycle + lsb
        if begins_sequence:
            return lsb
        previous_lsb = self._previous_poc % cycle
        msb = self._previous_poc - previous_lsb
        if lsb < previous_lsb and previous_lsb - lsb >= cycle // 2:
            msb += cycle
        elif lsb > previous_lsb and lsb - previous_lsb > cycle // 2:
            msb -= cycle
        return msb + lsb

    def _is_shown(self, kind: int, header: Elements, poc: int, begins_sequence: bool) -> bool:
        """PictureOutputFlag (8.1.2)."""
        if kind in (_IDR_W_RADL, _IDR_N_LP, _CRA, _GDR):
            self._no_output_before_recovery = begins_sequence
            is_open = kind == _GDR and begins_sequence
            self._recovery_poc = poc + header.get("ph_recovery_poc_cnt", 0) if is_open else None
        if kind == _RASL and self._no_output_before_recovery:
            return False
        if self._recovery_poc is not None and poc < self._recovery_poc:
            return False
        return bool(header.get("ph_pic_output_flag", 1))

    def _frame(self, pps: Elements, sps: Elements) -> FrameFormat:
        width, height = pps.get("pps_pic_width_in_luma_samples", 0), pps.get("pps_pic_height_in_luma_samples", 0)
        window = _window(pps, "pps")
        if not any(window) and (width, height) == (
            sps.get("sps_pic_width_max_in_luma_samples"),
            sps.get("sps_pic_height_max_in_luma_samples"),
        ):
            window = _window(sps, "sps")
        chroma, depth = sps.get("sps_chroma_format_idc", 0), sps.get("sps_bitdepth_minus8", 0) + 8
        key = (width, height, *window, chroma, depth)
        if key not in self._frames:
            self._frames[key] = self._cropped(width, height, window, _SUBSAMPLINGS[chroma & 3], depth)
        return self._frames[key]

    def _cropped(
        self, width: int, height: int, window: tuple[int, ...], subsampling: Subsampling, depth: int
    ) -> FrameFormat:
        across, down = _WINDOW_UNITS[subsampling]
        left, right, top, bottom = window
        try:
            return FrameFormat(width - across * (left + right), height - down * (top + bottom), subsampling, depth)
        except UsageError as error:
            raise UnsupportedImageError(
                f"its headers make no sense: {error.reason}", source=self._source, hint="the stream is damaged"
            ) from error


def _window(parameters: Elements, prefix: str) -> tuple[int, ...]:
    return tuple(parameters.get(f"{prefix}_conf_win_{side}_offset", 0) for side in ("left", "right", "top", "bottom"))


def _slice_qp(nal: Elements, header: Elements, pps: Elements) -> int:
    """SliceQpY (7.4.8, equation 139)."""
    delta = header.get("ph_qp_delta") if pps.get("pps_qp_delta_info_in_ph_flag") else nal.get("sh_qp_delta")
    return 26 + pps.get("pps_init_qp_minus26", 0) + (delta or 0)


def _uses_own_qps(nal: Elements, header: Elements) -> bool:
    """True if a picture that may have QPs for its blocks is prepared for them.

    libvvenc sets pps_cu_qp_delta_enabled_flag in every stream. When it adapts QPs (`-qpa 1`) it also divides the
    quantisation groups of small pictures, and gives most slices their own chroma QP offsets (measured, libvvenc 1.15).
    """
    divided = (header.get(f"ph_cu_qp_delta_subdiv_{kind}_slice") for kind in ("intra", "inter"))
    offset = (nal.get(f"sh_{plane}_qp_offset") for plane in ("cb", "cr"))
    return any(divided) or any(offset)
