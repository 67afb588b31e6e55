"""Data sets of files: `FileEnhancer`, for Hugging Face datasets' `map` and for WebDataset's shards.

    from enhance.integrations.datasets import FileEnhancer

torch is imported with the first name that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enhance.integrations.on_demand import on_demand

if TYPE_CHECKING:
    from enhance.integrations.file_enhancer import EnhancedFile, FileEnhancer

__all__ = ["EnhancedFile", "FileEnhancer"]

__getattr__ = on_demand(__name__, EnhancedFile="file_enhancer", FileEnhancer="file_enhancer")
