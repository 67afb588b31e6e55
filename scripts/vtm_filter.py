#!/usr/bin/env python3
"""Stands in for VTM's DecoderApp, and enhances what it decodes; the same as `enhance filter`, with VTM's options.

    scripts/vtm_filter.py -b in.266 -o out.yuv -d 8         # decodes and enhances; every picture has its own QP
    DecoderApp -b in.266 -o pipe.y4m & scripts/vtm_filter.py pipe.y4m --qp 37 > out.y4m    # a FIFO in between

Like DecoderApp it replaces OUT, and writes y4m where its name ends in .y4m and raw YUV elsewhere (on stdout: y4m).
`enhance filter --help` shows the options for the enhancement.
"""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path

from enhance.cli.main import main

_RENAMED = {"--BitstreamFile": "-b", "--ReconFile": "-o", "--OutputBitDepth": "-d"}

# What does not change the pictures.
_HARMLESS = {
    "-dph", "--SEIDecodedPictureHash", "-v", "--Verbosity", "-w", "--WarnUnknowParameter", "-opl", "--OplFile",
    "--SEINoDisplay", "--OutputDecodedSEIMessagesFilename", "--TraceFile", "--TraceRule", "--TraceChannelsList",
}  # fmt: skip

# What would, and is not handled.
_REFUSED = {
    "-s": "to skip frames", "--SkipFrames": "to skip frames", "-t": "to leave out temporal layers",
    "--MaxTemporalLayer": "to leave out temporal layers", "-p": "to choose a layer set",
    "--TargetOutputLayerSet": "to choose a layer set", "--OutputColourSpaceConvert": "another colour space",
    "--OutputBitDepthC": "another depth for chroma", "--PYUV": "packed samples", "--UpscaledOutput": "scaled pictures",
    "--ClipOutputVideoToRec709Range": "clipped samples", "-c": "an options file", "--TargetSubPicIdx": "a subpicture",
}  # fmt: skip


class _Refused(Exception):
    """An option of VTM's that is not handled."""


def translate(arguments: list[str]) -> tuple[list[str], list[str]]:
    """From the options of VTM's decoder, which are written -x N, --Name=N or --Name N, to those of `enhance filter`.

    Returns:
        the options, and the names of those that were left out.

    Raises:
        _Refused: one of them would change the pictures in a way that is not handled.
    """
    kept, left_out = ["--force"], []
    rest = deque(arguments)
    while rest:
        argument = rest.popleft()
        name, equals, value = argument.partition("=")
        if name in _REFUSED:
            raise _Refused(f"{name} ({_REFUSED[name]}) is not handled: decode with DecoderApp, and filter its output")
        if name in _HARMLESS:
            left_out.append(name)
            if not equals and rest and not rest[0].startswith("-"):
                rest.popleft()
        elif name in _RENAMED:
            kept += [_RENAMED[name], value] if equals else [_RENAMED[name]]
        else:
            kept.append(argument)
    if _writes_raw(kept):
        kept += ["--output-format", "raw"]
    return kept, left_out


def _writes_raw(options: list[str]) -> bool:
    """True where DecoderApp would write raw YUV."""
    output = next((value for option, value in zip(options, options[1:]) if option in ("-o", "--output")), "-")
    return "-b" in options and output != "-" and Path(output).suffix.lower() != ".y4m"


def run(arguments: list[str]) -> int:
    """Does what DecoderApp would, and enhances. Returns the exit status."""
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
    try:
        options, left_out = translate(arguments)
    except _Refused as refused:
        print(f"vtm_filter: error: {refused}", file=sys.stderr)
        return 2
    for name in left_out:
        print(f"vtm_filter: note: {name} has no effect here", file=sys.stderr)
    return main(["filter", *options])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
