"""What a benchmark found: cases in parts, the machine and the model that they belong to, and their JSON file."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from enhance.errors import UsageError
from enhance.system.atomic_file import atomic_file

FORMAT = 1


@dataclass(frozen=True)
class Case:
    """One thing that was measured, or that was left out.

    Attributes:
        name: unique in its part.
        settings: what was measured; plain JSON values, as in `figures`.
        seconds: of every timed run; empty where nothing is timed.
        figures: everything else that was found. Sizes of memory are in bytes.
        left_out: why there are no numbers; None where there are.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: tuple[float, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    left_out: str | None = None

    @property
    def median(self) -> float:
        """Of `seconds`."""
        return statistics.median(self.seconds)


@dataclass
class Report:
    """All that one call of the benchmark found.

    Attributes:
        about: date, machine, versions, model and options, nested dictionaries of plain JSON values.
        parts: the cases of every part that was asked for, in order.
    """

    about: Mapping[str, Any]
    parts: dict[str, list[Case]] = field(default_factory=dict)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON file; readers see the old one or the new one. Raises OutputError."""
        parts = {name: [asdict(case) for case in cases] for name, cases in self.parts.items()}
        document = {"format": FORMAT, **self.about, "parts": parts}
        with atomic_file(path, overwrite=True) as file:
            file.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Report:
        """Reads what `write` wrote. Raises UsageError for anything else."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            if document.pop("format") != FORMAT:
                raise ValueError("of another version")
            parts = {
                name: [Case(**case | {"seconds": tuple(case["seconds"])}) for case in cases]
                for name, cases in document.pop("parts").items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"not the results of a benchmark: {error}"
            raise UsageError(reason, source=os.fspath(path), hint="name a file that --json wrote") from error
        return cls(document, parts)
