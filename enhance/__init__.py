"""Receiver-side enhancement of JPEG and VVC pictures.

    import enhance
    better = enhance.enhance("photo.jpg")       # a PIL image
    enhance.open("photo.jpg").save("photo.webp")  # one whose save keeps EXIF, ICC profile and XMP
    enhance.enhance("still.266", output="still.png", depth=16)

Everything is imported on first use, so that `import enhance` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhance.codecs.registry import decode, inspect, make_decoders
    from enhance.enhancer import Enhancer, enhance
    from enhance.errors import (
        DecodeError,
        DeviceError,
        EnhanceError,
        OutputError,
        UnsupportedImageError,
        UsageError,
        WeightsError,
    )
    from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord, EnhancementResult, Metadata
    from enhance.integrations.pillow import open as open
    from enhance.knobs import Knobs
    from enhance.system.limits import Limits

__version__ = "0.1.0"

_MODULES = {
    "enhance.codecs.registry": ("decode", "inspect", "make_decoders"),
    "enhance.enhancer": ("Enhancer", "enhance"),
    "enhance.errors": (
        "DecodeError", "DeviceError", "EnhanceError", "OutputError", "UnsupportedImageError", "UsageError",
        "WeightsError",
    ),
    "enhance.images": ("DecodedImage", "EnhancedImage", "EnhancementRecord", "EnhancementResult", "Metadata"),
    "enhance.integrations.pillow": ("open",),
    "enhance.knobs": ("Knobs",),
    "enhance.system.limits": ("Limits",),
}  # fmt: skip
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

# Not `open`, which would hide Python's own from those who import everything.
__all__ = [
    "DecodeError", "DecodedImage", "DeviceError", "EnhanceError", "EnhancedImage", "EnhancementRecord",
    "EnhancementResult", "Enhancer", "Knobs", "Limits", "Metadata", "OutputError", "UnsupportedImageError",
    "UsageError", "WeightsError", "__version__", "decode", "enhance", "inspect", "make_decoders",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Public names come from their modules when they are first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
