"""How the progress and the results of `enhance run` are told: people on stderr, programs on stdout."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from types import TracebackType

from tqdm import tqdm

from enhance.batch.plan import STREAM, Outcome, Plan
from enhance.cli.console import say
from enhance.inference.progress import Progress
from enhance.system.progress import Clock, progress_bar, set_facts

_MOST_REASONS = 10

LOADING, READING, LOOKING = "loading the model", "reading", "looking at the picture"
"""What is done while no picture moves on."""


class Reporter:
    """Tells what becomes of each input, keeps count, and knows the exit status that follows.

    A context: its end closes the progress bar and sums up.

    Args:
        plan: what is to be done.
        quiet: say nothing but errors.
        verbose: name every file that something is said of; otherwise one, and how many more.
        json_lines: one JSON object per input on stdout.
        names: what inputs are called, where that is not the name of their file.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        quiet: bool,
        json_lines: bool,
        verbose: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.plan = plan
        self.names = names or {}
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self.json_lines = json_lines
        self.count: Counter[str] = Counter()
        self.notes: dict[str, list[str]] = {}
        self.reasons: dict[str, list[str]] = {}
        self.exit_codes: set[int] = set()
        self.pixels = 0
        self.began = time.monotonic()
        self.bar: tqdm[None] | None = None
        self._clock: Clock | None = None
        self._stage: str | None = None
        self._under_way: dict[str, tuple[float, int]] = {}
        self._failed_before = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Shows the bar, before anything takes time."""
        if not self.quiet:
            layout = "{percentage:3.0f}%|{bar}| {desc} [{elapsed}<{remaining}{postfix}]"
            self._failed_before = self.count["failed"]
            count = len(self.plan.jobs)
            self._stage = LOADING
            self.bar = progress_bar("enhancing", count, bar_format=layout, smoothing=0.1, desc=self._counted(0))
            self._clock = Clock(self.bar)
            set_facts(self.bar, stage=LOADING)

    def start(self) -> None:
        """The model is loaded: from here on time counts."""
        self.began = time.monotonic()
        if self.bar is not None:
            self.bar.unpause()  # its time, too
            self._enter(READING)

    def follow(self, source: str, pixels: int) -> Progress:
        """What is to be told how far the work on a picture is, in any thread; a look at its pixels comes first."""
        with self._lock:
            if not self._under_way:
                self._enter(LOOKING)

        def told(share: float) -> None:
            with self._lock:
                self._under_way[source] = share, pixels
                self._show()

        return told

    def tell(self, outcome: Outcome) -> None:
        """Takes one outcome."""
        file, outcome = outcome.input, self._named(outcome)
        self.count[outcome.status] += 1
        self.pixels += outcome.pixels if outcome.status == "done" else 0
        if self.verbose and outcome.status != "failed":
            self._say(f"{outcome.status}: {outcome.input}" + (f" to {outcome.output}" if outcome.output else ""))
        for note in outcome.record.notes if outcome.record is not None else ():
            self.notes.setdefault(note, []).append(outcome.input)
            if self.verbose:
                self._say(f"note: {outcome.input}: {note}")
        if outcome.error is not None:
            self.exit_codes.add(outcome.error.exit_code)
            self.reasons.setdefault(outcome.error.reason, []).append(outcome.input)
            self._say(f"error: {_named(outcome)}")
        if self.json_lines:
            print(json.dumps(outcome.describe()), flush=True)
        with self._lock:
            self._under_way.pop("<stdin>" if file == STREAM else file, None)
            self._show()

    def _named(self, outcome: Outcome) -> Outcome:
        """The same outcome with the name that its input has for the user."""
        name = self.names.get(outcome.input)
        if name is None:
            return outcome
        error = outcome.error
        if error is not None:
            error.source = name
        return replace(outcome, input=name, output=None, error=error)

    def exit_status(self) -> int:
        """0: all done; 1: some failed; the error's own where nothing was done and all failed in the same way."""
        if not self.count["failed"] and not self.count["not started"]:
            return 0
        nothing_done = not self.count["done"] and not self.count["skipped"]
        return self.exit_codes.copy().pop() if nothing_done and len(self.exit_codes) == 1 else 1

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._clock is not None:
            self._clock.stop()
        if self.bar is not None:
            self.bar.close()
        if self.count["not started"]:
            self._say(f"error: {self.count['not started']} more inputs were not started")
        if kind is KeyboardInterrupt:
            done = self.count["done"] + self.count["skipped"]
            self._say(f"{done} of {len(self.plan.jobs) + len(self.plan.settled)} are finished; --resume does the rest")
        elif not self.quiet and kind is None:
            self._sum_up()

    @property
    def seconds(self) -> float:
        """Since the model was loaded."""
        return time.monotonic() - self.began

    def _speed(self) -> float:
        pixels = self.pixels + sum(share * pixels for share, pixels in self._under_way.values())
        return pixels / 1e6 / max(time.monotonic() - self.began, 1e-9)

    def _counted(self, settled: int) -> str:
        stage = f", {self._stage}" if self._stage else ""
        return f"{settled}/{len(self.plan.jobs)} images{stage}"

    def _enter(self, stage: str) -> None:
        """What is being done that is no share of a picture; the clock shows it where it lasts."""
        if self.bar is not None:
            self._stage = stage
            set_facts(self.bar, stage=stage)
            self.bar.set_description_str(self._counted(self._settled), refresh=False)

    @property
    def _settled(self) -> int:
        return self.count["done"] + self.count["failed"] - self._failed_before

    def _show(self) -> None:
        """Brings the bar to what is done; pictures that the network is working on count by what is done of them."""
        if self.bar is None:
            return
        done = self._settled + sum(share for share, _ in self._under_way.values())
        if done > self.bar.n:
            self._stage = None
            self.bar.set_postfix_str(f"{self._speed():.2f} MP/s", refresh=False)
            set_facts(self.bar, megapixels_per_second=round(self._speed(), 3))
        self.bar.set_description_str(self._counted(self._settled), refresh=False)
        self.bar.update(done - self.bar.n)

    def _sum_up(self) -> None:
        """Notes, and a table: how many inputs were done, skipped, failed, and what was no input; each with why."""
        if not self.verbose:
            notes = sorted(self.notes.items(), key=lambda item: -len(item[1]))
            for note, names in notes[:_MOST_REASONS]:
                self._say(f"note: {_first_of(names)}: {note}")
            if len(notes) > _MOST_REASONS:
                self._say(f"note: {len(notes) - _MOST_REASONS} others (-v lists them)")
        self._row("done", self.count["done"], self._achievement())
        self._row("skipped", self.count["skipped"], "finished before")
        for reason, names in _most_frequent(self.reasons):
            self._row("failed", len(names), f"{reason}: {_first_of(names)}")
        self._row("not started", self.count["not started"], "the disk cannot take more")
        passed_over: dict[str, list[str]] = {}
        for it in self.plan.passed_over:
            passed_over.setdefault(it.reason, []).append(it.name)
            if self.verbose:
                self._say(f"passed over: {it.name}: {it.reason}")
        for reason, names in passed_over.items():
            self._row("passed over", len(names), f"{reason}: {_first_of(names)}")

    def _achievement(self) -> str:
        seconds = time.monotonic() - self.began
        return f"{self.pixels / 1e6:.2f} megapixels in {seconds:.1f} s ({self._speed():.2f} megapixels per second)"

    def _row(self, status: str, count: int, reason: str) -> None:
        if count:
            self._say(f"{status:12}{count:7}  {reason}")

    def _say(self, text: str) -> None:
        with tqdm.external_write_mode(file=sys.stderr) if self.bar is not None else nullcontext():
            say(text)


def _named(outcome: Outcome) -> str:
    """The error with the input that it is about, which a missing model, for example, does not name."""
    error = outcome.error
    known = error is None or error.source in (outcome.input, outcome.output, "<stdin>", "<stdout>")
    return str(error) if known else f"{outcome.input}: {error}"


def _first_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more (-v lists them)"


def _most_frequent(reasons: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    """The reasons that most inputs have in common; those beyond the first ones as one."""
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    rest = [name for _, names in ordered[_MOST_REASONS:] for name in names]
    return ordered[:_MOST_REASONS] + ([("for other reasons, told above", rest)] if rest else [])
