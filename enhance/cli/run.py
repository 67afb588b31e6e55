"""Enhances JPEG and VVC stills: files and folders.

Here a call's options become a plan, knobs and a place for the results; `enhance.batch.pipeline` does the work.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.cli.console import require_stdout, say
from enhance.cli.input_list import add_list_arguments, listed_inputs
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
from enhance.errors import OutputError, UsageError, WeightsError, one_line
from enhance.knobs import Knobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from enhance.batch.pipeline import SmallPictures
    from enhance.batch.plan import Job, Plan
    from enhance.cli.forecast import Speeds
    from enhance.cli.report import Reporter
    from enhance.codecs.decoder import Decoder
    from enhance.enhancer import Enhancer
    from enhance.images import DecodedImage, EnhancedImage
    from enhance.output.encoders import OutputFormat


_SOON_DONE = 4.0  # megapixels of a picture for which nobody waits long


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance run` understands, the few options that matter most first."""
    parser.usage = "enhance run IN... -o OUT [options]"
    parser.epilog = "enhance compare shows what was done; enhance info FILE what would be."
    parser.add_argument(
        "inputs", nargs="*", metavar="IN",
        help="JPEG and VVC files, with --quality or --qp also PNG, WebP, BMP, TIFF; "
        "folders, patterns; CBZ and ZIP; - reads stdin",
    )  # fmt: skip
    _add_main(parser.add_argument_group("what matters most"))
    add_list_arguments(parser.add_argument_group("lists"))
    _add_output_arguments(parser.add_argument_group("output"))
    knobs, telling = add_enhancing_arguments(parser)
    knobs.add_argument("--no-consistent", action="store_true", help="results may leave what a JPEG allows")
    knobs.add_argument(
        "--no-guard",
        action="store_true",
        help="believe the model even where a JPEG contradicts it, and on letters and line drawings (VVC)",
    )
    telling.add_argument("--json", action="store_true", help="one JSON line per input on stdout")


def _add_main(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="OUT", help="a folder, or for one input a picture; - is stdout")
    group.add_argument("-r", "--recursive", action="store_true", help="take subfolders too, and mirror the tree")
    add_main_knobs(group)
    add_quality_argument(group)
    present = group.add_mutually_exclusive_group()
    present.add_argument("--resume", action="store_true", help="skip inputs whose output exists")
    present.add_argument("--force", action="store_true", help="replace outputs that exist")
    group.add_argument("--dry-run", action="store_true", help="only list what would be done")


def _add_output_arguments(group: Any) -> None:
    group.add_argument(
        "--format", metavar="NAME", help="png (default in a folder), jpg, webp, tiff, avif, jxl, heic, bmp or ppm"
    )
    group.add_argument("--depth", type=int, default=8, metavar="8|16", help="bits per sample; 16 in PNG and TIFF files")
    group.add_argument(
        "--output-quality", type=int, metavar="N", help="1-100, of files that may lose something (JPEG: 95)"
    )
    group.add_argument("--keep-times", action="store_true", help="results get the times of their inputs")
    group.add_argument("--keep-gain-map", action="store_true", help="JPEGs keep the HDR gain map of their inputs")


