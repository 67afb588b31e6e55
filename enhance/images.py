"""What flows between the parts: a decoded image with its rate, and an enhanced image with a record of what was done.

Nothing here knows of torch, of a file format or of a decoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from enhance.system.display import as_png, describe_pixels, on_one_line

Pixels = npt.NDArray[Any]


@runtime_checkable
class Rate(Protocol):
    """How strongly an image was compressed, as the model needs to know it."""

    @property
    def codec(self) -> str:
        """Name of the base codec; selects the model ("jpeg", "vvc")."""

    @property
    def level(self) -> float:
        """The scalar q in which s(q) and τ(q) are interpolated: IJG quality 1-100 for JPEG, slice QP for VVC."""

    def conditioning(self) -> npt.NDArray[np.float32]:
        """Vector that the network is conditioned on, shape [F], values of order one."""

    def describe(self) -> dict[str, Any]:
        """The rate as plain JSON values, for records and reports."""


@runtime_checkable
class FadingRate(Protocol):
    """A rate that may be finer than any that models learned from."""

    @property
    def known(self) -> float:
        """Factor on what a model says at this rate, 0 to 1."""


@runtime_checkable
class Consistency(Protocol):
    """Which originals could have been coded as this very file, and the nearest of them to a picture (a projection)."""

    def project(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The picture nearest to an image of all that could have been coded as this file.

        Args:
            pixels: float32, [H, W, 3] RGB or [H, W] gray, in 8-bit code values (0-255, not rounded, not clipped).

        Returns:
            a new array of the same shape and unit; not clipped.
        """


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a network's answers mean: factors on the coefficients of a correction (see `codecs.jpeg.calibration`).

    Attributes:
        luma, chroma: float32 [levels, 64, entries] each.
    """

    luma: npt.NDArray[np.float32]
    chroma: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trust:
    """How far a network's correction of one picture is to be believed.

    Attributes:
        luma, chroma: factors on the correction, 0 to 1: what the network knows at this rate at all.
        full, none: between these shares of energy that the file rules out, the weight of the correction falls from 1
            to 0, block by block (see `codecs.jpeg.trust`).
        rounded, chosen: what the correction's coefficients mean in files of which the encoder rounded the coefficients,
            and where it chose them; None: what they say.
    """

    luma: float = 1.0
    chroma: float = 1.0
    full: float = 0.02
    none: float = 0.2
    rounded: Calibration | None = None
    chosen: Calibration | None = None

    def scaled(self, strength: float) -> Trust:
        """The same trust with a further factor on the whole correction."""
        return replace(self, luma=strength * self.luma, chroma=strength * self.chroma)

    @property
    def is_blind(self) -> bool:
        """Whether nothing of the correction is believed."""
        return self.luma == 0 and self.chroma == 0

    def factors(self, planes: int, is_rgb: bool) -> list[float]:
        """One factor for each plane of a picture."""
        return [self.luma] * planes if is_rgb else [self.luma, self.chroma, self.chroma][:planes]


BELIEVED = Trust(full=math.inf, none=math.inf)
"""The trust where nothing is known against a correction: all of it is believed."""


@dataclass(frozen=True)
class ColourDescription:
    """Which light a picture's values mean, by the code points of ITU-T H.273.

    Attributes:
        primaries: ColourPrimaries: 1 for BT.709, 9 for BT.2020, 12 for P3.
        transfer: TransferCharacteristics: 1 for BT.709, 13 for sRGB, 16 for PQ, 18 for HLG.
    """

    primaries: int
    transfer: int

    @property
    def is_usual(self) -> bool:
        """Whether a viewer that knows nothing shows it as it is meant, or nearly: BT.709 or not said."""
        return self.primaries in (1, 2) and self.transfer in (1, 2, 6, 13, 14, 15)

    @property
    def is_hdr(self) -> bool:
        """Whether the values mean light of a high dynamic range: PQ or HLG."""
        return self.transfer in (16, 18)

    def describe(self) -> str:
        """In words: "BT.2020, PQ"."""
        primaries = {1: "BT.709", 2: "", 5: "BT.601", 6: "BT.601", 9: "BT.2020", 11: "DCI-P3", 12: "P3"}
        transfers = {1: "", 2: "", 6: "", 8: "linear", 13: "sRGB", 14: "", 15: "", 16: "PQ", 18: "HLG"}
        names = (
            primaries.get(self.primaries, f"primaries {self.primaries}"),
            transfers.get(self.transfer, f"transfer {self.transfer}"),
        )
        return ", ".join(filter(None, names))


@dataclass(frozen=True)
class Metadata:
    """What a file holds beside its pixels, and what a result takes over: EXIF, colour profile, XMP, comment, ...

    Attributes:
        exif: the EXIF block ("Exif\\0\\0" prefix included), as read.
        icc_profile: the ICC profile as read; it describes `DecodedImage.pixels`.
        xmp: the XMP packet as read.
        comment: the JPEG comment.
        photoshop: Photoshop's image resources, which hold IPTC captions, without thumbnails.
        gain_map: the JPEG file of an HDR gain map that followed the picture.
        dpi: horizontal and vertical pixels per inch.
        orientation: EXIF orientation 1-8. Pixels are always stored unrotated; the writer keeps or applies it, once.
        colour: what the pixels mean where no profile says it and it is not what everybody assumes: HDR, wide gamut.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    photoshop: bytes | None = None
    gain_map: bytes | None = None
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    colour: ColourDescription | None = None


