"""Files as bytes through the enhancer, one bad file a row and never the end: what workers over data sets do."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from enhance.codecs.registry import decode, make_decoders
from enhance.errors import EnhanceError
from enhance.knobs import Knobs
from enhance.output.encoders import OutputFormat
from enhance.output.writer import encode_image


class EnhancedFile(NamedTuple):
    """What became of a file.

    Attributes:
        content: the enhanced picture as a file; None where it failed.
        record: what was done, plain values; None where it failed.
        error: why it failed.
        pixels: height times width; 0 where it was not decoded.
    """

    content: bytes | None
    record: dict[str, Any] | None
    error: str | None
    pixels: int = 0


class FileEnhancer:
    """Enhances files that are bytes. It holds the models: make one in each worker.

    Called with a batch of columns, as Hugging Face's `map` does it: `bytes`, and `path` if
    there is one, for messages. It gives the columns back without `bytes`, and `enhanced` (the file's bytes, empty where
    it failed), `record` (JSON, empty likewise) and `error` (empty where it is done).

    Args:
        model, device, dtype, threads: as in `Enhancer`.
        format, depth: of the results, as in `Enhancer.__call__`.
        **knobs: as in `Knobs`.

    Raises:
        UsageError, WeightsError, DeviceError: as `Enhancer` does, before any file.
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
        format: str = "png",
        depth: int = 8,
        **knobs: Any,
    ) -> None:
        from enhance.enhancer import Enhancer

        self._knobs, self._format, self._depth = Knobs(**knobs), OutputFormat.from_name(format), depth
        self._decoders = make_decoders(pixels=self._knobs.takes_pixels)
        self._enhancer = Enhancer(model, device=device, dtype=dtype, threads=threads)

    def enhance(self, content: bytes, name: str = "<memory>") -> EnhancedFile:
        """One file. Whatever is wrong with it is in the result."""
        pixels = 0
        try:
            decoded = decode(content, source_name=name, decoders=self._decoders)
            pixels = decoded.height * decoded.width
            enhanced = self._enhancer.run(decoded, self._knobs, depth=self._depth)
            return EnhancedFile(
                encode_image(enhanced, self._format, depth=self._depth), asdict(enhanced.record), None, pixels
            )
        except EnhanceError as error:
            return EnhancedFile(None, None, str(error), pixels)
        except Exception as error:  # a bug in one file's path is not the end of the others
            return EnhancedFile(None, None, f"{name}: unexpected {type(error).__name__}: {error}", pixels)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of columns; see the class."""
        names = batch.get("path", ["<memory>"] * len(batch["bytes"]))
        done = [self.enhance(bytes(content), str(name)) for content, name in zip(batch["bytes"], names, strict=True)]
        return {name: column for name, column in batch.items() if name != "bytes"} | as_columns(done)


def as_columns(files: list[EnhancedFile]) -> dict[str, Any]:
    """What became of files as the columns `enhanced`, `record` and `error`; see `FileEnhancer`."""
    columns = {
        "enhanced": [file.content or b"" for file in files],
        "record": [json.dumps(file.record) if file.record else "" for file in files],
        "error": [file.error or "" for file in files],
    }
    return {name: np.array(column, dtype=object) for name, column in columns.items()}
