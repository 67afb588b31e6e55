#!/usr/bin/env python3
"""Holds what `enhance` reads from VVC streams against what ffprobe reads, field by field.

    scripts/check_headers.py STREAMS... --ffprobe PATH

A line for each stream: its facts, and the fields that differ. Exit status 1 if any does. What a stream does not say is
left out by both, but for the frame rate: there ffprobe gives the tick of its raw demuxer, which is no frame rate.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enhance.codecs.vvc.decoder import VvcStream, open_vvc

# ITU-T H.273 code points by ffmpeg's names.
_PRIMARIES = {"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "film": 8, "bt2020": 9,
              "smpte428": 10, "smpte431": 11, "smpte432": 12}  # fmt: skip
_TRANSFERS = {"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "linear": 8, "iec61966-2-1": 13,
              "bt2020-10": 14, "bt2020-12": 15, "smpte2084": 16, "smpte428": 17, "arib-std-b67": 18}  # fmt: skip
_MATRICES = {"gbr": "gbr", "bt709": "bt709", "smpte170m": "bt601", "bt470bg": "bt601", "bt2020nc": "bt2020"}
_UNSAID = 2
_TICK = "1200000/1"


def probed(path: Path, ffprobe: str) -> dict[str, Any]:
    """ffprobe's fields, in this package's words; those that it leaves out are missing."""
    command = [ffprobe, "-v", "error", "-f", "vvc", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    said = json.loads(done.stdout)["streams"][0]
    found: dict[str, Any] = {"size": (said["width"], said["height"]), "format": said["pix_fmt"]}
    found |= {"range": said["color_range"]} if "color_range" in said else {}
    found |= {"matrix": _MATRICES[said["color_space"]]} if said.get("color_space") in _MATRICES else {}
    if "color_primaries" in said or "color_transfer" in said:
        codes = (
            _PRIMARIES.get(said.get("color_primaries"), _UNSAID),
            _TRANSFERS.get(said.get("color_transfer"), _UNSAID),
        )
        found["colour"] = codes
    found |= {"aspect": said["sample_aspect_ratio"]} if "sample_aspect_ratio" in said else {}
    found |= {"rate": said["r_frame_rate"]} if said["r_frame_rate"] != _TICK else {}
    found |= {"order": said["field_order"]} if said.get("field_order", "unknown") != "unknown" else {}
    return found


def read(stream: VvcStream) -> dict[str, Any]:
    """This package's fields; without those that the stream does not say."""
    frame, facts = stream.frame, stream.facts
    kind = {"4:2:0": "yuv420p", "4:2:2": "yuv422p", "4:4:4": "yuv444p", "4:0:0": "gray"}[frame.subsampling]
    depth = "" if frame.depth == 8 else f"{frame.depth}le"
    found: dict[str, Any] = {"size": (frame.width, frame.height), "format": kind + depth}
    found["range"] = "pc" if stream.space.full_range else "tv"
    if "vui_matrix_coeffs" in stream.headers.vui and stream.headers.vui["vui_matrix_coeffs"] != _UNSAID:
        found["matrix"] = stream.space.matrix
    if facts.colour is not None:
        found["colour"] = (facts.colour.primaries, facts.colour.transfer)
    found |= {"aspect": "{}:{}".format(*facts.sample_aspect)} if facts.sample_aspect else {}
    return found | ({"rate": "{}/{}".format(*facts.frame_rate)} if facts.frame_rate else {})


def differences(path: Path, ffprobe: str) -> tuple[dict[str, Any], Iterator[str]]:
    """What is read from a stream, and in words where the two differ."""
    with open_vvc(path, decoder="ffmpeg", frames=1) as stream:
        ours = read(stream)
    theirs = probed(path, ffprobe)
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return ours, (f"{name}: {ours.get(name)} here, {theirs.get(name)} by ffprobe" for name in names)


def main() -> int:
    """Checks all streams. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("streams", type=Path, nargs="+", help="VVC byte streams")
    parser.add_argument("--ffprobe", default="ffprobe", help="the program (default: the one on the PATH)")
    options = parser.parse_args()
    failed = 0
    for path in options.streams:
        facts, found = differences(path, options.ffprobe)
        words = list(found)
        failed += bool(words)
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        print(f"{path.name}: {told}: {'; '.join(words) or 'equal'}")
    print(f"{len(options.streams) - failed} of {len(options.streams)} equal in all fields")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