@dataclass(frozen=True, repr=False, eq=False)  # arrays do not compare to one truth
class DecodedImage:
    """A picture as its decoder gives it, with how strongly it was compressed and what travels with it.

    Attributes:
        pixels: [H, W, 3] RGB or [H, W] gray; uint8 (0-255), uint16 (0-65535) or float32 (0-1).
        rate: how strongly it was compressed.
        metadata: EXIF, ICC, XMP and orientation.
        source: the name to use in messages.
        details: codec facts for `enhance info` (subsampling, progressive, ...), plain JSON values.
        notes: what the user should know about this file (one line each).
        consistency: the projection onto the images this bitstream stands for, where it can be had.
    """

    pixels: Pixels
    rate: Rate
    metadata: Metadata = field(default_factory=Metadata)
    source: str = "<memory>"
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    consistency: Consistency | None = None

    def __repr__(self) -> str:
        return on_one_line(
            "DecodedImage",
            (self.source, describe_pixels(self.pixels), _rate_in_words(self.rate.codec, self.rate.describe())),
        )

    def _repr_png_(self) -> bytes | None:
        return as_png(self.pixels)

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def is_gray(self) -> bool:
        return self.pixels.ndim == 2

    @property
    def is_neutral(self) -> bool:
        """Whether it has no colour anywhere: gray, or R = G = B in every pixel."""
        if self.is_gray:
            return True
        red, green, blue = (self.pixels[..., channel] for channel in range(3))
        return bool(np.array_equal(red, green) and np.array_equal(green, blue))

    @property
    def is_one_colour(self) -> bool:
        """Whether all pixels are alike."""
        first = self.pixels[:1, :1]
        return bool((self.pixels[0] == first[0]).all() and (self.pixels == first).all())


@dataclass(frozen=True)
class InspectedImage:
    """What a base decoder can say of a file that it has not decoded.

    Attributes:
        width, height: in pixels.
        is_gray: one channel.
        is_consistent: decoding it gives a `DecodedImage.consistency`.
        rate, metadata, source, details, notes: as in `DecodedImage`.
    """

    width: int
    height: int
    is_gray: bool
    rate: Rate
    metadata: Metadata
    source: str
    details: dict[str, Any]
    notes: tuple[str, ...]
    is_consistent: bool

    @classmethod
    def of(cls, decoded: DecodedImage) -> InspectedImage:
        """The same facts from a picture that was decoded."""
        return cls(
            decoded.width, decoded.height, decoded.is_gray, decoded.rate, decoded.metadata, decoded.source,
            decoded.details, decoded.notes, is_consistent=decoded.consistency is not None,
        )  # fmt: skip


