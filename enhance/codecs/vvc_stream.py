"""The pictures of a VVC stream, one after the other, from a decoder that runs beside this program."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from enhance.codecs.base import DEFAULT_MAX_PIXELS, HEAD_SIZE, read_source
from enhance.codecs.formats import describe_format
from enhance.codecs.frames import ChromaLocation, ColorSpace, FrameFormat, Matrix, Planes
from enhance.codecs.raw_video import check_size, read_planes
from enhance.codecs.vvc_colour import read_vui
from enhance.codecs.vvc_decoders import ExternalDecoder, choose_decoder, find_ffmpeg, trace_arguments
from enhance.codecs.vvc_headers import CodedPicture, HeaderReader, StreamHeaders
from enhance.codecs.vvc_log import PictureLog
from enhance.codecs.vvc_process import DecoderProcess
from enhance.codecs.vvc_rate import MAX_QP, VvcRate
from enhance.codecs.vvc_sniff import is_vvc
from enhance.errors import DecodeError, UnsupportedImageError

PATIENCE = 300.0
"""Seconds in which a decoder must do something. VTM takes tens of seconds for a picture of 8K on a slow machine."""

VvcSource = bytes | bytearray | memoryview | str | os.PathLike[str]

_DAMAGED = "get a fresh copy of the file"


@dataclass(frozen=True)
class VvcPicture:
    """A decoded picture.

    Attributes:
        planes: as `VvcStream.frame` says.
        rate: its QP, estimated where the slice QP does not tell.
        slice_qp: what its header says.
        coded_bytes: size of its access unit.
    """

    planes: Planes
    rate: VvcRate
    slice_qp: int
    coded_bytes: int


class VvcStream:
    """A VVC stream that is being decoded. A context: its end ends the decoder. Iterating, once, gives its pictures.

    Attributes:
        frame: size, subsampling and depth of the pictures.
        space: what their values stand for.
        decoder: "vtm", "vvdec" or "ffmpeg".
        count: how many pictures the stream holds.
        notes: what the user should know, a line each.
    """

    def __init__(
        self,
        process: DecoderProcess,
        resources: ExitStack,
        decoder: ExternalDecoder,
        headers: StreamHeaders,
        log: PictureLog,
        *,
        space: ColorSpace,
        notes: tuple[str, ...],
        frames: int | None,
        source: str,
    ) -> None:
        self._expected = headers.shown()
        self.frame, self.space, self.notes = self._expected[0].frame, space, notes
        self.decoder, self.count = decoder.name, len(self._expected)
        self._process, self._log, self._source = process, log, source
        self._most = self.count if frames is None else min(frames, self.count)
        # For those who neither close it nor keep it.
        self._end = weakref.finalize(self, resources.close)

    def __enter__(self) -> VvcStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the decoder and removes what it needed."""
        self._end()

    def __iter__(self) -> Iterator[VvcPicture]:
        """The pictures in output order.

        Raises:
            DecodeError: the decoder fails or hangs; the pictures that it gave before come first.
            UnsupportedImageError: the format of the pictures changes.
        """
        try:
            for number, coded in enumerate(self._expected[: self._most], 1):
                if coded.frame != self.frame:
                    raise self._changed(number, coded.frame)
                yield self._picture(self._next_planes(number), coded)
            if self._most == self.count:
                self._finish()
        finally:
            self.close()

    def _next_planes(self, number: int) -> Planes:
        try:
            planes = read_planes(self._process.frames, self.frame, number, self._source, hint=_DAMAGED)
        except DecodeError:
            self._process.finish()  # why the decoder stopped tells more than that it did
            raise
        if planes is None:
            self._process.finish()
            reason = f"{self._process.title} gave {number - 1} of the {self.count} pictures that the headers announce"
            raise DecodeError(reason, source=self._source, hint=_DAMAGED)
        return planes

    def _finish(self) -> None:
        if self._process.frames.read(1):
            reason = f"{self._process.title} gave more than the {self.count} pictures that the headers announce"
            raise DecodeError(reason, source=self._source, hint="try another decoder")
        self._process.finish()

    def _picture(self, planes: Planes, coded: CodedPicture) -> VvcPicture:
        self._process.read_log()
        logged = self._log.pop(written=True)
        slice_qp = coded.qp if logged is None else logged
        rate = VvcRate(min(max(slice_qp, 0), MAX_QP))
        return VvcPicture(planes, rate, slice_qp, coded.coded_bytes)

    def _changed(self, number: int, frame: FrameFormat) -> UnsupportedImageError:
        def describe(it: FrameFormat) -> str:
            return f"{it.width}x{it.height} {it.subsampling} with {it.depth} bits"

        reason = f"picture {number} is {describe(frame)}, those before are {describe(self.frame)}"
        return UnsupportedImageError(reason, source=self._source, hint="pictures of one format are handled")