def main(options: argparse.Namespace) -> int:
    """Does what was asked for. Returns the exit status."""
    from enhance.batch.plan import STREAM, plan_batch
    from enhance.cli.archives import archives_among, run_archives
    from enhance.cli.report import Reporter

    knobs = _knobs(options)
    listed = listed_inputs(options)
    if archives := archives_among(options.inputs, listed):
        check_decoder(options)
        decoders = chosen_decoders(options, pixels=knobs.takes_pixels)
        enhancer = cache(partial(_enhancer, options))
        return run_archives(archives, options, decoders, partial(_pages, options, knobs, decoders, enhancer))
    place = _Place.of(options)
    check_decoder(options)
    if options.inputs.count(STREAM) and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("stdin is a terminal", hint="pipe a picture into it")
    # Files that do not tell how they were coded are taken if somebody says it, or asks for it to be found out.
    decoders = chosen_decoders(options, pixels=knobs.takes_pixels)
    plan = plan_batch(
        options.inputs,
        place.name,
        listed=listed,
        extension=place.format.extension,
        out_is_file=place.is_file,
        recursive=options.recursive,
        existing="skip" if options.resume else "replace" if options.force else "refuse",
        decoders=decoders,
    )
    if options.dry_run:
        return _show(plan, options)
    place.clear(plan)
    with Reporter(plan, quiet=options.quiet, verbose=options.verbose, json_lines=options.json) as reporter:
        for outcome in plan.settled:
            reporter.tell(outcome)
        if plan.jobs:
            if not options.quiet:
                _forecast(plan.jobs, options, least=_SOON_DONE)
            reporter.begin()  # what follows loads for a second or two
            place.prepare()
            _work(plan, options, knobs, place, reporter, decoders, _enhancer(options))
    if reporter.count["done"]:
        _speeds().keep(reporter.pixels / 1e6, reporter.seconds, _kind(options))
    return reporter.exit_status()


def _pages(
    options: argparse.Namespace,
    knobs: Knobs,
    decoders: Sequence[Decoder],
    enhancer: Callable[[], Enhancer],
    plan: Plan,
    fmt: OutputFormat,
    names: Mapping[str, str],
) -> int:
    """Enhances the pages of an archive; `enhancer` gives the same one for all archives."""
    from enhance.cli.report import Reporter

    folder = str(Path(plan.jobs[0].output).parent)
    place = _Place(
        folder, False, fmt, options.depth, options.output_quality, overwrite=True, keep_gain_map=options.keep_gain_map
    )
    _check_format(fmt, options)
    shown = {"quiet": options.quiet, "verbose": options.verbose, "json_lines": options.json}
    with Reporter(plan, **shown, names=names) as reporter:
        reporter.begin()
        _work(plan, options, knobs, place, reporter, decoders, enhancer())
    return reporter.exit_status()


def _show(plan: Plan, options: argparse.Namespace) -> int:
    """--dry-run: what would be done, on stdout, and what could not be, on stderr."""
    require_stdout()
    for job in plan.jobs:
        planned = {"status": "planned", "input": job.input, "output": job.output}
        print(json.dumps(planned) if options.json else f"{one_line(job.input)} -> {one_line(job.output)}")
    for outcome in plan.settled:
        say(f"{outcome.status}: {outcome.error or outcome.input}")
    if not options.quiet:
        for it in plan.passed_over:
            say(f"passed over: {it.name}: {it.reason}")
        _forecast(plan.jobs, options)
    return 1 if any(outcome.status == "failed" for outcome in plan.settled) else 0


def _forecast(jobs: Sequence[Job], options: argparse.Namespace, least: float = 0.0) -> None:
    """Says how much there is to do, and how long it will take if that is known from an earlier run.

    Nothing is said of one picture that has less than `least` megapixels, or does not tell how many it has.
    """
    from enhance.cli.forecast import survey

    found = survey(jobs)
    if found.count == 1 and (found.megapixels or 0.0) < least:
        return
    say(found.describe(_speeds().seconds(found.megapixels, _kind(options))))


def _speeds() -> Speeds:
    """Those of earlier runs."""
    from enhance.cli.forecast import Speeds
    from enhance.system.cache import cache_folder

    return Speeds(cache_folder())


def _kind(options: argparse.Namespace) -> str:
    """What the speed of a run depends on, as far as options say it."""
    names = ("model", "device", "dtype", "threads", "backend", "mode", "steps", "perception", "ensemble", "tile")
    return " ".join(f"{name}={value}" for name in names if (value := getattr(options, name)) not in (None, "auto"))


def _enhancer(options: argparse.Namespace) -> Enhancer:
    from enhance.enhancer import Enhancer

    return Enhancer(options.model, **chosen_machine(options))


