"""Ray Data: a dataset of files becomes one of enhanced files, in actors that hold the model."""

from __future__ import annotations

import logging
from typing import Any

import ray as installed_ray
import ray.data as installed_ray_data

from enhance.errors import EnhanceError, UsageError
from enhance.integrations.file_enhancer import EnhancedFile, FileEnhancer, as_columns
from enhance.integrations.ray_storage import read_file

ray: Any = installed_ray  # its types differ with its version, and are missing where it is
ray_data: Any = installed_ray_data
_log = logging.getLogger(__name__)


class RowEnhancer:
    """What an actor of Ray Data does to a batch of rows; see `enhance_dataset`.

    Args:
        **options: of `FileEnhancer`.
    """

    def __init__(self, **options: Any) -> None:
        self._enhancer = FileEnhancer(**options)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of columns. Raises UsageError where there is neither `bytes` nor `path`."""
        if not {"bytes", "path"} & batch.keys():
            raise UsageError("a dataset needs a column named bytes, or one named path")
        nothing = [None] * len(next(iter(batch.values())))
        rows = zip(batch.get("bytes", nothing), batch.get("path", nothing), strict=True)
        done = [self._enhance(content, path) for content, path in rows]
        return {name: column for name, column in batch.items() if name != "bytes"} | as_columns(done)

    def _enhance(self, content: bytes | None, path: str | None) -> EnhancedFile:
        if content is None and path is None:
            return EnhancedFile(None, None, "neither bytes nor a path in this row")
        try:
            content = read_file(str(path)) if content is None else bytes(content)
        except EnhanceError as error:
            return EnhancedFile(None, None, str(error))
        return self._enhancer.enhance(content, str(path or "<memory>"))


def enhance_dataset(
    dataset: Any,
    *,
    workers: int | tuple[int, int] = 1,
    cpus: float = 1.0,
    gpus: float = 0.0,
    batch_size: int = 4,
    **options: Any,
) -> Any:
    """A dataset of Ray Data whose files are enhanced, lazily, a few at a time.

    Args:
        dataset: `ray.data.Dataset` with a column `bytes`, a file each, as `ray.data.read_binary_files` gives it, or
            one `path`: of files that all nodes see, or URIs that pyarrow knows. Where a row has both, its bytes are
            taken, and its path is for messages. Further columns are kept.
        workers: actors, each with a model of its own; or the least and the most of them, as the cluster has room.
            Where Ray has to read files as well, the least of them must leave it a core: (1, 16).
        cpus, gpus: of each; shares are possible. Its threads are its CPUs.
        batch_size: files that an actor takes at a time.
        **options: of `FileEnhancer`.

    Returns:
        a dataset without `bytes`, and with `enhanced` (a file's bytes, empty where it failed), `record` (what was
        done, as JSON) and `error` (why it failed; empty where it is done). A bad file is a row, and never the end.

    Raises:
        UsageError: a worker needs something. What is wrong with the options, the first actor says when it starts.
    """
    least, most = workers if isinstance(workers, tuple) else (workers, workers)
    if cpus <= 0 or gpus < 0 or not 1 <= least <= most or batch_size < 1:
        raise UsageError("workers and batches are 1 or more, with a part of a CPU each, and none or a part of a GPU")
    _warn_of_waiting(least * cpus)
    threads = {"threads": max(1, int(cpus))} | options
    return dataset.map_batches(
        RowEnhancer, fn_constructor_kwargs=threads, batch_size=batch_size, batch_format="numpy", num_cpus=cpus,
        num_gpus=gpus or None, compute=ray_data.ActorPoolStrategy(min_size=least, max_size=most),
    )  # fmt: skip


def _warn_of_waiting(cores: float) -> None:
    """Actors hold their cores to the end: with all of them, a task of Ray that reads their files never begins."""
    if ray.is_initialized() and cores > ray.cluster_resources().get("CPU", 0) - 1:
        _log.warning(
            "workers that hold every core leave none for Ray to read files with; "
            "if these are not in memory already, take for example workers=(1, 16)"
        )
