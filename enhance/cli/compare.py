"""Makes a page that shows pictures before and after: one file that opens in any browser and needs no network."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.cli.console import say
from enhance.cli.options import (
    add_enhancing_arguments,
    add_main_knobs,
    add_quality_argument,
    check_decoder,
    chosen_decoders,
    chosen_knobs,
    chosen_limits,
    chosen_machine,
)
from enhance.errors import EnhanceError, UsageError
from enhance.knobs import DEFAULT_MODE, MODES, Knobs

if TYPE_CHECKING:
    from enhance.comparison.layers import Compared, Layer
    from enhance.enhancer import Enhancer
    from enhance.images import DecodedImage
    from enhance.inference.progress import Progress

_ALL_MODES = 2_000_000
"""Pixels up to which every mode is shown if none is named: more would cost minutes that nobody asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance compare` understands."""
    parser.usage = "enhance compare FILE... [-o PAGE.html] [--original FILE...] [options]"
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="JPEG and VVC files (with --quality or --qp also pixels: PNG, ...); - reads stdin",
    )
    _add_main(parser.add_argument_group("what matters most"))
    add_enhancing_arguments(parser)


def _add_main(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="PAGE", default="compare.html", help="the page (default: %(default)s)")
    group.add_argument("--force", action="store_true", help="replace a page that exists")
    group.add_argument(
        "--original", nargs="+", default=[], metavar="FILE", type=Path,
        help="lossless originals, one for each file in their order, or a folder with files of the same names: "
        "the page tells PSNR, and where it got worse",
    )  # fmt: skip
    add_main_knobs(group)
    group.add_argument(
        "--modes", nargs="+", choices=MODES, metavar="MODE",
        help=f"shown beside --mode (default: all of them up to {_ALL_MODES / 1e6:g} megapixels)",
    )  # fmt: skip
    add_quality_argument(group)


def main(options: argparse.Namespace) -> int:
    """Makes the page. Returns the exit status: 1 if some files could not be shown."""
    from enhance.comparison.page import MOST_FILES, describe, make_page
    from enhance.output.writer import write_bytes
    from enhance.system.progress import Clock, progress_bar

    knobs = Knobs(**chosen_knobs(options), quality=options.quality, qp=options.qp)
    check_decoder(options)
    originals = _originals(options)
    _check_page(options, [*options.files, *map(str, filter(None, originals))])
    for folder in filter(os.path.isdir, options.files):
        hint = f"name the files in it: enhance compare {os.path.join(folder, '*.jpg')}"
        raise UsageError("is a folder, and a page shows files", source=folder, hint=hint)
    count = len(options.files)
    if count > MOST_FILES:
        raise UsageError(f"a page holds {MOST_FILES} files, not {count}", hint="make several pages")
    described, failed = [], 0
    layout = "{percentage:3.0f}%|{bar}| {n:.2f}/{total_fmt} files [{elapsed}<{remaining}]"
    with progress_bar("comparing", count, shown=not options.quiet, bar_format=layout) as bar, Clock(bar):
        from enhance.enhancer import Enhancer

        enhancer = Enhancer(options.model, **chosen_machine(options))
        for index, name in enumerate(options.files):

            def follow(share: float, before: int = index) -> None:
                bar.update(before + share - bar.n)

            try:
                described.append(describe(_compare(name, originals[index], enhancer, knobs, options, follow), count))
            except EnhanceError as error:
                failed = error.exit_code
                say(f"error: {error}")
            follow(1.0)
    if not described:
        return failed
    page = make_page(described, title=_title(options.files))
    write_bytes(page, options.output, overwrite=options.force)
    if not options.quiet:
        say(f"{options.output}: {len(page) / 1e6:.1f} megabytes, opens in any browser")
    return 1 if failed else 0


def _check_page(options: argparse.Namespace, inputs: list[str]) -> None:
    """Raises EnhanceError for a page that cannot be written, is one of the inputs, or is called like a picture."""
    from enhance.batch.plan import PICTURE_EXTENSIONS
    from enhance.output.writer import check_target

    if Path(options.output).suffix.lower() in PICTURE_EXTENSIONS:
        hint = "name it .html; enhance run makes pictures"
        raise UsageError("a page is no picture", source=options.output, hint=hint)
    for name in inputs:
        check_target(options.output, source=name, overwrite=options.force)


def _title(names: list[str]) -> str:
    return Path(names[0]).name + (f" and {len(names) - 1} more" if len(names) > 1 else "") + ", before and after"


def _originals(options: argparse.Namespace) -> list[Path | None]:
    """The original of each file. Raises UsageError where one is missing."""
    given: list[Path] = options.original
    if not given:
        return [None] * len(options.files)
    if len(given) == 1 and given[0].is_dir():
        from enhance.batch.plan import PICTURE_EXTENSIONS

        found = {path.stem: path for path in sorted(given[0].iterdir()) if path.suffix.lower() in PICTURE_EXTENSIONS}
        given = [found.get(Path(name).stem, given[0] / Path(name).stem) for name in options.files]
    if len(given) != len(options.files):
        raise UsageError(f"{len(given)} originals for {len(options.files)} files", hint="name one for each, in order")
    return [*given]


def _compare(
    name: str,
    original: Path | None,
    enhancer: Enhancer,
    knobs: Knobs,
    options: argparse.Namespace,
    progress: Progress,
) -> Compared:
    import numpy as np

    from enhance.batch.pipeline import decode_input
    from enhance.cli.info import describe_picture
    from enhance.comparison.layers import DECODED, Compared, Layer
    from enhance.frames.depth import to_dtype
    from enhance.images import InspectedImage
    from enhance.inference.choices import choose_guidance

    decoded = decode_input(name, chosen_limits(options), chosen_decoders(options, pixels=knobs.takes_pixels))
    layers = [Layer(DECODED, to_dtype(decoded.pixels, np.dtype(np.uint8)))]
    before = [] if original is None else [_load_original(original, decoded)]
    settings = _settings(knobs, options.modes, decoded.height * decoded.width)
    guidance = choose_guidance(decoded, knobs)  # a long search, and the same for all modes
    for index, (title, chosen) in enumerate(settings.items()):

        def follow(share: float, done: int = index) -> None:
            progress(0.95 * (done + share) / len(settings))  # the rest is the page

        enhanced = enhancer.run(decoded, chosen, depth=8, progress=follow, guidance=guidance)
        layers.append(Layer(title, enhanced.pixels, enhanced.record, enhanced.weights))
    described = describe_picture(InspectedImage.of(decoded), guidance.coding, asked=not knobs.told_rates)
    facts = {key: value for key, value in described.items() if key not in ("file", "coding")}
    return Compared(Path(name).name if name != "-" else "stdin", (*layers, *before), facts, decoded.metadata)


def _settings(knobs: Knobs, modes: list[Any] | None, pixels: int) -> dict[str, Knobs]:
    """What is shown, by its name on the page; what the user asked for comes first."""
    asked = [f"{name} {value:g}" for name in ("steps", "perception") if (value := getattr(knobs, name)) is not None]
    title = ", ".join([*([knobs.mode] if knobs.mode else []), *asked]) or DEFAULT_MODE
    chosen = MODES if modes is None and pixels <= _ALL_MODES else modes or ()
    others = {mode: replace(knobs, mode=mode, steps=None, perception=None) for mode in chosen if mode != title}
    return {title: knobs, **others}


def _load_original(path: Path, decoded: DecodedImage) -> Layer:
    from enhance.comparison.layers import ORIGINAL, Layer
    from enhance.evaluation.measuring.originals import load_original

    pixels = load_original(path, "L" if decoded.is_gray else "RGB")
    if pixels.shape != decoded.pixels.shape:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (pixels.shape, decoded.pixels.shape)]
        raise UsageError(f"the original has {sizes[0]} pixels, the file {sizes[1]}", source=os.fspath(path))
    return Layer(ORIGINAL, pixels)
