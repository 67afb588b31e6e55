"""A folder or a bucket of pictures on a cluster of Ray: workers that hold the model, one file at a time each.

The driver hands a worker its next file when it has finished the last, so nothing piles up and memory stays flat: names
and outcomes travel, pixels do not leave the worker. A file whose worker died (with its node, or killed for its memory)
goes to another one; a file that has taken three workers with it is a failure like others. Results are written whole and
under a name of their own, so one that is made twice is there once.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

import ray as installed_ray

from enhance.codecs.registry import known_extensions
from enhance.errors import EnhanceError, UsageError
from enhance.integrations.file_enhancer import FileEnhancer
from enhance.integrations.ray_storage import Store
from enhance.output.encoders import OutputFormat

ray: Any = installed_ray  # its types differ with its version, and are missing where it is
_log = logging.getLogger(__name__)

_MOST_DEATHS = 3


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file.

    Attributes:
        input, output: names relative to their folders.
        status: "done" or "failed".
        error: why it failed.
        pixels: height times width.
        seconds: of the worker, reading and writing included.
        node: on which it was done.
    """

    input: str
    output: str
    status: Literal["done", "failed"]
    error: str | None = None
    pixels: int = 0
    seconds: float = 0.0
    node: str = ""


@dataclass(frozen=True)
class ClusterPlan:
    """What is to be done, where.

    Attributes:
        source, target: folders, local or URIs of pyarrow's file systems.
        workers: how many; by default as many as the cluster has room for.
        cpus, gpus: of each worker; shares of a GPU are possible. Its threads are its CPUs.
        resume: leave out files whose result exists. Without it a result that exists is a mistake.
        options: of `FileEnhancer`.

    Raises:
        UsageError: a worker needs something.
    """

    source: str
    target: str
    workers: int | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    resume: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cpus <= 0 or self.gpus < 0 or (self.workers is not None and self.workers < 1):
            raise UsageError("workers are 1 or more, with a part of a CPU each, and none or a part of a GPU")

    def names(self) -> list[tuple[str, str]]:
        """Inputs and outputs that are left to do, in the order of names.

        Raises:
            UsageError: two inputs have one output, or results exist and nothing was said about that.
        """
        extension = OutputFormat.from_name(self.options.get("format", "png")).extension
        known = known_extensions()
        inputs = sorted(n for n in Store(self.source).names() if PurePosixPath(n).suffix.lower() in known)
        pairs = [(name, str(PurePosixPath(name).with_suffix(extension))) for name in inputs]
        twice = [output for output, count in Counter(output for _, output in pairs).items() if count > 1]
        if twice:
            raise UsageError(f"several inputs would become {twice[0]}", source=self.source, hint="rename one of them")
        there = Store(self.target).names()
        if not self.resume and any(output in there for _, output in pairs):
            raise UsageError("holds results already", source=self.target, hint="--resume goes on where it stopped")
        return [(name, output) for name, output in pairs if output not in there]


class _Worker:
    """What Ray runs on its nodes."""

    def __init__(self, plan: ClusterPlan) -> None:
        self._source, self._target = Store(plan.source), Store(plan.target)
        threads = {"threads": max(1, int(plan.cpus))} | plan.options
        self._enhancer = FileEnhancer(**threads)
        self._node = ray.get_runtime_context().get_node_id()

    def ready(self) -> None:
        """Returns when the models are loaded."""

    def work(self, name: str, output: str) -> FileOutcome:
        """One file from the one folder to the other."""
        began = time.perf_counter()
        pixels, error = 0, None
        try:
            done = self._enhancer.enhance(self._source.read(name), name)
            pixels, error = done.pixels, done.error
            if done.content is not None:
                self._target.write(output, done.content)
        except EnhanceError as problem:
            error = str(problem)
        seconds = time.perf_counter() - began
        return FileOutcome(name, output, "failed" if error else "done", error, pixels, seconds, self._node)


def connect(address: str | None) -> None:
    """Joins a cluster, "HOST:PORT" or "auto"; does nothing for None, as `run_cluster` then makes its own."""
    if address is not None:
        ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)


