"""The plan of a batch, and the pipeline that carries it out, with stand-ins for decoder, network and writer."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enhance.batch.pipeline import SmallPictures, run_batch
from enhance.batch.plan import Job, Plan, plan_batch
from enhance.codecs.jpeg.rate import JpegRate
from enhance.errors import DecodeError, OutputError, UsageError
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord

RECORD = EnhancementRecord("jpeg", {}, False, 1, "one-step", 0, 1, 0, 4, 0.1, True, 1, "tiny", "cpu", "float32", 0, 0.0)


def plan(folder: Path, out: Path, **options: object) -> Plan:
    return plan_batch([str(folder)], str(out), extension=".png", **options)  # type: ignore[arg-type]


def outputs(plan: Plan, out: Path) -> list[str]:
    return [os.path.relpath(job.output, out) for job in plan.jobs]


def test_a_folder_is_walked_one_level_deep(photo_folder: Path, tmp_path: Path) -> None:
    made = plan(photo_folder, tmp_path / "out")
    assert outputs(made, tmp_path / "out") == ["a.png", "b.png"]
    assert {(Path(it.name).name, it.reason) for it in made.passed_over} == {
        ("readme.txt", "no picture of a known kind"), ("sub", "a subfolder, -r takes it"),
    }  # fmt: skip


def test_recursion_mirrors_the_tree(photo_folder: Path, tmp_path: Path) -> None:
    made = plan(photo_folder, tmp_path / "out", recursive=True)
    assert outputs(made, tmp_path / "out") == ["a.png", "b.png", "sub/c.png"]


def test_pictures_are_recognised_by_their_first_bytes(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "a.jpg").rename(photo_folder / "scan.v2")
    (photo_folder / "b.jpeg").rename(photo_folder / "noextension")
    made = plan(photo_folder, tmp_path / "out")
    assert outputs(made, tmp_path / "out") == ["noextension.png", "scan.v2.png"]


def test_a_name_that_may_be_anything_does_not_make_a_picture(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "firmware.bin").write_bytes(b"\x7fELF")
    (photo_folder / "rest.bit").touch()
    (photo_folder / "a.jpg").rename(photo_folder / "a.bin")
    (photo_folder / "broken.266").write_bytes(b"\x7fELF")  # a failure to report
    made = plan(photo_folder, tmp_path / "out")
    assert outputs(made, tmp_path / "out") == ["a.png", "b.png", "broken.png"]
    passed_over = {Path(it.name).name for it in made.passed_over}
    assert passed_over == {"firmware.bin", "rest.bit", "readme.txt", "sub"}


def test_hidden_files_and_pipes_are_passed_by(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "a.jpg").rename(photo_folder / "._a.jpg")
    (photo_folder / "sub").rename(photo_folder / ".thumbnails")
    os.mkfifo(photo_folder / "pipe.jpg")
    made = plan(photo_folder, tmp_path / "out", recursive=True)
    assert outputs(made, tmp_path / "out") == ["b.png"]
    assert {(Path(it.name).name, it.reason) for it in made.passed_over} == {
        (".thumbnails", "hidden"), ("._a.jpg", "hidden"), ("pipe.jpg", "a named pipe"),
        ("readme.txt", "no picture of a known kind"),
    }  # fmt: skip


def test_patterns_are_expanded(photo_folder: Path, tmp_path: Path) -> None:
    made = plan_batch([str(photo_folder / "*.jp*g"), str(photo_folder / "*.gif")], str(tmp_path), extension=".png")
    assert outputs(made, tmp_path) == ["a.png", "b.png"]
    assert [str(outcome.error).endswith("no file matches (check the pattern)") for outcome in made.settled] == [True]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "a.jpg").rename(photo_folder / "a[1].jpg")
    made = plan_batch([str(photo_folder / "a[1].jpg")], str(tmp_path), extension=".png")
    assert outputs(made, tmp_path) == ["a[1].png"]


def test_the_same_file_named_twice_is_done_once(photo_folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(photo_folder)
    names = [str(photo_folder), str(photo_folder / "a.jpg"), str(link / "a.jpg")]
    assert len(plan_batch(names, str(tmp_path / "out"), extension=".png").jobs) == 2


def test_a_folder_called_as_stdin_does_not_stand_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").mkdir()
    assert plan_batch(["-"], "-", extension=".png").jobs == (Job("-", "-"),)


def test_two_inputs_for_one_output_fail_and_the_rest_is_done(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "a.jpeg").write_bytes((photo_folder / "b.jpeg").read_bytes())
    made = plan(photo_folder, tmp_path / "out")
    assert outputs(made, tmp_path / "out") == ["b.png"]
    assert [Path(failure.input).name for failure in made.settled] == ["a.jpeg", "a.jpg"]
    assert all("would both become" in str(failure.error) for failure in made.settled)


def test_a_wrong_extension_is_replaced_and_others_are_part_of_the_name(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "a.jpg").rename(photo_folder / "misnamed.png")
    (photo_folder / "b.jpeg").rename(photo_folder / "scan.v2")
    assert outputs(plan(photo_folder, tmp_path / "out"), tmp_path / "out") == ["misnamed.png", "scan.v2.png"]


def test_an_input_that_would_be_replaced_fails_and_the_rest_is_done(photo_folder: Path) -> None:
    (photo_folder / "a.jpg").rename(photo_folder / "misnamed.png")
    made = plan(photo_folder, photo_folder, existing="replace")
    assert outputs(made, photo_folder) == ["b.png"]
    assert "never written to" in str(made.settled[0].error)


def test_outputs_inside_the_input_folder_are_not_inputs(photo_folder: Path) -> None:
    out = photo_folder / "enhanced"
    out.mkdir()
    (out / "a.jpg").write_bytes((photo_folder / "a.jpg").read_bytes())
    assert outputs(plan(photo_folder, out, recursive=True), out) == ["a.png", "b.png", "sub/c.png"]


@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_an_input_is_never_an_output(photo_folder: Path, tmp_path: Path, link: Callable[..., None] | None) -> None:
    target = photo_folder / "a.jpg"
    if link is not None:
        target = tmp_path / "other.jpg"
        link(photo_folder / "a.jpg", target)
    made = plan_batch(
        [str(photo_folder / "a.jpg")], str(target), extension=".jpg", out_is_file=True, existing="replace"
    )
    assert not made.jobs and "never written to" in str(made.settled[0].error)


def test_outputs_that_exist_are_refused_skipped_or_replaced(photo_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    Image.new("L", (3, 3)).save(out / "a.png")
    with pytest.raises(UsageError, match="exists already"):
        plan(photo_folder, out)
    resumed = plan(photo_folder, out, existing="skip")
    assert outputs(resumed, out) == ["b.png"]
    assert [outcome.status for outcome in resumed.settled] == ["skipped"]
    assert outputs(plan(photo_folder, out, existing="replace"), out) == ["a.png", "b.png"]


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (failure,) = plan(tmp_path / "empty", tmp_path / "out").settled
    assert "holds no picture of a known kind" in str(failure.error)


def decoded(size: int = 8) -> DecodedImage:
    return DecodedImage(np.zeros((size, size, 3), np.uint8), JpegRate.from_quality(20))


def enhance(image: DecodedImage) -> EnhancedImage:
    return EnhancedImage(image.pixels, RECORD)


def jobs(count: int) -> list[Job]:
    return [Job(f"{number}.jpg", f"{number}.png") for number in range(count)]


def small(threads: int = 2, side: int = 64, prepare: Callable[[], None] = lambda: None) -> SmallPictures:
    return SmallPictures(threads, lambda image: image.height <= side, prepare)


@given(
    st.lists(st.sampled_from(["done", "decode", "enhance", "write", "bug"]), max_size=40),
    st.sampled_from([None, small(), small(3, 4)]),
)
def test_every_job_has_its_own_outcome_in_order(fates: list[str], small: SmallPictures | None) -> None:
    def fate(name: str) -> str:
        return fates[int(name.removesuffix(".jpg"))]

    def decode(name: str) -> DecodedImage:
        if fate(name) == "decode":
            raise DecodeError("damaged", source=name)
        if fate(name) == "bug":
            raise KeyError("surprise")
        return replace(decoded(), source=name)

    def network(image: DecodedImage) -> EnhancedImage:
        if fate(image.source) == "enhance":
            raise MemoryError
        return enhance(image)

    def write(image: EnhancedImage, job: Job) -> None:
        if fate(job.input) == "write":
            raise OutputError("no permission", source=job.output)

    outcomes = list(run_batch(jobs(len(fates)), network, decode=decode, write=write, small=small))
    assert [outcome.input for outcome in outcomes] == [job.input for job in jobs(len(fates))]
    assert [outcome.status == "done" for outcome in outcomes] == [fate == "done" for fate in fates]
    assert all((outcome.error is None) == (outcome.status == "done") for outcome in outcomes)


def test_decoding_and_writing_overlap_with_the_network() -> None:
    """Each waits for another that would come after it if things were done one after the other."""
    decoding, in_network = [threading.Event() for _ in range(20)], [threading.Event() for _ in range(20)]
    numbers = itertools.count()

    def decode(name: str) -> DecodedImage:
        decoding[int(name.removesuffix(".jpg"))].set()
        return decoded()

    def network(image: DecodedImage) -> EnhancedImage:
        number = next(numbers)
        in_network[number].set()
        assert number == 19 or decoding[number + 1].wait(60)
        return enhance(image)

    def write(image: EnhancedImage, job: Job) -> None:
        number = int(job.input.removesuffix(".jpg"))
        assert number == 19 or in_network[number + 1].wait(60)

    outcomes = list(run_batch(jobs(20), network, decode=decode, write=write))
    assert [outcome.status for outcome in outcomes] == ["done"] * 20


def test_small_pictures_are_in_the_network_together_and_a_large_one_is_there_alone() -> None:
    inside, lock, prepared = [0], threading.Lock(), []
    most: dict[int, int] = {}

    def decode(name: str) -> DecodedImage:
        return decoded(128 if name in ("7.jpg", "12.jpg") else 8)

    def network(image: DecodedImage) -> EnhancedImage:
        with lock:
            inside[0] += 1
            most[image.height] = max(most.get(image.height, 0), inside[0])
        time.sleep(0.02)
        with lock:
            inside[0] -= 1
        return enhance(image)

    chosen = small(3, prepare=lambda: prepared.append(threading.get_ident()))
    outcomes = list(run_batch(jobs(20), network, decode=decode, write=lambda *_: None, small=chosen))
    assert [outcome.status for outcome in outcomes] == ["done"] * 20
    assert most[128] == 1 and 1 < most[8] <= 3
    assert len(prepared) == len(set(prepared)) == 3


@pytest.mark.parametrize("small", [None, small()])
def test_memory_under_way_is_bounded(small: SmallPictures | None) -> None:
    alive, most, lock = set(), [0], threading.Lock()

    def decode(name: str) -> DecodedImage:
        with lock:
            alive.add(name)
            most[0] = max(most[0], len(alive))
        return decoded(64)

    def write(image: EnhancedImage, job: Job) -> None:
        time.sleep(0.002)
        with lock:
            alive.remove(job.input)

    memory = 3 * 4 * 64 * 64 * 3  # three pictures, as they are counted
    assert len(list(run_batch(jobs(30), enhance, decode=decode, write=write, memory=memory, small=small))) == 30
    assert 1 < most[0] <= 3


def test_a_picture_larger_than_the_memory_is_worked_on_alone() -> None:
    alive = [0]

    def decode(name: str) -> DecodedImage:
        alive[0] += 1
        assert alive[0] == 1
        return decoded(64)

    def write(image: EnhancedImage, job: Job) -> None:
        alive[0] -= 1

    outcomes = list(run_batch(jobs(5), enhance, decode=decode, write=write, memory=1))
    assert [outcome.status for outcome in outcomes] == ["done"] * 5


@pytest.mark.parametrize("small", [None, small()])
def test_a_full_disk_ends_the_batch_early(small: SmallPictures | None) -> None:
    started = []

    def decode(name: str) -> DecodedImage:
        started.append(name)
        return decoded()

    def write(image: EnhancedImage, job: Job) -> None:
        raise OutputError("the disk is full") from OSError(errno.ENOSPC, "No space left on device")

    outcomes = list(run_batch(jobs(500), enhance, decode=decode, write=write, small=small))
    assert [outcome.input for outcome in outcomes] == [job.input for job in jobs(500)]
    assert outcomes[0].status == "failed"
    assert outcomes[-1].status == "not started"
    assert len(started) < 400


def test_a_batch_that_is_dropped_does_not_wait_for_its_decoders() -> None:
    started, ended = threading.Event(), threading.Event()

    def decode(name: str) -> DecodedImage:
        if name != "0.jpg":
            started.set()
            assert ended.wait(60)
        return decoded()

    def network(image: DecodedImage) -> EnhancedImage:
        assert started.wait(60)
        raise KeyboardInterrupt

    batch = run_batch(jobs(9), network, decode=decode, write=lambda *_: None, abandon=ended.set)
    with pytest.raises(KeyboardInterrupt), closing(batch):
        list(batch)
    assert ended.is_set()


def test_closing_waits_for_started_files() -> None:
    events: list[str] = []
    writing = threading.Event()

    def write(image: EnhancedImage, job: Job) -> None:
        writing.set()
        time.sleep(0.05)
        events.append("written")

    def network(image: DecodedImage) -> EnhancedImage:
        if writing.wait(0.01):
            raise KeyboardInterrupt
        return enhance(image)

    with (
        pytest.raises(KeyboardInterrupt),
        closing(run_batch(jobs(100), network, decode=lambda name: decoded(), write=write)) as outcomes,
    ):
        list(outcomes)
    assert events and len(events) < 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("decode_", "network_", "write_"))]
