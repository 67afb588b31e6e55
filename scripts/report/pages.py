"""Markdown pages with parts that a program fills in, between two comments that no reader sees.

    <!-- measured: live1 columns="psnr lpips_alex" intervals -->
    what stands here is replaced
    <!-- /measured -->

The first word is the marker's kind, the second its subject; then NAME=VALUE, which may come again, and words that stand
alone, all quoted as in a shell, on one line or several. Other comments, and what is fenced as code, are left alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from enhance.errors import EnhanceError, UsageError
from enhance.system.atomic_file import atomic_file

_COMMENT = re.compile(r"(?<!`)<!--\s*(?P<end>/)?(?P<kind>\w+)(?(end)\s*|:\s(?P<words>.*?))-->", re.DOTALL)
_FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Marker:
    """What a comment asks for.

    Attributes:
        subject: its first word, the name of what is shown.
        options: {name: values} of NAME=VALUE.
        flags: words that stand alone.
    """

    subject: str
    options: Mapping[str, Sequence[str]]
    flags: Collection[str]

    @classmethod
    def parse(cls, text: str) -> Marker:
        """From what follows the kind. Raises UsageError: a quote is open, or there is no subject."""
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(f"this marker cannot be read: {error}", hint="text with spaces is quoted") from error
        if not words or "=" in words[0]:
            raise UsageError("the marker's first word must name what it shows")
        options: dict[str, list[str]] = {}
        for name, is_option, value in (word.partition("=") for word in words[1:]):
            if is_option:
                options.setdefault(name, []).append(value)
        return cls(words[0], options, [word for word in words[1:] if "=" not in word])

    def one(self, name: str, default: str = "") -> str:
        """The value of an option. Raises UsageError: it has two."""
        values = self.options.get(name, [default])
        if len(values) > 1:
            raise UsageError(f"{name}= is given twice")
        return values[0]

    def check(self, options: Collection[str], flags: Collection[str]) -> None:
        """Raises UsageError: the marker has an option or a flag that is none of these."""
        known = ", ".join([*(f"{name}=" for name in options), *flags])
        unknown = [f"{name}=" for name in self.options if name not in options]
        unknown += [word for word in self.flags if word not in flags]
        if unknown:
            raise UsageError(f"a marker cannot hold {unknown[0]!r}", hint=f"there are {known}")


Fill = Callable[[Marker], str]
"""From a marker to its content: one line for the running text, or several, which stand apart. Raises EnhanceError."""


def update(pages: Sequence[Path], kinds: Mapping[str, Fill], *, is_check: bool = False) -> list[Path]:
    """Fills in pages; nothing is written unless all can be.

    Args:
        pages: Markdown files.
        kinds: {kind of marker: what fills it in}; markers of other kinds are left alone.
        is_check: write nothing.

    Returns:
        the pages whose text changed, or would.

    Raises:
        UsageError: a page cannot be read, or a marker cannot be filled in, with page and line.
        OutputError: a page cannot be written.
    """
    changed = {}
    for page in dict.fromkeys(pages):
        before = _read(page)
        after = fill(before, kinds, str(page))
        if after != before:
            changed[page] = after
    for page, text in changed.items():
        if not is_check:
            with atomic_file(page, overwrite=True) as file:
                file.write(text.encode())
    return list(changed)


def fill(text: str, kinds: Mapping[str, Fill], source: str) -> str:
    """A page with new content between its markers; see `update`. `source` is its name for errors."""
    parts, end = [], 0
    for opening, closing in _pairs(text, kinds, source):
        try:
            content = kinds[opening["kind"]](Marker.parse(opening["words"]))
        except EnhanceError as error:
            reason = f"{error.source}: {error.reason}" if error.source else error.reason
            raise UsageError(reason, source=_place(text, opening, source), hint=error.hint) from error
        parts += [text[end : opening.end()], f"\n\n{content}\n\n" if "\n" in content else content]
        end = closing.start()
    return "".join([*parts, text[end:]])


def _pairs(text: str, kinds: Collection[str], source: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Markers and what closes them. Raises UsageError: one is not closed, or not open."""
    opening = None
    for comment in _comments(text):
        if comment["kind"] not in kinds:
            continue
        if opening is None and comment["end"]:
            raise UsageError(f"nothing is open that {comment[0]} could close", source=_place(text, comment, source))
        if opening is None:
            opening = comment
        elif comment["end"] and comment["kind"] == opening["kind"]:
            yield opening, comment
            opening = None
        else:
            break
    if opening is not None:
        kind = opening["kind"]
        raise UsageError(f"<!-- /{kind} --> is missing", source=_place(text, opening, source))


def _comments(text: str) -> Iterator[re.Match[str]]:
    fenced = [one.span() for one in _FENCED.finditer(text)]
    return (one for one in _COMMENT.finditer(text) if not any(start <= one.start() < end for start, end in fenced))


def _place(text: str, comment: re.Match[str], source: str) -> str:
    return f"{source}:{text.count(chr(10), 0, comment.start()) + 1}"


def _read(page: Path) -> str:
    try:
        return page.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"this page cannot be read: {reason}", source=str(page)) from error