def run_cluster(plan: ClusterPlan) -> Iterator[FileOutcome]:
    """Does a plan on the cluster that ray is connected to, or on one of this machine's own.

    Yields:
        an outcome for every file, in the order in which they are finished.

    Raises:
        UsageError: see `ClusterPlan.names`.
        EnhanceError: no worker can be started, for example for want of a model.
    """
    names = plan.names()
    if not names:
        return
    with _some_cluster():
        pool = WorkerPool(plan, names)
        try:
            yield from pool.run()
        finally:
            pool.stop()


@contextmanager
def _some_cluster() -> Iterator[None]:
    """The cluster that ray is connected to, or one of this machine, which is ended with what it was started for."""
    if ray.is_initialized():
        yield
        return
    ray.init(  # "local": a cluster that another program started on this machine, or left, is not meant
        address="local", logging_level=logging.WARNING, include_dashboard=False, log_to_driver=False
    )
    try:
        yield
    finally:
        ray.shutdown()


class WorkerPool:
    """The workers of a plan on the cluster that ray is connected to, and which file is where.

    Args:
        plan: what kind of workers, and how many.
        names: inputs and outputs.
    """

    def __init__(self, plan: ClusterPlan, names: list[tuple[str, str]]) -> None:
        self._names, self._waiting, self._deaths = names, deque[tuple[str, str]](), Counter[str]()
        self._starting: dict[Any, Any] = {}
        self._busy: dict[Any, tuple[Any, tuple[str, str]]] = {}
        self._idle: list[Any] = []  # kept to the end: a file may come back from a worker that dies
        self._remote = ray.remote(num_cpus=plan.cpus, num_gpus=plan.gpus)(_Worker)
        self._plan = plan
        for _ in range(min(plan.workers or _room(plan), len(names))):
            self._start()

    def assemble(self) -> None:
        """Returns when all workers have loaded their models; by itself each begins when it has."""
        while self._starting:
            finished, _ = ray.wait([*self._starting], num_returns=1)
            self._take(finished[0])

    def run(self, names: list[tuple[str, str]] | None = None) -> Iterator[FileOutcome]:
        """The outcomes of all files, or of these, in the order in which they are finished."""
        self._waiting.extend(self._names if names is None else names)
        self._hand_out()
        while self._waiting or self._busy:
            finished, _ = ray.wait([*self._starting, *self._busy], num_returns=1)
            for reference in finished:
                outcome = self._take(reference)
                if outcome is not None:
                    yield outcome

    def stop(self) -> None:
        """Ends the workers."""
        for worker in [*self._idle, *self._starting.values(), *(worker for worker, _ in self._busy.values())]:
            ray.kill(worker)

    def _start(self) -> None:
        worker = self._remote.remote(self._plan)
        self._starting[worker.ready.remote()] = worker

    def _take(self, reference: Any) -> FileOutcome | None:
        """What a finished call brought; its worker, if it lives, gets the next file."""
        worker, job = self._busy.pop(reference) if reference in self._busy else (self._starting.pop(reference), None)
        try:
            outcome = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            _log.warning("a worker died: %s", error)
            cause = getattr(error, "cause", None) or error.__cause__
            if job is None and isinstance(cause, EnhanceError):
                raise cause from error
            return self._bury(job, str(error).strip().rpartition("\n")[2])
        self._idle.append(worker)
        self._hand_out()
        return outcome if isinstance(outcome, FileOutcome) else None

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            worker, job = self._idle.pop(), self._waiting.popleft()
            self._busy[worker.work.remote(*job)] = (worker, job)

    def _bury(self, job: tuple[str, str] | None, why: str) -> FileOutcome | None:
        """Another worker for the one that died, and its file to whoever is free next."""
        self._deaths[job[0] if job else ""] += 1
        if job is None and self._deaths[""] > _MOST_DEATHS:
            raise EnhanceError(f"workers die before they have begun: {why}", hint="ray's logs tell more")
        self._start()
        if job is None:
            return None
        if self._deaths[job[0]] < _MOST_DEATHS:
            self._waiting.appendleft(job)
            self._hand_out()
            return None
        return FileOutcome(*job, "failed", f"{_MOST_DEATHS} workers died with it")


def _room(plan: ClusterPlan) -> int:
    """How many workers the cluster has room for."""
    there = ray.cluster_resources()
    counts = [there.get("CPU", 0.0) / plan.cpus]
    if plan.gpus:
        counts.append(there.get("GPU", 0.0) / plan.gpus)
    return max(1, int(min(counts)))
