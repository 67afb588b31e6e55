"""The process in which libjpeg reads coefficients; a program of its own that imports nothing of this package.

jpeglib's libjpeg prints its warnings on stderr and ends the process at what it cannot read. So it has a process that
may end, and whose stderr is a file that the other side reads. See `libjpeg.py`, which starts it.

Each line of stdin is a JSON object {"jpeg": path, "planes": path or null, "sizes": [bytes of each plane]}; the answer
is a line with 1, or 0 where libjpeg failed but lives on.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import sys
from typing import Any

_MOST_COMPONENTS = 4


def main() -> None:
    """Serves until stdin ends, which it does with the process at its other end."""
    read = ctypes.CDLL(sys.argv[1]).read_jpeg_dct
    read.argtypes = [ctypes.c_char_p, *[ctypes.c_void_p] * 6]
    for line in sys.stdin:
        request = json.loads(line)
        status = _answer(read, request)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _answer(read: Any, request: dict[str, Any]) -> int:
    tables = (ctypes.c_uint16 * (64 * _MOST_COMPONENTS))()
    numbers = (ctypes.c_int16 * _MOST_COMPONENTS)()
    jpeg = os.fsencode(request["jpeg"])
    if request["planes"] is None:
        return int(read(jpeg, None, None, None, None, tables, numbers))
    with open(request["planes"], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        start = ctypes.c_char.from_buffer(memory)
        address, places = ctypes.addressof(start), []
        for size in request["sizes"]:
            places.append(address)
            address += size
        planes = [*places, *[None] * _MOST_COMPONENTS][:_MOST_COMPONENTS]
        status = int(read(jpeg, *planes, tables, numbers))
        del start  # the memory cannot be closed before
    return status


if __name__ == "__main__":
    main()
