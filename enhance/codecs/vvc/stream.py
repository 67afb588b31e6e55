"""The pictures of a VVC stream, one after the other, from a decoder that runs beside this program."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import TracebackType

from enhance.codecs.decoder import HEAD_SIZE
from enhance.codecs.reading import read_source
from enhance.codecs.unknown_files import describe_format
from enhance.codecs.vvc.containers import is_container, take_stream_out
from enhance.codecs.vvc.facts import read_facts
from enhance.codecs.vvc.headers import CodedPicture, StreamHeaders
from enhance.codecs.vvc.nal import is_vvc, length_of_whole_pictures
from enhance.codecs.vvc.process import DecoderStopped
from enhance.codecs.vvc.programs import ExternalDecoder, choose_decoder
from enhance.codecs.vvc.qp_estimate import estimate_qp
from enhance.codecs.vvc.rate import MAX_QP, VvcRate
from enhance.codecs.vvc.reference_qp import rates_of_video
from enhance.codecs.vvc.run import DAMAGED, DecoderRun, DecoderSetup, read_headers
from enhance.codecs.vvc.vui import read_vui
from enhance.errors import DecodeError, UnsupportedImageError
from enhance.frames.format import ChromaLocation, ColorSpace, FrameFormat, Matrix, Planes
from enhance.frames.raw import check_size
from enhance.system.limits import DEFAULT_LIMITS, Limits
from enhance.system.temporary import temporary_folder

PATIENCE = 300.0
"""Seconds in which a decoder must do something. VTM takes tens of seconds for a picture of 8K on a slow machine."""

VvcSource = bytes | bytearray | memoryview | str | os.PathLike[str]

_DELAY = 64
"""Pictures that a decoder may still hold back when it comes to a damaged one (measured: up to 13)."""


@dataclass(frozen=True)
class VvcPicture:
    """A decoded picture.

    Attributes:
        planes: as `frame` says.
        rate: its QP, estimated where the slice QP does not tell: in video, and where blocks have QPs of their own.
        slice_qp: what its header says.
        coded_bytes: size of its access unit.
        frame: its layout; pictures of a stream may differ in size.
    """

    planes: Planes
    rate: VvcRate
    slice_qp: int
    coded_bytes: int
    frame: FrameFormat


class VvcStream:
    """A VVC stream that is being decoded. A context: its end ends the decoder. Iterating, once, gives its pictures.

    Attributes:
        frame: size, subsampling and depth of the first picture, and of most streams' others.
        space: what their values stand for.
        decoder: "vtm", "vvdec" or "ffmpeg".
        count: how many pictures the stream holds.
        notes: what the user should know, a line each.
        headers: of all its pictures.
        facts: frame rate, shape of a sample, and what the values mean.
    """

    def __init__(
        self,
        setup: DecoderSetup,
        bitstream: Path,
        headers: StreamHeaders,
        resources: ExitStack,
        *,
        space: ColorSpace,
        notes: tuple[str, ...],
        frames: int | None,
    ) -> None:
        self._setup, self._bitstream, self.headers = setup, bitstream, headers
        self._expected = headers.shown()
        self._rates = rates_of_video(headers.pictures)
        self.facts = read_facts(headers.timing, headers.vui)
        self.frame, self.space, self.notes = self._expected[0].frame, space, notes
        self.decoder, self.count = setup.decoder.name, len(self._expected)
        self._most = self.count if frames is None else min(frames, self.count)
        self._given = 0
        self._run = setup.start(bitstream, headers)
        self._resources = resources
        resources.push(self._run.resources)
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
            DecodeError: the decoder fails or hangs; the pictures that came before the damage are given first.
            UnsupportedImageError: the subsampling or the depth of the pictures changes.
        """
        try:
            yield from self._decode()
        except DecoderStopped:
            raise
        except DecodeError:
            yield from self._salvage()
            raise
        finally:
            self.close()

    def _decode(self) -> Iterator[VvcPicture]:
        for number, coded in enumerate(self._expected[: self._most], 1):
            if not _same_kind(coded.frame, self.frame):
                raise self._changed(number, coded.frame)
            planes = self._run.next_planes(coded.frame)
            if planes is None:
                reason = f"{self._setup.decoder.title} gave {self._given} of the {self.count} pictures of the stream"
                raise DecodeError(reason, source=self._setup.source, hint=DAMAGED)
            self._given += 1
            yield self._picture(self._run, planes, coded)
        if self._most == self.count and self._run.next_planes() is not None:
            reason = f"{self._setup.decoder.title} gave more than the {self.count} pictures that the headers announce"
            raise DecodeError(reason, source=self._setup.source, hint="try another decoder")

    def _salvage(self) -> Iterator[VvcPicture]:
        """The pictures that a decoder still held back when it came to the end of a stream that was cut.

        Decoders end at a damaged picture without those that wait for their turn. So the stream is decoded once more
        without its end, and what is new up to the first gap is given.
        """
        if self.count - self._given > _DELAY:
            return  # the damage is elsewhere
        try:
            bitstream = self._without_end()
            headers = read_headers(bitstream, source=self._setup.source, patience=self._setup.patience)
            run = self._setup.start(bitstream, headers)
            self._resources.push(run.resources)
            before: CodedPicture | None = None
            for number, coded in enumerate(headers.shown()[: self._most], 1):
                planes = run.next_planes(coded.frame)
                if planes is None or not _same_kind(coded.frame, self.frame) or not headers.follows(coded, before):
                    return
                picture, before = self._picture(run, planes, coded), coded
                if number > self._given:
                    self._given = number
                    yield picture
        except (DecodeError, OSError):
            return  # the first error tells what is wrong

    def _without_end(self) -> Path:
        path = self._setup.folder / "whole.266"
        with self._bitstream.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
            path.write_bytes(content[: length_of_whole_pictures(content)])
        return path

    def _picture(self, run: DecoderRun, planes: Planes, coded: CodedPicture) -> VvcPicture:
        logged = run.slice_qp()
        slice_qp = coded.qp if logged is None else logged
        rate = self._rates.get((coded.sequence, coded.poc)) or VvcRate(min(max(slice_qp, 0), MAX_QP))
        if self.headers.varies_qp and not rate.predicted:
            qp = estimate_qp(rate.qp, coded.coded_bytes, planes[0], self.frame.depth)
            rate = VvcRate(qp, estimated=True)
        return VvcPicture(planes, rate, slice_qp, coded.coded_bytes, coded.frame)

    def _changed(self, number: int, frame: FrameFormat) -> UnsupportedImageError:
        reason = f"picture {number} is {_describe(frame)}, those before are {_describe(self.frame)}"
        return UnsupportedImageError(reason, source=self._setup.source, hint="pictures of one format are handled")