@dataclass(frozen=True)
class EnhancementRecord:
    """What was done to an image, as plain values (one line of `--json`).

    Attributes:
        codec: base codec.
        rate: `Rate.describe()` of the rate that was used.
        rate_overridden: True if the user's `quality` / `qp` replaced the one read from the file.
        steps: network evaluations per pixel.
        sampler: "one-step", "ddim" or "ddpm".
        perception: 0 (fidelity) to 1 (sample).
        strength: factor on the residual.
        seed: seed of the noise.
        threshold: limit of the predicted residual, in units of the normalised residual: τ(q) times the user's factor.
        residual_scale: s(q), in units of [-1, 1].
        consistent: True if the projection onto the bitstream's intervals was applied.
        ensemble: mirror images over which each evaluation was averaged.
        model: name and hash of the checkpoint.
        device: where the network ran.
        dtype: arithmetic of the network.
        tile: side of the tiles in pixels; 0: the image in one piece.
        seconds: wall time of the enhancement, decoding and writing excluded.
        notes: one line each, the decoder's included.
        factor: of the corrections of luma and chroma, 0 to 1: what the model knows at this rate, times the strength.
        coding: what the pixels told of an earlier coding (see `codecs.coding.Coding`), if that is what counted.
        withheld: share of the picture, 0 to 1, in which the correction was not believed; None: could not be told.
        settled: share of the picture, 0 to 1, that was set to what fits the file where nothing near it does: mostly the
            original, bit for bit (pictures of two colours).
    """

    codec: str
    rate: dict[str, Any]
    rate_overridden: bool
    steps: int
    sampler: str
    perception: float
    strength: float
    seed: int
    threshold: float
    residual_scale: float
    consistent: bool
    ensemble: int
    model: str
    device: str
    dtype: str
    tile: int
    seconds: float
    notes: tuple[str, ...] = ()
    factor: tuple[float, float] = (1.0, 1.0)
    withheld: float | None = None
    coding: dict[str, Any] | None = None
    settled: float = 0.0

    def summary(self) -> str:
        """What was done in a few words: "jpeg quality 10, 1 step, perception 0.5, 0.71 s, 2 notes"."""
        facts = (
            _rate_in_words(self.codec, self.rate),
            f"{self.steps} step{'s' * (self.steps != 1)}", f"perception {self.perception:g}",
            f"strength {self.strength:g}" if self.strength != 1 else "", f"{self.seconds:.2f} s",
            f"{len(self.notes)} note{'s' * (len(self.notes) != 1)}" if self.notes else "",
        )  # fmt: skip
        return ", ".join(fact for fact in facts if fact)


@dataclass(frozen=True, repr=False, eq=False)  # arrays do not compare to one truth
class EnhancedImage:
    """A picture as the enhancer gives it: pixels, and the record of what was done.

    Attributes:
        pixels: the same shape as the decoded pixels; their dtype, unless another depth was asked for.
        record: what was done.
        metadata: as decoded; the writer carries it over.
        source: the name to use in messages.
        weights: float32 [ceil(H / 8), ceil(W / 8)], from 0 where the correction was not believed at all to 1; None if
            that could not be told.
    """

    pixels: Pixels
    record: EnhancementRecord
    metadata: Metadata = field(default_factory=Metadata)
    source: str = "<memory>"
    weights: npt.NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        return on_one_line("EnhancedImage", (self.source, describe_pixels(self.pixels), self.record.summary()))

    def _repr_png_(self) -> bytes | None:
        return as_png(self.pixels)


def _rate_in_words(codec: str, facts: dict[str, Any]) -> str:
    return codec + next((f" {name} {facts[name]}" for name in ("quality", "qp") if name in facts), "")


ImageT = TypeVar("ImageT", covariant=True)


@dataclass(frozen=True, repr=False, eq=False)  # arrays do not compare to one truth
class EnhancementResult(Generic[ImageT]):
    """What a call of the enhancer gives back: the picture in the caller's own kind, and what was done.

    (`EnhancedImage` is the picture before that, as pixels with their metadata.)

    Attributes:
        image: of the same kind as the source; an upright PIL image for a path.
        records: what was done, one for each image (several for a batch of tensors).
    """

    image: ImageT
    records: tuple[EnhancementRecord, ...]

    def __repr__(self) -> str:
        more = f"and {len(self.records) - 1} more" if len(self.records) > 1 else None
        done = self.records[0].summary() if self.records else None
        return on_one_line("EnhancementResult", (describe_pixels(self.image), done, more))

    def _repr_png_(self) -> bytes | None:
        return as_png(self.image)

    @property
    def record(self) -> EnhancementRecord:
        """What was done to the first image."""
        return self.records[0]
