#!/usr/bin/env python3
"""Throws mutated files at the parts that read what strangers made, for a given time, and keeps what breaks them.

    python scripts/fuzz.py                    # every target, a minute each
    python scripts/fuzz.py markers --minutes 10

A target may refuse a file with an error of its own, in time and memory that are in proportion to the file. Anything
else is a find: it is made as small as possible, told, and written to tests/fuzz_corpus, whose files the tests read.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from enhance.errors import EnhanceError, WeightsError

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "fuzz_corpus"
_SECONDS_OF_A_MEGABYTE = 1.0
_SLACK = 0.5  # seconds that any file may take, however small
_EXAMPLES = 2000


class Slow(Exception):
    """A file took longer than its size allows."""


@dataclass(frozen=True)
class Target:
    """A part that reads files.

    Attributes:
        read: gives it a file; may raise `refusals`.
        seeds: files to mutate.
        refusals: the errors by which it may refuse a file.
    """

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (EnhanceError,)

    def check(self, content: bytes) -> None:
        """Raises whatever the target must not raise, or Slow."""
        began = time.process_time()
        with contextlib.suppress(*self.refusals):
            self.read(content)
        spent = time.process_time() - began
        allowed = _SLACK + _SECONDS_OF_A_MEGABYTE * len(content) / 1e6
        if spent > allowed:
            raise Slow(f"{len(content)} bytes took {spent:.1f} s")


def _markers(content: bytes) -> None:
    from enhance.codecs.jpeg.markers import read_markers, without_metadata
    from enhance.codecs.jpeg.metadata import read_metadata

    markers = read_markers(content, source="fuzz")
    without_metadata(content, markers)
    read_metadata(content, markers, source="fuzz")


def _exif(content: bytes) -> None:
    from enhance.metadata.exif import ExifBlock

    block = ExifBlock(content)
    before = len(block.to_bytes())
    assert block.orientation is None or 1 <= block.orientation <= 8
    assert block.dpi is None or len(block.dpi) == 2
    block.drop_thumbnail()
    block.set_size(640, 480)
    block.set_orientation(1)
    block.swap_resolution()
    assert len(block.to_bytes()) <= before


def _nal(content: bytes) -> None:
    from enhance.codecs.vvc.nal import is_vvc, length_of_whole_pictures

    is_vvc(content[:4096])
    assert 0 <= length_of_whole_pictures(content) <= len(content)


def _y4m(content: bytes) -> None:
    from enhance.frames.y4m import read_y4m

    reader = read_y4m(io.BytesIO(content), source="fuzz", max_pixels=1 << 20)
    assert reader.header.with_depth(10).frame.depth == 10
    for planes in reader:
        assert tuple(plane.shape for plane in planes) == reader.frame.plane_shapes


def _checkpoint(content: bytes) -> None:
    from enhance.models.checkpoint import load_checkpoint

    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(content)
        file.flush()
        load_checkpoint(file.name)


def _jpeg_seeds() -> tuple[bytes, ...]:
    from PIL import Image

    made = []
    for options in ({}, {"progressive": True}, {"comment": b"c", "icc_profile": bytes(200), "exif": _exif_seed()}):
        stream = io.BytesIO()
        Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(stream, "JPEG", quality=30, **options)
        made.append(stream.getvalue())
    return (*made, made[0] + b"\xff" * 300, made[0][:2] + b"\xff\xe1\x00\x04hi" * 40 + made[0][2:])


def _exif_seed() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x112], exif[0x11A], exif[0x11B], exif[0x128], exif[0x10F] = 6, 72.0, 72.0, 2, "maker" * 10
    exif.get_ifd(0x8769).update({0xA002: 24, 0xA003: 16, 0x927C: b"note" * 20})
    return exif.tobytes()


def _nal_seeds() -> tuple[bytes, ...]:
    units = [bytes([0, 1 | kind << 3]) + bytes(range(1, 20)) for kind in (15, 16, 19, 0, 8, 23)]
    return b"".join(b"\0\0\0\x01" + unit for unit in units), b"\0\0\x01".join(units), bytes(100)


def _y4m_seeds() -> tuple[bytes, ...]:
    frame = b"FRAME\n" + bytes(range(96))
    return (
        b"YUV4MPEG2 W8 H8 F25:1 Ip A0:0 C420jpeg\n" + frame * 2,
        b"YUV4MPEG2 W4 H4 F50:1 C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED\n" + frame,
        b"YUV4MPEG2 W8 H12 Cmono\n" + frame,
    )


def _checkpoint_seeds() -> tuple[bytes, ...]:
    def whole(header: object) -> bytes:
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + bytes(16)

    network = {"conditioning_size": 128, "widths": [4, 4], "encoder_blocks": [1], "middle_blocks": 1,
               "decoder_blocks": [1], "embedding": 8}  # fmt: skip
    table = {"levels": [5, 95], "values": [0.1, 0.2]}
    sampling = {"start": 0.5, "init": "mmse", "sampler": "ddim", "eta": 0.0, "modes": {}}
    description = {"network": network, "codec": "jpeg", "residual_scale": table, "threshold": table,
                   "sampling": sampling, "training": {}}  # fmt: skip
    tensor = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    metadata = {"format": "enhance-1", "enhance": json.dumps(description)}
    return whole({"__metadata__": metadata, "network.first.weight": tensor}), whole({"__metadata__": metadata}), b""


TARGETS: dict[str, Callable[[], Target]] = {
    "markers": lambda: Target(_markers, _jpeg_seeds()),
    "exif": lambda: Target(_exif, (_exif_seed(), _exif_seed().removeprefix(b"Exif\0\0")), (ValueError,)),
    "nal": lambda: Target(_nal, _nal_seeds(), ()),
    "y4m": lambda: Target(_y4m, _y4m_seeds()),
    "checkpoint": lambda: Target(_checkpoint, _checkpoint_seeds(), (WeightsError,)),
}

_INTERESTING = (
    b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xd8",
    b"\xff\xda", b"\xff\xe1", b"\0\0\x01", b" ", b"\n", b"[", b'"', b"1e999", b"-1",
)  # fmt: skip


def mutated(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the files with a few places changed: written over, put in, taken out, repeated, cut off."""
    place = st.floats(0, 1, exclude_max=True)
    piece = st.one_of(st.sampled_from(_INTERESTING), st.binary(max_size=8), st.sampled_from(seeds))
    edit = st.tuples(st.sampled_from(["write", "insert", "remove", "repeat", "cut"]), place, place, piece)
    return st.builds(_apply, st.sampled_from(seeds), st.lists(edit, max_size=6))