def open_vvc(
    source: VvcSource,
    *,
    source_name: str | None = None,
    decoder: str | None = None,
    vtm: str | os.PathLike[str] | None = None,
    time_limit: float | None = None,
    patience: float = PATIENCE,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    frames: int | None = None,
    matrix: Matrix | None = None,
    full_range: bool | None = None,
    chroma_location: ChromaLocation | None = None,
) -> VvcStream:
    """Starts to decode a VVC stream (Annex B of H.266) by an external decoder.

    Args:
        source: path or content of the stream.
        source_name: the name to use in messages; by default the path.
        decoder: "vtm", "vvdec", "ffmpeg" or "auto"; see `vvc_decoders.choose_decoder`.
        vtm: path of VTM's DecoderApp.
        time_limit: seconds that may be waited for the decoder in all.
        patience: seconds that it may do nothing.
        max_pixels: refuse pictures with more pixels than this.
        frames: how many pictures to decode; all by default.
        matrix, full_range, chroma_location: instead of what the stream says.

    Raises:
        DecodeError: the stream cannot be read, is empty or holds no picture, or the decoder does not start.
        UnsupportedImageError: it is no VVC stream, or of a kind that is not handled.
        UsageError: there is no such decoder, or it is not found.
    """
    name = source_name or (os.fspath(source) if isinstance(source, (str, os.PathLike)) else "<memory>")
    with ExitStack() as resources:
        folder = Path(tempfile.mkdtemp(prefix="enhance-vvc-"))
        resources.callback(shutil.rmtree, folder, ignore_errors=True)
        bitstream = _as_file(source, folder, name)
        chosen, program = choose_decoder(decoder, vtm=vtm)
        headers = read_headers(bitstream, source=name, patience=patience, time_limit=time_limit)
        _check(headers, chosen, name, max_pixels)
        space, notes = read_vui(headers.vui, headers.shown()[0].frame.subsampling)
        space = ColorSpace(
            matrix or space.matrix,
            space.full_range if full_range is None else full_range,
            chroma_location or space.chroma_location,
        )
        log = PictureLog(headers.hidden())
        output = folder / "frames.yuv"
        if chosen.writes_file:
            os.mkfifo(output, 0o600)
        process = DecoderProcess(
            [str(program), *chosen.arguments(bitstream, output)],
            title=chosen.title,
            source=name,
            patience=patience,
            time_limit=time_limit,
            fifo=output if chosen.writes_file else None,
            on_line=log.feed if chosen.prints_qp else None,
        )
        resources.push(process.resources)
        return VvcStream(
            process,
            resources.pop_all(),
            chosen,
            headers,
            log,
            space=space,
            notes=(() if matrix else notes) + _notes(headers),
            frames=frames,
            source=name,
        )


def read_headers(bitstream: Path, *, source: str, patience: float, time_limit: float | None = None) -> StreamHeaders:
    """The headers of all pictures of a stream, by ffmpeg.

    Args:
        bitstream: its file.
        source: the name to use in messages.
        patience, time_limit: as in `open_vvc`.

    Raises:
        DecodeError: it holds no picture.
    """
    reader = HeaderReader(source)
    command = [str(find_ffmpeg()), *trace_arguments(bitstream)]
    with DecoderProcess(
        command, title="ffmpeg", source=source, patience=patience, time_limit=time_limit, on_line=reader.feed
    ) as process:
        failure = None
        try:
            process.finish()
        except DecodeError as error:
            failure = error
    headers = reader.headers()
    if not headers.shown():
        raise failure or DecodeError("holds no picture that can be shown", source=source, hint=_DAMAGED)
    return headers


def _as_file(source: VvcSource, folder: Path, name: str) -> Path:
    """The stream as a file that a program can read more than once."""
    if isinstance(source, (str, os.PathLike)) and os.path.isfile(source):
        path = Path(source).resolve()
    else:
        path = folder / "stream.266"
        content, _ = read_source(source if isinstance(source, (str, os.PathLike)) else bytes(source), source_name=name)
        path.write_bytes(content)
    with path.open("rb") as stream:
        head = stream.read(HEAD_SIZE)
    if not head:
        raise DecodeError("the file is empty", source=name, hint=_DAMAGED)
    if not is_vvc(head):
        found, way_out = describe_format(head)
        raise UnsupportedImageError(f"{found}, and no VVC stream", source=name, hint=way_out)
    return path


def _check(headers: StreamHeaders, decoder: ExternalDecoder, source: str, max_pixels: int) -> None:
    """Raises UnsupportedImageError for streams that are valid, but not handled."""
    check_size(headers.shown()[0].frame, source, max_pixels)
    if headers.has_fields:
        raise UnsupportedImageError(
            "interlaced: its pictures are fields", source=source, hint="code it as progressive frames"
        )
    if headers.has_layers and decoder.name != "ffmpeg":
        reason = f"holds several layers, which are not handled with {decoder.title}"
        raise UnsupportedImageError(reason, source=source, hint="--decoder ffmpeg decodes the base layer")


def _notes(headers: StreamHeaders) -> tuple[str, ...]:
    notes = []
    if headers.has_layers:
        notes.append("the stream holds several layers, the base layer is decoded")
    return tuple(notes)