def _work(
    plan: Plan,
    options: argparse.Namespace,
    knobs: Knobs,
    place: _Place,
    reporter: Reporter,
    decoders: Sequence[Decoder],
    enhancer: Enhancer,
) -> None:
    from enhance.batch.pipeline import decode_input, run_batch
    from enhance.codecs.registry import abandon_decoding

    _check_models(plan, enhancer)
    reporter.start()

    def enhance(decoded: DecodedImage) -> EnhancedImage:
        progress = reporter.follow(decoded.source, decoded.height * decoded.width)
        return enhancer.run(decoded, knobs, depth=place.depth, progress=progress)

    decode = partial(decode_input, limits=chosen_limits(options), decoders=decoders)
    small = _small_pictures(enhancer, knobs)
    batch = run_batch(plan.jobs, enhance, decode=decode, write=place.write, small=small, abandon=abandon_decoding)
    with closing(batch) as outcomes:
        for outcome in outcomes:
            reporter.tell(outcome)


def _small_pictures(enhancer: Enhancer, knobs: Knobs) -> SmallPictures | None:
    """Two threads on a picture each do more than both on one: they never wait for each other, nor for a writer."""
    from enhance.batch.pipeline import SmallPictures
    from enhance.runtime import use_one_thread

    threads = enhancer.small_at_a_time()
    return SmallPictures(threads, partial(enhancer.is_small, knobs=knobs), use_one_thread) if threads > 1 else None


def _check_models(plan: Plan, enhancer: Enhancer) -> None:
    """A damaged installation shows once, and not with every file. A model that only some files need may be missing."""
    from enhance.codecs.registry import codec_of_name

    errors: dict[str | None, WeightsError] = {}
    codecs = {codec_of_name(job.input) for job in plan.jobs}
    for codec in codecs - {None}:
        try:
            if enhancer.has_model(str(codec)):
                enhancer.checkpoint(str(codec))
        except WeightsError as error:
            errors[codec] = error
    if errors.keys() == codecs:
        raise next(iter(errors.values()))


@dataclass(frozen=True)
class _Place:
    """Where results go, and in which format."""

    name: str
    is_file: bool
    format: OutputFormat
    depth: int
    quality: int | None
    overwrite: bool
    keep_gain_map: bool = False
    keep_times: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace) -> _Place:
        """Reads -o and the output options. Raises UsageError where they do not fit together."""
        from enhance.batch.plan import STREAM
        from enhance.output.encoders import OutputFormat

        name = options.output or (STREAM if options.inputs == [STREAM] else None)
        if name is None:
            raise UsageError("no place for the results was given", hint=_missing_place(options.inputs))
        if options.json:
            require_stdout()
        if name == STREAM and options.json:
            raise UsageError("stdout cannot hold both the picture and --json", hint="write the picture to a file")
        if name == STREAM and sys.stdout is None:
            raise OutputError("stdout is closed", hint="name a file with -o")
        if name == STREAM and sys.stdout.isatty():
            raise UsageError("stdout is a terminal", hint="pipe it somewhere, or name a file with -o")
        asked = OutputFormat.from_name(options.format) if options.format else None
        named = None
        if name != STREAM and not name.endswith(("/", os.sep)) and not os.path.isdir(name):
            named = _format_of(name, options.inputs)
        if asked and named and asked is not named:
            raise UsageError(f"contradicts --format {options.format}", source=name, hint="leave one of them out")
        chosen = asked or named or OutputFormat.PNG
        _check_format(chosen, options)
        return cls(
            name, named is not None, chosen, options.depth, options.output_quality, overwrite=options.force,
            keep_gain_map=options.keep_gain_map, keep_times=options.keep_times,
        )  # fmt: skip

    def prepare(self) -> None:
        """Makes the output folder, so that a place that cannot be written shows before the work."""
        from enhance.batch.plan import STREAM

        if self.name != STREAM:
            _make_folder(Path(self.name).parent if self.is_file else Path(self.name))

    def clear(self, plan: Plan) -> None:
        """Removes what earlier runs were writing when they were killed, from the folders that results go to."""
        from enhance.batch.plan import STREAM
        from enhance.system.atomic_file import remove_abandoned

        if self.name != STREAM:
            outputs = [*(job.output for job in plan.jobs), *(outcome.output for outcome in plan.settled)]
            for folder in {os.path.dirname(output) for output in outputs if output}:
                remove_abandoned(folder or ".")

    def write(self, image: EnhancedImage, job: Job) -> tuple[str, ...]:
        """Writes one result; called in threads. Returns what of its metadata could not be kept."""
        from enhance.batch.plan import STREAM
        from enhance.output.writer import encode_with_notes, write_image
        from enhance.system.atomic_file import as_output_error, times_of

        if job.output == STREAM:
            encoded = encode_with_notes(image, self.format, quality=self.quality, keep_gain_map=self.keep_gain_map)
            with as_output_error("<stdout>"):
                sys.stdout.buffer.write(encoded.content)
                sys.stdout.buffer.flush()
            return encoded.notes
        _make_folder(Path(job.output).parent)
        overwrite = self.overwrite or job.replaces
        return write_image(
            image, job.output, fmt=self.format, quality=self.quality, overwrite=overwrite,
            keep_gain_map=self.keep_gain_map, times=times_of(job.input) if self.keep_times else None,
        )  # fmt: skip


