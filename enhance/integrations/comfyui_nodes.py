"""The nodes themselves; `enhance.integrations.comfyui` is the place to import them from.

The names of a node's members are ComfyUI's: `INPUT_TYPES`, `RETURN_TYPES`, `FUNCTION`, ...
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, ClassVar

from torch import Tensor

from enhance.codecs.registry import decode, known_extensions
from enhance.enhancer import shared_enhancer
from enhance.images import EnhancementRecord
from enhance.integrations import comfyui_host as host
from enhance.integrations.comfyui_codings import FileCoding, FoundCoding, PictureCoding, ToldCoding, described
from enhance.knobs import DEFAULT_MODE, ENSEMBLES, MAX_STEPS, MODES, Knobs

CODING = "ENHANCE_CODING"
"""The type of the socket on which a `PictureCoding` travels; it fits no other pack's."""

_CODECS = {"JPEG quality": "quality", "VVC QP": "qp"}

Inputs = dict[str, dict[str, tuple[Any, dict[str, Any]]]]


def _input(kind: Any, tooltip: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    return kind, {"tooltip": tooltip, **options}


class _Node:
    CATEGORY: ClassVar = "image/enhance"
    FUNCTION: ClassVar = "run"


class LoadCodedPicture(_Node):
    """Loads a JPEG or VVC picture together with its tables."""

    DESCRIPTION: ClassVar = (
        "Loads a JPEG or VVC picture, upright, and with it what its file tells: how strongly each frequency was "
        "quantised, and which originals it can stand for. Connect both to Enhance."
    )
    RETURN_TYPES: ClassVar = ("IMAGE", CODING, "STRING")
    RETURN_NAMES: ClassVar = ("image", "coding", "facts")
    OUTPUT_TOOLTIPS: ClassVar = (
        "The picture as any viewer shows it.",
        "How it was coded; it fits this picture only, as long as nothing has changed it.",
        "What the file says of its coding, as JSON.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        names = host.files_with(known_extensions())
        return {"required": {"image": _input(names, "A JPEG or VVC file of the input folder.", image_upload=True)}}

    @classmethod
    def IS_CHANGED(cls, image: str) -> str:
        return hashlib.sha256(host.path_of(image).read_bytes()).hexdigest()

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        return host.path_of(image).is_file() or f"there is no file {image}"

    def run(self, image: str) -> tuple[Tensor, PictureCoding, str]:
        decoded = decode(host.path_of(image))
        coding = FileCoding(decoded)
        return coding.picture(), coding, json.dumps({"codec": decoded.rate.codec, **decoded.rate.describe()})


class TellCoding(_Node):
    """Says how pictures were coded that do not tell it themselves."""

    DESCRIPTION: ClassVar = "For pictures whose file is gone: the quality of the JPEG, or the QP of the VVC picture."
    RETURN_TYPES: ClassVar = (CODING,)
    RETURN_NAMES: ClassVar = ("coding",)
    OUTPUT_TOOLTIPS: ClassVar = ("How the pictures were coded; for all of a batch.",)

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {
                "codec": _input(list(_CODECS), "What the value is: a JPEG's quality, or a VVC picture's QP."),
                "value": _input(
                    "FLOAT",
                    "JPEG: 1 to 100, whole numbers, low is strongly compressed. VVC: 0 to 63, high is strongly "
                    "compressed.",
                    default=30.0, min=0.0, max=100.0, step=1.0,
                ),
            }
        }  # fmt: skip

    def run(self, codec: str, value: float) -> tuple[PictureCoding]:
        said: Any = {_CODECS[codec]: int(value) if float(value).is_integer() else value}
        return (ToldCoding(Knobs(**said).told_rates),)


class WasItAJpeg(_Node):
    """Asks the pixels of pictures whether they were a JPEG, and which."""

    DESCRIPTION: ClassVar = (
        "Asks the pixels: PNGs, screenshots, crops and scaled pictures that were a JPEG show its blocks. Where nothing "
        "is sure, Enhance leaves the picture as it is."
    )
    RETURN_TYPES: ClassVar = (CODING, "BOOLEAN", "INT", "STRING")
    RETURN_NAMES: ClassVar = ("coding", "was_jpeg", "quality", "found")
    OUTPUT_TOOLTIPS: ClassVar = (
        "What was found in each picture of the batch, for Enhance.",
        "Whether the first picture was a JPEG.",
        "Its quality, 1 to 100; 0 where nothing was found or its tables are of no quality.",
        "What was found in words, a line for each picture.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {"required": {"image": _input("IMAGE", "Pictures as they were loaded, before anything else.")}}

    def run(self, image: Tensor) -> tuple[PictureCoding, bool, int, str]:
        found = FoundCoding.of(image, host.progress())
        first = found.guidance[0]
        quality = first.rate.describe().get("quality") or 0
        return found, first.coding is not None, int(quality), described(found.guidance)


class EnhancePicture(_Node):
    """Takes the traces of compression out of pictures."""

    DESCRIPTION: ClassVar = (
        "Takes blocks, ringing and washed-out detail out of pictures that were JPEG or VVC. The coding comes from Load "
        "Coded Picture (best), Was It a JPEG? or Tell Coding."
    )
    RETURN_TYPES: ClassVar = ("IMAGE", "STRING")
    RETURN_NAMES: ClassVar = ("image", "record")
    OUTPUT_TOOLTIPS: ClassVar = ("The enhanced pictures, of the same size.", "What was done: JSON, a line a picture.")

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {
                "image": _input("IMAGE", "Pictures as they were decoded, before anything else was done to them."),
                "coding": _input(CODING, "How they were coded: of their file, found in their pixels, or told."),
                "mode": _input(
                    list(MODES),
                    "fidelity: nearest to the original. balanced: one step, sharper. perceptual: a sample, the best "
                    "looks, in several steps.",
                    default=DEFAULT_MODE,
                ),
                "strength": _input("FLOAT", "0: as it is. 1: all of the correction.", default=1.0, **_UNIT),
                "seed": _input("INT", "Of the noise; one step draws none.", default=0, min=0, max=2**64 - 1),
            },
            "optional": {
                "steps": _input("INT", "Network evaluations; 0: as the mode says.", default=0, min=0, max=MAX_STEPS),
                "perception": _input(
                    "FLOAT", "0: fidelity, to 1: looks; -1: as the mode says.", default=-1.0, **{**_UNIT, "min": -1.0}
                ),
                "consistent": _input("BOOLEAN", "Stay within what the file can stand for.", default=True),
                "guard": _input("BOOLEAN", "Hold back what the file contradicts (JPEG files).", default=True),
                "ensemble": _input(
                    [str(count) for count in ENSEMBLES], "Mean over mirror images: better, so many times slower."
                ),
                "dtype": _input(
                    ["auto", "float32", "bfloat16"], "Arithmetic of the network; auto: what the device is fast at."
                ),
            },
        }

    def run(
        self,
        image: Tensor,
        coding: PictureCoding,
        mode: str,
        strength: float,
        seed: int,
        steps: int = 0,
        perception: float = -1.0,
        consistent: bool = True,
        guard: bool = True,
        ensemble: str = "1",
        dtype: str = "auto",
    ) -> tuple[Tensor, str]:
        knobs = Knobs(
            mode=mode,  # type: ignore[arg-type]  # which there are it checks itself
            strength=strength,
            seed=seed,
            steps=steps or None,
            perception=None if perception < 0 else perception,
            consistent=consistent,
            guard=guard,
            ensemble=int(ensemble),
        )
        enhancer = shared_enhancer(None, str(host.device()), dtype)
        result, records = coding.enhance(image, enhancer, knobs, host.progress())
        return result, _lines(records)


_UNIT = {"min": 0.0, "max": 1.0, "step": 0.05}


def _lines(records: Iterable[EnhancementRecord]) -> str:
    return "\n".join(json.dumps(asdict(record)) for record in records)


NODE_CLASS_MAPPINGS: dict[str, type[_Node]] = {
    "EnhanceLoadCodedPicture": LoadCodedPicture,
    "EnhanceTellCoding": TellCoding,
    "EnhanceWasItAJpeg": WasItAJpeg,
    "EnhancePicture": EnhancePicture,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "EnhanceLoadCodedPicture": "Load Coded Picture (JPEG, VVC)",
    "EnhanceTellCoding": "Tell Coding",
    "EnhanceWasItAJpeg": "Was It a JPEG?",
    "EnhancePicture": "Enhance",
}