def open_vvc(
    source: VvcSource,
    *,
    source_name: str | None = None,
    decoder: str | None = None,
    vtm: str | os.PathLike[str] | None = None,
    time_limit: float | None = None,
    patience: float = PATIENCE,
    limits: Limits = DEFAULT_LIMITS,
    frames: int | None = None,
    matrix: Matrix | None = None,
    full_range: bool | None = None,
    chroma_location: ChromaLocation | None = None,
) -> VvcStream:
    """Starts to decode a VVC stream (Annex B of H.266) by an external decoder.

    Args:
        source: path or content of the stream, or of an MP4, Matroska or transport stream file that holds it.
        source_name: the name to use in messages; by default the path.
        decoder: "vtm", "vvdec", "ffmpeg" or "auto"; see `programs.choose_decoder`.
        vtm: path of VTM's DecoderApp.
        time_limit: seconds that may be waited for the decoder in all.
        patience: seconds that it may do nothing.
        limits: refuse pictures with more pixels, and of what is no regular file more bytes.
        frames: how many pictures to decode; all by default.
        matrix, full_range, chroma_location: instead of what the stream says.

    Raises:
        DecodeError: the stream cannot be read, is empty or holds no picture, or the decoder does not start.
        UnsupportedImageError: it is no VVC stream, or of a kind that is not handled.
        UsageError: there is no such decoder, or it is not found.
    """
    name = source_name or (os.fspath(source) if isinstance(source, (str, os.PathLike)) else "<memory>")
    with ExitStack() as resources:
        folder = _temporary_folder(resources, name)
        bitstream = _out_of_container(_as_file(source, folder, name, limits), folder, name, patience, time_limit)
        headers = read_headers(bitstream, source=name, patience=patience, time_limit=time_limit)
        _check(headers, name, limits.max_pixels)
        chosen, program = choose_decoder(decoder, vtm=vtm, suits=lambda it: _obstacle(headers, it) is None)
        if obstacle := _obstacle(headers, chosen):
            raise UnsupportedImageError(obstacle, source=name, hint="try another decoder: --decoder auto")
        setup = DecoderSetup(chosen, program, folder, name, patience, time_limit)
        space, notes = read_vui(headers.vui, headers.shown()[0].frame.subsampling)
        space = space.replaced(matrix, full_range, chroma_location)
        return VvcStream(
            setup,
            bitstream,
            headers,
            resources.pop_all(),
            space=space,
            notes=(() if matrix else notes) + _notes(headers),
            frames=frames,
        )


