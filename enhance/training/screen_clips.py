"""Recordings of screens, drawn by chance: still for most of the time, then scrolled, typed on, pointed at, covered.

What stands still is the same in every frame to the last bit, and what moves moves by whole pixels, as screens do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from enhance.training.clips import Scene
from enhance.training.degradation import Uint8

Change = Callable[[Uint8, int], None]
"""Draws on a picture [H, W, 3] what changes, for the frame of that number."""
Rng = np.random.Generator

_PAGES = 3
"""Pictures below each other on what is scrolled."""
_SCROLLED_SHARE, _CUT_SHARE = 0.5, 0.15
_FASTEST_SCROLL = 24
_LETTER, _LINE = 8, 16
_POINTER = ((0, 0), (0, 15), (4, 12), (7, 18), (9, 17), (7, 11), (12, 11))
_RESTS = 4
"""Places between which the pointer moves."""


@dataclass(frozen=True)
class Pictures:
    """What a screen shows.

    Attributes:
        graphic: gives a picture that is no photo, uint8 [S, S, 3] for a side S, or a smaller one.
        photo: gives a photo, uint8 [H, W, 3].
    """

    graphic: Callable[[int], Uint8]
    photo: Callable[[], Uint8]

    def whole(self, side: int) -> Uint8:
        """A graphic of exactly that side, carried on by its edge where it is smaller."""
        picture = self.graphic(side)
        missing = [(0, side - length) for length in picture.shape[:2]]
        return np.pad(picture, [*missing, (0, 0)], mode="edge")


def draw_screen_clip(rng: Rng, pictures: Pictures, *, frames: int, side: int) -> Uint8:
    """A clip drawn by chance, uint8 [frames, side, side, 3] RGB."""
    clip = _draw_take(rng, pictures, frames, side)
    if frames > 2 and rng.random() < _CUT_SHARE:
        begin = int(rng.integers(1, frames))
        clip[begin:] = _draw_take(rng, pictures, frames, side)[begin:]
    return clip


def _draw_take(rng: Rng, pictures: Pictures, frames: int, side: int) -> Uint8:
    """A clip without a cut."""
    page = np.concatenate([pictures.whole(side) for _ in range(_PAGES)])
    if rng.random() < 0.25:
        page = page.transpose(1, 0, 2)
    tops, lefts = _draw_scroll(rng, page.shape, frames, side)
    first = (int(tops[0]), int(lefts[0]))
    on_page: list[Change] = []
    if rng.random() < 0.4:
        on_page.append(draw_typing(rng, page, first, frames, side))
    if rng.random() < 0.2:
        on_page.append(_draw_moving_photo(rng, pictures, first, side))
    on_screen = [_draw_cover(rng, pictures, frames, side)] if rng.random() < 0.3 else []
    if rng.random() < 0.6:
        on_screen.append(_draw_pointer(rng, frames, side))
    clip = np.empty((frames, side, side, 3), np.uint8)
    for number in range(frames):
        shown = page.copy()
        _apply(on_page, shown, number)
        clip[number] = shown[tops[number] : tops[number] + side, lefts[number] : lefts[number] + side]
        _apply(on_screen, clip[number], number)
    return clip


def _apply(changes: list[Change], picture: Uint8, number: int) -> None:
    for change in changes:
        change(picture, number)


def _draw_scroll(rng: Rng, page: tuple[int, ...], frames: int, side: int) -> tuple[npt.NDArray[np.intp], ...]:
    """Row and column of the page at which the screen begins, for each frame: they change in one burst or not at all."""
    begin, length = int(rng.integers(frames)), int(rng.integers(3, frames + 3))
    moved = np.clip(np.arange(frames) - begin, 0, length) * int(rng.integers(1, _FASTEST_SCROLL + 1))
    if rng.random() >= _SCROLLED_SHARE:
        moved[:] = 0
    start = [int(rng.integers(max(size - side, 0) + 1)) for size in page[:2]]
    ways = [int(rng.choice((-1, 1))) for _ in start]
    tops, lefts = (np.clip(at + way * moved, 0, size - side) for at, way, size in zip(start, ways, page[:2]))
    return tops, lefts


def _draw_box(rng: Rng, first: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of a box on the part of the page that is seen first."""
    height, width = (int(rng.integers(side // 8, 3 * side // 4)) for _ in range(2))
    top, left = (start + int(rng.integers(side - length + 1)) for start, length in zip(first, (height, width)))
    return top, left, height, width


def draw_typing(rng: Rng, page: Uint8, first: tuple[int, int], frames: int, side: int) -> Change:
    """A box of the page is empty and fills letter by letter, line by line."""
    top, left, height, width = _draw_box(rng, first, side)
    box = page[top : top + height, left : left + width]
    colours, counts = np.unique(box.reshape(-1, 3), axis=0, return_counts=True)
    ground = colours[counts.argmax()]
    columns, lines = -(-width // _LETTER), -(-height // _LINE)
    begin, pace = int(rng.integers(frames)), float(rng.uniform(0.3, 4))
    typed = float(rng.uniform(0, columns * lines))

    def change(picture: Uint8, number: int) -> None:
        line, column = divmod(int(typed + max(number - begin, 0) * pace), columns)
        seen = picture[top : top + height, left : left + width]
        seen[line * _LINE : (line + 1) * _LINE, column * _LETTER :] = ground
        seen[(line + 1) * _LINE :] = ground

    return change


def _draw_moving_photo(rng: Rng, pictures: Pictures, first: tuple[int, int], side: int) -> Change:
    """A video is played in a box of the page."""
    top, left, height, width = _draw_box(rng, first, side)
    scene = Scene.draw(rng, [pictures.photo()], height, width)

    def change(picture: Uint8, number: int) -> None:
        picture[top : top + height, left : left + width] = np.rint(scene.frame(number, height, width))

    return change


def _draw_cover(rng: Rng, pictures: Pictures, frames: int, side: int) -> Change:
    """A window or a menu opens, and closes again if there is time."""
    top, left, height, width = _draw_box(rng, (0, 0), side)
    cover = pictures.whole(side)[:height, :width]
    begin = int(rng.integers(frames))
    end = begin + int(rng.integers(2, frames + 2))

    def change(picture: Uint8, number: int) -> None:
        if begin <= number < end:
            picture[top : top + height, left : left + width] = cover

    return change


def _draw_pointer(rng: Rng, frames: int, side: int) -> Change:
    """A pointer that moves from place to place, or rests."""
    times = np.sort(rng.uniform(0, frames, 2 * _RESTS))
    places = np.repeat(rng.uniform(-5, side, (_RESTS, 2)), 2, axis=0)
    scale = float(rng.choice((1.0, 1.5, 2.0)))
    inside, edge = ((255,) * 3, (0,) * 3) if rng.random() < 0.7 else ((0,) * 3, (255,) * 3)

    def change(picture: Uint8, number: int) -> None:
        x, y = (int(np.interp(number, times, places[:, axis])) for axis in range(2))
        drawn = Image.fromarray(picture)
        outline = [(x + scale * column, y + scale * row) for column, row in _POINTER]
        ImageDraw.Draw(drawn).polygon(outline, fill=inside, outline=edge)
        picture[:] = np.asarray(drawn)

    return change
