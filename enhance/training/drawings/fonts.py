"""Fonts that are surely there: those of matplotlib, and the one inside Pillow. And words to set in them."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

from enhance.errors import UsageError

Font = ImageFont.FreeTypeFont
Rng = np.random.Generator

# Of the rest, each holds only a few signs of mathematics.
_FAMILIES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmb10", "cmss10", "cmtt10")
_MONOSPACED = ("DejaVuSansMono", "cmtt10")
_DISPLAY = "Display"
_PILLOW = ""
"""Stands for Pillow's own font."""

_LATIN = "etaoinsrhldcumfpgwybvkjxqz"
_FREQUENCIES = np.array([12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 1.5, 1, 0.8, 0.3, 0.3, 0.2, 0.2])
_OTHERS = ("αβγδεζηθικλμνξοπρστυφχψω", "абвгдежзийклмнопрстуфхцчшщыьэюя", "äéàçñöüßøåêîõšžčœæ")
_WORDS = 3000
_ENDS = (*[""] * 12, ",", ",", ".", ".", ";", ":", "?", "!", ")", "%")


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """Paths of the fonts, in a fixed order. Raises UsageError where matplotlib is not installed."""
    package = importlib.util.find_spec("matplotlib")
    if package is None or package.origin is None:
        hint = "pip install 'enhance[train]' brings it; --drawings 0 trains without"
        raise UsageError("drawings need the fonts of matplotlib, which is not installed", hint=hint)
    folder = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
    paths = sorted(path for path in folder.glob("*.ttf") if path.name.startswith(_FAMILIES))
    return (_PILLOW, *(str(path) for path in paths if _DISPLAY not in path.name))


def draw_font_file(rng: Rng, *, monospaced: bool = False) -> str:
    """One of the fonts."""
    files = font_files()
    if monospaced:
        files = tuple(path for path in files if Path(path).name.startswith(_MONOSPACED))
    return files[int(rng.integers(len(files)))]


@lru_cache(maxsize=512)
def load_font(path: str, size: int) -> Font:
    """A font at a size in pixels."""
    if path == _PILLOW:
        font = ImageFont.load_default(size)
        assert isinstance(font, Font), "Pillow was built without FreeType"
        return font
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def draw_words(rng: Rng, count: int, path: str = _PILLOW) -> list[str]:
    """Words of a language that does not exist, with numbers, capitals and punctuation in between."""
    other = "DejaVu" in path and rng.random() < 0.2
    words = _vocabulary(int(rng.integers(1, 1 + len(_OTHERS))) if other else 0)
    chosen = [words[index] for index in rng.integers(len(words), size=count)]
    return [word.upper() for word in chosen] if rng.random() < 0.12 else chosen


@lru_cache(maxsize=4)
def _vocabulary(alphabet: int) -> list[str]:
    """Some thousand words, always the same."""
    rng = np.random.default_rng(alphabet)
    letters, chances = list(_LATIN if alphabet == 0 else _OTHERS[alphabet - 1]), None
    if alphabet == 0:
        chances = _FREQUENCIES / _FREQUENCIES.sum()
    words = []
    for length, kind in zip(np.clip(rng.geometric(0.22, _WORDS) + 1, 1, 11), rng.random(_WORDS)):
        word = "".join(rng.choice(letters, size=length, p=chances))
        if kind < 0.1:
            word = f"{10 ** rng.uniform(0, 5):.{0 if kind < 0.06 else 2}f}"
        elif kind < 0.3:
            word = word.capitalize()
        words.append(word + _ENDS[int(rng.integers(len(_ENDS)))])
    return words
