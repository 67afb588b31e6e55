"""Parsers that answer a wrong word with one line and the nearest right one, instead of with a page of usage."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, cast

from enhance.cli.console import say
from enhance.errors import did_you_mean

_OTHER_WORDS = {
    "--gpu": "--device cuda", "--cuda": "--device cuda", "--cpu": "--device cpu", "--overwrite": "--force",
    "--yes": "--force", "-f": "--force", "-y": "--force", "--out": "--output", "--outdir": "--output",
    "-q": "--quality or --quiet",
    "-j": "--threads", "--jobs": "--threads", "--workers": "--threads", "--recurse": "--recursive",
    "-R": "--recursive", "-m": "--mode", "-s": "--strength", "--silent": "--quiet", "--weights": "--model",
    "--checkpoint": "--model", "--bits": "--depth", "--fp16": "--dtype bfloat16", "--bf16": "--dtype bfloat16",
    "--perceptual": "--mode perceptual", "--fidelity": "--mode fidelity", "--balanced": "--mode balanced",
}  # fmt: skip
"""What other programs call it, where this one's names are far from that."""

_NUMBER = re.compile(r"-\.?\d")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with arguments' control characters (of file names, say) escaped."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse does; but a wrong option is told before what may be missing because of it."""
        given = sys.argv[1:] if args is None else list(args)
        for word in self._unknown(given):
            self.error(f"there is no option {word}{self._suggestion(word)}")
        return super().parse_args(self._with_null(given), namespace)

    def _with_null(self, given: list[str]) -> list[str]:
        """-0 in full: if it were an option, argparse would take every negative number for one, too."""
        end = given.index("--") if "--" in given else len(given)
        if "--null" not in self.options():
            return given
        return ["--null" if word == "-0" else word for word in given[:end]] + given[end:]

    def error(self, message: str) -> NoReturn:
        """Ends the program with one line and status 2."""
        say(f"error: {message}{self._nearest_choice(message)} ({self.prog} --help tells more)")
        sys.exit(2)

    def actions(self) -> list[argparse.Action]:
        """All arguments, in the order of the help."""
        return self._actions

    def options(self) -> list[str]:
        """All option strings, in the order of the help."""
        return [name for action in self._actions for name in action.option_strings]

    def _unknown(self, given: list[str]) -> Iterator[str]:
        known = self.options()
        for word in given[: given.index("--")] if "--" in given else given:
            name = word.partition("=")[0]
            if len(name) < 2 or name[0] != "-" or " " in name or _NUMBER.match(name):
                continue
            if name[1] != "-":
                found = any(len(option) == 2 and name.startswith(option) for option in known)
            else:
                found = any(option.startswith(name) for option in known)
            if not found:
                yield name

    def _suggestion(self, word: str) -> str:
        if os.path.lexists(word):
            return f"; the file of that name is {shlex.quote(os.path.join(os.curdir, word))}"
        words = _OTHER_WORDS.get(word, word).split()
        kept = {word: " ".join(words)} if words[0] in self.options() else {}
        question = did_you_mean(word, [name for name in self.options() if name.startswith("--")], kept)
        return f"; {question}" if question else ""

    def _nearest_choice(self, message: str) -> str:
        """For "argument --mode: invalid choice: 'fidelty' (choose from ...)" the nearest choice."""
        wrong = re.match(r"argument (\S+): invalid choice: '([^']*)'", message)
        if wrong is None:
            return ""
        choices = [action.choices for action in self._actions if wrong[1] in "/".join(action.option_strings)]
        question = did_you_mean(wrong[2], map(str, cast(list[Any], choices[0]))) if choices and choices[0] else None
        return f"; {question}" if question else ""