def _missing_place(inputs: Sequence[str]) -> str:
    """What to do where -o is missing; some write the result's name last, as for `cp`."""
    if len(inputs) == 2 and not os.path.lexists(inputs[1]):
        return f"did you mean {shlex.join(['enhance', 'run', inputs[0], '-o', inputs[1]])}"
    return "-o FOLDER, or -o NAME.png for one input"


def _check_format(fmt: OutputFormat, options: argparse.Namespace) -> None:
    """Raises UsageError for a format that cannot be written here, or not as it is asked for."""
    from enhance.output.encoders import OutputFormat, check_depth, check_quality
    from enhance.output.plain import check_available

    check_available(fmt.value)
    check_depth(fmt, options.depth)
    check_quality(fmt, options.output_quality)
    if options.keep_gain_map and fmt is not OutputFormat.JPEG:
        raise UsageError(f"{fmt.name} files cannot hold a gain map", hint="--format jpg, or leave it out")


_OTHER_FILES = {".266", ".mkv", ".mp4", ".pdf", ".vvc", ".y4m", ".yuv"}


def _format_of(name: str, inputs: list[str]) -> OutputFormat | None:
    """The format that a name's extension stands for; None: it is the name of a folder.

    Raises UsageError for a picture's extension that cannot be written: nobody calls a folder photo.gif. And where one
    file is to become something with an extension that nobody knows, it asks.
    """
    from enhance.batch.plan import PICTURE_EXTENSIONS
    from enhance.output.encoders import OutputFormat

    extension = Path(name).suffix.lower()
    try:
        return OutputFormat.from_path(name)
    except UsageError:
        if extension in PICTURE_EXTENSIONS or extension in _OTHER_FILES:
            raise
        if extension and len(inputs) == 1 and os.path.isfile(inputs[0]):
            known = ", ".join(fmt.extension for fmt in OutputFormat)
            hint = f"write {name}{os.sep} for a folder, or one of {known} for a picture"
            raise UsageError(f"is {name} a folder or a picture?", hint=hint) from None
        return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder cannot be made: {error.strerror}"
        raise OutputError(reason, source=str(folder), hint="name another with -o") from error


def _knobs(options: argparse.Namespace) -> Knobs:
    own = {"quality": options.quality, "qp": options.qp, "consistent": not options.no_consistent,
           "guard": not options.no_guard}  # fmt: skip
    return Knobs(**chosen_knobs(options), **own)