def _apply(content: bytes, edits: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, where, much, piece in edits:
        at = int(where * (len(content) + 1))
        end = min(len(content), at + 1 + int(much * 64))
        content = {
            "write": content[:at] + piece + content[at + len(piece) :],
            "insert": content[:at] + piece + content[at:],
            "remove": content[:at] + content[end:],
            "repeat": content[:end] + content[at:end] * int(1 + much * 200) + content[end:],
            "cut": content[:at],
        }[kind]
    return content


def fuzz(name: str, seconds: float, *, first_seed: int = 0) -> tuple[int, bytes | None]:
    """Mutates files for a target until it breaks or the time is over.

    Returns:
        how many files were read, and the smallest one that broke it.
    """
    target, deadline, count = TARGETS[name](), time.monotonic() + seconds, 0
    broken: list[bytes] = []

    def check(content: bytes) -> None:
        nonlocal count
        if not broken and time.monotonic() > deadline:
            return
        count += 1
        try:
            target.check(content)
        except Exception:
            broken.append(content)
            raise

    with contextlib.suppress(*target.refusals):
        target.read(target.seeds[0])  # what it imports is no file's fault
    number = first_seed
    while time.monotonic() < deadline:
        run = settings(
            max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink), print_blob=False,
        )(given(mutated(target.seeds))(check))  # fmt: skip
        try:
            seed(number)(run)()
        except Exception:
            return count, min(broken, key=len)
        number += 1
    return count, None


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}; all by default")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N", help="for each target (default 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first files")
    options = parser.parse_args(argv)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    status = 0
    for name in options.targets or TARGETS:
        count, broken = fuzz(name, 60 * options.minutes, first_seed=options.seed)
        if broken is None:
            sys.stdout.write(f"{name}: nothing in {count} files\n")
            continue
        status = 1
        place = CORPUS / name / f"{hashlib.sha256(broken).hexdigest()[:16]}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(broken)
        sys.stdout.write(f"{name}: broken by {len(broken)} bytes, {place}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
