"""The process in which libjpeg reads coefficients; a program of its own that imports nothing of this package.

jpeglib's libjpeg prints its warnings on stderr and ends the process at what it cannot read. So it has a process that
may end, and whose stderr is a file that the other side reads. See `libjpeg.py`, which starts it.

A request on stdin is a line with a JSON object {"length": bytes of the file, "sizes": bytes of each plane that is
wanted} and the file. The answer on stdout is a line with 1, and the planes; or 0 where libjpeg failed but lives on.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
from typing import Any

_MOST_COMPONENTS = 4


def main() -> None:
    """Serves until stdin ends, which it does with the process at its other end."""
    read = ctypes.CDLL(sys.argv[1]).read_jpeg_dct
    read.argtypes = [ctypes.c_char_p, *[ctypes.c_void_p] * 6]
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        jpeg = sys.stdin.buffer.read(request["length"])
        planes = [ctypes.create_string_buffer(size) for size in request["sizes"]]
        status = _read(read, jpeg, planes)
        sys.stdout.buffer.write(b"%d\n" % status)
        if status == 1:
            for plane in planes:
                sys.stdout.buffer.write(plane)
        sys.stdout.buffer.flush()


def _read(read: Any, jpeg: bytes, planes: list[Any]) -> int:
    tables = (ctypes.c_uint16 * (64 * _MOST_COMPONENTS))()
    numbers = (ctypes.c_int16 * _MOST_COMPONENTS)()
    descriptor, path = _as_file(jpeg)
    try:
        return int(read(os.fsencode(path), *[*planes, *[None] * _MOST_COMPONENTS][:_MOST_COMPONENTS], tables, numbers))
    finally:
        os.close(descriptor)
        if not path.startswith("/proc/"):
            os.unlink(path)


def _as_file(content: bytes) -> tuple[int, str]:
    """A file with this content, in memory where the system has such files: its descriptor and its path."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("jpeg")
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = tempfile.mkstemp(prefix="enhance-")
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    return descriptor, path


if __name__ == "__main__":
    main()
