"""Data sets of files: `FileEnhancer`, for Hugging Face datasets' `map` and for WebDataset's shards.

    from enhance.integrations.datasets import FileEnhancer

torch is imported with the first name that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhance.integrations.file_enhancer import EnhancedFile, FileEnhancer

__all__ = ["EnhancedFile", "FileEnhancer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from enhance.integrations import file_enhancer

    return getattr(file_enhancer, name)