def _temporary_folder(resources: ExitStack, source: str) -> Path:
    try:
        return resources.enter_context(temporary_folder())
    except OSError as error:
        raise _no_room(error, source) from error


def _no_room(error: OSError, source: str) -> DecodeError:
    reason = f"temporary files cannot be written: {error.strerror}"
    return DecodeError(reason, source=source, hint="TMPDIR names a place with room")


def _as_file(source: VvcSource, folder: Path, name: str, limits: Limits) -> Path:
    """The stream as a file that a program can read more than once."""
    if isinstance(source, (str, os.PathLike)) and os.path.isfile(source):
        path = Path(source).resolve()
    else:
        path = folder / "stream.266"
        plain = source if isinstance(source, (str, os.PathLike)) else bytes(source)
        content, _ = read_source(plain, source_name=name, limits=limits)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise _no_room(error, name) from error
    return path


def _out_of_container(path: Path, folder: Path, name: str, patience: float, time_limit: float | None) -> Path:
    """The byte stream itself."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_SIZE)
    if not head:
        raise DecodeError("the file is empty", source=name, hint=DAMAGED)
    if is_vvc(head):
        return path
    if not is_container(head):
        found, way_out = describe_format(head)
        raise UnsupportedImageError(f"{found}, and no VVC stream", source=name, hint=way_out)
    target = folder / "taken out.266"
    take_stream_out(path, target, source=name, patience=patience, time_limit=time_limit)
    return target


def _check(headers: StreamHeaders, source: str, max_pixels: int) -> None:
    """Raises UnsupportedImageError for streams that are valid, but not handled."""
    for frame in {picture.frame for picture in headers.shown()}:
        check_size(frame, source, max_pixels)
    if headers.has_fields:
        hint = "code it as progressive frames"
        raise UnsupportedImageError("interlaced: its pictures are fields", source=source, hint=hint)


def _obstacle(headers: StreamHeaders, decoder: ExternalDecoder) -> str | None:
    """Why that decoder cannot decode the stream."""
    depth = headers.shown()[0].frame.depth
    if depth > decoder.max_depth:
        return f"has {depth} bits per sample, {decoder.title} decodes up to {decoder.max_depth}"
    if headers.has_layers and not decoder.takes_layers:
        return f"holds several layers, which are not handled with {decoder.title}"
    if headers.changes_size and not decoder.takes_sizes:
        return f"its pictures change their size, which is not handled with {decoder.title}"
    return None


def _same_kind(one: FrameFormat, other: FrameFormat) -> bool:
    return (one.subsampling, one.depth) == (other.subsampling, other.depth)


def _describe(frame: FrameFormat) -> str:
    return f"{frame.width}x{frame.height} {frame.subsampling} with {frame.depth} bits"


def _notes(headers: StreamHeaders) -> tuple[str, ...]:
    notes = []
    if headers.has_layers:
        notes.append("the stream holds several layers, the base layer is decoded")
    if headers.varies_qp:
        notes.append("its blocks have QPs of their own, so the QP is estimated; `--qp` sets another")
    if headers.has_gaps:
        notes.append("the numbers of its pictures have gaps: some may be missing")
    return tuple(notes)
