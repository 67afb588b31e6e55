"""Fonts that come with Python packages, and words to set in them.

matplotlib brings a few families and Pillow one; packages of the `fonts` project on PyPI (font-lato, font-caladea, ...)
bring more. No font of the system is used, so that everybody trains with the same ones.
"""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from PIL import ImageFont

from enhance.errors import UsageError

Font = ImageFont.FreeTypeFont
Rng = np.random.Generator

# Of matplotlib's others, each holds only a few signs of mathematics.
_MATPLOTLIB = re.compile(r"DejaVu(?!.*Display)|STIXGeneral|cm(r|b|ss|tt)10")
_MONOSPACED = re.compile("Mono|cmtt")
_STYLED = re.compile("Bold|It|Obl|Black|Light|Thin|Semi|Medium|Variable")
_PLAIN_SHARE = 0.6
_PILLOW = ""
"""Stands for Pillow's own font."""

_LATIN = "etaoinsrhldcumfpgwybvkjxqz"
_FREQUENCIES = np.array([12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 1.5, 1, 0.8, 0.3, 0.3, 0.2, 0.2])
_OTHERS = ("αβγδεζηθικλμνξοπρστυφχψω", "абвгдежзийклмнопрстуфхцчшщыьэюя", "äéàçñöüßøåêîõšžčœæ")
_WORDS = 3000
_ENDS = (*[""] * 12, ",", ",", ".", ".", ";", ":", "?", "!", ")", "%")


@lru_cache(maxsize=1)
def font_families() -> tuple[tuple[str, ...], ...]:
    """Paths of the fonts, family by family, in a fixed order. Raises UsageError where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        hint = "pip install 'enhance[train]' brings it; --drawings 0 trains without"
        raise UsageError("drawings need the fonts of matplotlib, which is not installed", hint=hint)
    paths = [path for path in _fonts_of("matplotlib", "ttf") if _MATPLOTLIB.match(path.name)]
    for kind in ("ttf", "otf"):
        for point in sorted(entry_points(group=f"fonts_{kind}"), key=lambda point: point.name):
            paths += _fonts_of(point.module, kind)
    families: dict[str, list[str]] = {_PILLOW: [_PILLOW]}
    for path in paths:
        families.setdefault(path.stem.split("-")[0], []).append(str(path))
    return tuple(tuple(files) for files in families.values())


def draw_font_file(rng: Rng, *, monospaced: bool = False) -> str:
    """One of the fonts, upright and of usual weight more often than not."""
    families = font_families()
    if monospaced:
        families = tuple(files for files in families if _MONOSPACED.search(Path(files[0]).name))
    files = families[int(rng.integers(len(families)))]
    plain = [path for path in files if not _STYLED.search(Path(path).stem)]
    if plain and rng.random() < _PLAIN_SHARE:
        return plain[int(rng.integers(len(plain)))]
    return files[int(rng.integers(len(files)))]


@lru_cache(maxsize=128)
def load_font(path: str, size: int) -> Font:
    """A font at a size in pixels."""
    if path == _PILLOW:
        font = ImageFont.load_default(size)
        assert isinstance(font, Font), "Pillow was built without FreeType"
        return font
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _fonts_of(package: str, kind: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return sorted(Path(spec.origin).parent.rglob(f"*.{kind}")) if spec and spec.origin else []


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
