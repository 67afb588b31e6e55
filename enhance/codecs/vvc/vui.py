"""How a VVC stream says what its values stand for: the video usability information (VUI, ITU-T H.274, clause 7)."""

from __future__ import annotations

from collections.abc import Mapping

from enhance.frames.format import CHROMA_LOCATIONS, ChromaLocation, ColorSpace, Matrix, Subsampling

# ITU-T H.273, table 4: MatrixCoefficients.
_MATRICES: dict[int, Matrix] = {0: "gbr", 1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
_NAMES = {4: "FCC", 7: "SMPTE 240M", 8: "YCgCo", 10: "BT.2020 with constant luminance", 14: "ICtCp"}
_UNSPECIFIED = 2


def read_vui(vui: Mapping[str, int], subsampling: Subsampling) -> tuple[ColorSpace, tuple[str, ...]]:
    """Colour space of a stream.

    Args:
        vui: the syntax elements; empty if the stream has none.
        subsampling: of its pictures.

    Returns:
        the colour space, BT.709 with limited range where the stream does not say, and what the user should know about
        it, a line each.
    """
    code = vui.get("vui_matrix_coeffs", _UNSPECIFIED)
    matrix = _MATRICES.get(code)
    notes: tuple[str, ...] = ()
    full_range = bool(vui.get("vui_full_range_flag", 0))
    if subsampling != "4:0:0" and (matrix is None or (matrix == "gbr" and subsampling != "4:4:4")):
        assumed = f"taken as {ColorSpace('bt709', full_range).describe()}"
        said = _NAMES.get(code, f"of code {code}")
        wrong = "the stream does not say its colour matrix" if code == _UNSPECIFIED else f"its colour matrix is {said}"
        notes = (f"{wrong}: {assumed}",)
        matrix = None
    return ColorSpace(matrix or "bt709", full_range, _chroma_location(vui)), notes


def _chroma_location(vui: Mapping[str, int]) -> ChromaLocation:
    """Of the chroma samples of frames, or of top fields where there is no more."""
    kind = vui.get("vui_chroma_sample_loc_type_frame", vui.get("vui_chroma_sample_loc_type_top_field"))
    if kind is None or not 0 <= kind < len(CHROMA_LOCATIONS):
        return ColorSpace().chroma_location
    return CHROMA_LOCATIONS[kind]
