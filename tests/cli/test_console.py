"""Closed streams, pipes that give nothing, names made to do harm, signals: what a shell may come with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from enhance.cli.main import main

JpegFactory = Callable[..., bytes]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

EVIL = "\x1b[31mred\x07\nenhance: error: forged.jpg: all is lost\r\u202e"


def command(model: Path, *arguments: object) -> list[str]:
    options = ["--model", str(model), "--dtype", "float32", "--device", "cpu", "--threads", "1"]
    return [sys.executable, "-m", "enhance", "run", *map(str, arguments), *options]


def with_shell(redirection: str, arguments: list[str]) -> list[str]:
    return ["sh", "-c", f'"$@" {redirection}', "sh", *arguments]


@pytest.fixture
def jpeg(tmp_path: Path, jpeg_bytes: JpegFactory) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_bytes())
    return path


@pytest.mark.parametrize("closed", ["<&-", "2>&-", ">&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.slow
def test_closed_and_full_streams_do_not_matter(closed: str, jpeg: Path, tiny_model_file: Path, tmp_path: Path) -> None:
    arguments = command(tiny_model_file, jpeg, "-o", tmp_path / "out")
    assert subprocess.run(with_shell(closed, arguments), capture_output=True, check=False).returncode == 0
    with Image.open(tmp_path / "out" / "photo.png") as image:
        image.load()


@pytest.mark.slow
def test_closed_streams_that_are_needed_are_one_sentence(jpeg: Path, tiny_model_file: Path, tmp_path: Path) -> None:
    for redirection, arguments, reason in (
        ("<&-", command(tiny_model_file, "-", "-o", tmp_path / "a.png"), "<stdin>: stdin is closed"),
        (">&-", command(tiny_model_file, jpeg, "-o", tmp_path / "b.png", "--json"), "stdout is closed"),
        (">&-", [sys.executable, "-m", "enhance", "info", str(jpeg)], "stdout is closed"),
        ("<&-", [sys.executable, "-m", "enhance", "info", "-"], "<stdin>: stdin is closed"),
    ):
        shell = with_shell(redirection, arguments)
        done = subprocess.run(shell, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        assert len(errors) == 1 and reason in errors[0] and "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("buffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["when it is flushed", "at once"])
def test_a_full_disk_behind_stdout_is_one_sentence(buffered: dict[str, str], jpeg: Path) -> None:
    shell = with_shell(">/dev/full", [sys.executable, "-m", "enhance", "info", str(jpeg), "--quality", "file"])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | buffered
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr == "enhance: error: <stdout>: the disk is full (free space, or write elsewhere)\n"


def test_no_file_is_opened_in_the_place_of_a_closed_stderr(jpeg: Path, tiny_model_file: Path, tmp_path: Path) -> None:
    """Else a C library that prints would print into a result."""
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(jpeg.read_bytes()[:900])
    arguments = command(tiny_model_file, jpeg, bad, "-o", tmp_path / "out", "-v")
    subprocess.run(with_shell("2>&-", arguments), check=False)
    assert (tmp_path / "out" / "photo.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [[], ["-v"]])
def test_names_cannot_speak_for_the_program(
    arguments: list[str], jpeg: Path, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / f"{EVIL}.jpg").write_bytes(jpeg.read_bytes()[:-2])  # has a note
    (folder / f"{EVIL}2.jpg").write_bytes(b"")  # fails
    (folder / f"{EVIL}.txt").write_bytes(b"")  # is passed over
    options = ["--model", str(tiny_model_file), "--device", "cpu"]
    assert main(["run", str(folder), "-o", str(tmp_path / "out"), *options, *arguments]) == 1
    main(["info", *map(str, folder.iterdir())])
    main(["run", f"--{EVIL}"])
    main(["run", str(jpeg), "-o", str(tmp_path / "x"), "--model", str(folder / EVIL)])
    spoken = capsys.readouterr()
    for text in (spoken.out, spoken.err):
        assert not set(text) & {"\x1b", "\x07", "\u202e"}
        assert not any(line.startswith("enhance: error: forged.jpg") for line in text.splitlines())


def test_every_note_names_its_file_and_a_table_closes(
    jpeg: Path, tiny_model_file: Path, tmp_path: Path, jpeg_bytes: JpegFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(jpeg.read_bytes()[:-2])
    (folder / "bad.jpg").write_bytes(b"")
    (folder / "readme.txt").write_text("holiday", encoding="utf-8")
    arguments = ["run", str(folder), "-o", str(out), "--model", str(tiny_model_file), "--device", "cpu"]
    assert main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    notes = [line for line in lines if "note: " in line]
    assert notes and all(f"{folder / 'a.jpg'} and 1 more (-v lists them): " in line for line in notes)
    table = [line.removeprefix("enhance: ").split()[:2] for line in lines[-4:]]
    assert table == [["done", "2"], ["failed", "1"], ["passed", "over"], ["passed", "over"]]
    assert "the file is empty" in lines[-3] and "bad.jpg" in lines[-3]
    assert "deeper" in lines[-2] and "-r takes it" in lines[-2] and "readme.txt" in lines[-1]
    assert main([*arguments, "-v", "--resume"]) == 1
    told = capsys.readouterr().err
    for line in (f"skipped: {folder / 'a.jpg'}", f"passed over: {folder / 'readme.txt'}: no picture of a known kind"):
        assert line in told
    assert main([*arguments, "-v", "--force"]) == 1
    told = capsys.readouterr().err
    for name in ("a.jpg", "b.jpg"):
        assert f"note: {folder / name}: damaged: libjpeg says: Premature end of JPEG file" in told


def test_notes_of_damage_and_of_lost_metadata_are_in_the_record(
    tiny_model_file: Path, tmp_path: Path, jpeg_bytes: JpegFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_bytes(comment=b"c")[:-2])
    options = ["--model", str(tiny_model_file), "--device", "cpu", "--json", "--quiet", "--format", "webp"]
    assert main(["run", str(path), "-o", str(tmp_path / "out"), *options]) == 0
    spoken = capsys.readouterr()
    notes = json.loads(spoken.out)["record"]["notes"]
    assert spoken.err == ""
    assert "damaged: libjpeg says: Premature end of JPEG file" in notes
    assert "comment dropped, WEBP has no place for it" in notes
    assert main(["run", str(path), "-o", str(tmp_path / "strict"), *options, "--strict"]) == 1
    assert "Premature end" in json.loads(capsys.readouterr().out)["error"]


def test_an_unknown_extension_is_asked_about(jpeg: Path, tiny_model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "better.xyz"
    assert main(["run", str(jpeg), "-o", str(out), "--model", str(tiny_model_file)]) == 2
    assert not out.exists()
    assert main(["run", str(jpeg), "-o", f"{out}/", "--model", str(tiny_model_file), "--device", "cpu"]) == 0
    assert (out / "photo.png").is_file()


def test_times_are_kept_when_asked(jpeg: Path, tiny_model_file: Path, tmp_path: Path) -> None:
    os.utime(jpeg, ns=(10**18, 10**18 + 7))
    options = ["--model", str(tiny_model_file), "--device", "cpu", "--keep-times"]
    assert main(["run", str(jpeg), "-o", str(tmp_path / "out"), *options]) == 0
    assert (tmp_path / "out" / "photo.png").stat().st_mtime_ns == 10**18 + 7


def test_resume_does_again_what_is_not_whole(
    jpeg: Path, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in ("whole", "empty", "cut", "link", "foreign"):
        (folder / f"{name}.jpg").write_bytes(jpeg.read_bytes())
    arguments = ["run", str(folder), "-o", str(out), "--model", str(tiny_model_file), "--device", "cpu"]
    assert main(arguments) == 0
    expected = (out / "whole.png").read_bytes()
    (out / "empty.png").write_bytes(b"")
    (out / "cut.png").write_bytes(expected[:-20])
    (out / "link.png").unlink()
    (out / "link.png").symlink_to("nowhere")
    (out / "foreign.png").write_text("mine", encoding="utf-8")
    capsys.readouterr()
    assert main([*arguments, "--resume"]) == 1
    assert "foreign.png: what is in the place of the result is none" in capsys.readouterr().err
    for name in ("whole", "empty", "cut", "link"):
        assert (out / f"{name}.png").read_bytes() == expected
    assert (out / "foreign.png").read_text("utf-8") == "mine" and not (out / "nowhere").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_and_devices_are_read_only_when_asked(
    jpeg: Path, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fifo = tmp_path / "fifo.jpg"
    os.mkfifo(fifo)
    options = ["--model", str(tiny_model_file), "--device", "cpu"]
    for name, kind in ((fifo, "a named pipe"), (Path("/dev/zero"), "a device"), (tmp_path / "fi*", "a named pipe")):
        assert main(["run", str(name), "-o", str(tmp_path / "out"), *options]) == 1
        assert f"is {kind}" in capsys.readouterr().err
    assert main(["info", "/dev/zero", "--special-files", "--max-megabytes", "1"]) == 1
    assert "is larger than the limit of 1 megabytes" in capsys.readouterr().err
    with subprocess.Popen(["cp", str(jpeg), str(fifo)]):
        assert main(["run", str(fifo), "-o", str(tmp_path / "out"), "--special-files", *options]) == 0
    assert (tmp_path / "out" / "fifo.png").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("waits_for", ["stdin", "a named pipe"])
@pytest.mark.slow
def test_signals_end_every_wait(number: signal.Signals, waits_for: str, tiny_model_file: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.jpg"
    os.mkfifo(fifo)
    name = "-" if waits_for == "stdin" else fifo
    arguments = command(tiny_model_file, name, "-o", tmp_path / "out.png", "--special-files", "-v")
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        if waits_for != "stdin":
            writer = os.open(fifo, os.O_WRONLY)  # when it is opened for reading, there is a reader who waits
        else:
            while "0/1" not in (said := said + process.stderr.read(1)):
                pass
            time.sleep(1.5)  # while torch is imported a signal is taken in its own way
        process.send_signal(number)
        assert "interrupted" in process.stderr.read()
        process.stderr.close()
        assert process.wait() == 130
        if waits_for != "stdin":
            os.close(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["fifo.jpg"]


def test_a_thread_that_never_comes_back_does_not_hold_the_program(tiny_model_file: Path, tmp_path: Path) -> None:
    """As a read from a network disk that is gone."""
    program = (
        "import sys, time; from enhance.codecs import registry\n"
        "import enhance.batch.pipeline as pipeline\n"
        "def stuck(*a, **k): print('stuck', file=sys.stderr, flush=True); time.sleep(10**6)\n"
        "pipeline.decode = stuck\n"
        "from enhance.cli.main import entry_point; entry_point()"
    )
    arguments = [sys.executable, "-c", program, *command(tiny_model_file, "-", "-o", tmp_path / "x.png")[3:], "--quiet"]
    (tmp_path / "a.jpg").write_bytes(b"")
    arguments[arguments.index("-")] = str(tmp_path / "a.jpg")
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stderr.readline() == "stuck\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130
        process.stderr.close()


def test_a_hang_up_that_is_ignored_stays_ignored(jpeg: Path, tiny_model_file: Path, tmp_path: Path) -> None:
    arguments = command(tiny_model_file, "-", "-o", tmp_path / "out.png")
    shell = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *arguments]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stderr.read(1)  # the bar is there, so that signals are taken
        process.send_signal(signal.SIGHUP)
        process.communicate(jpeg.read_bytes())
        assert process.returncode == 0


def test_threads_of_libraries_do_not_spin_unless_the_user_says_so() -> None:
    """Both are read when the libraries are imported, so nothing may import them before the command sets them."""
    code = (
        "import os, sys; sys.argv = ['enhance', '--version']\n"
        "from enhance.cli.main import entry_point\n"
        "assert not {'numpy', 'torch'} & set(sys.modules)\n"
        "try:\n    entry_point()\n"
        "finally:\n    print(os.environ['OMP_WAIT_POLICY'], os.environ['OPENBLAS_NUM_THREADS'])"
    )
    names = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
    free = {name: value for name, value in os.environ.items() if name not in names}
    for said, expected in (({}, "PASSIVE 1"), ({names[0]: "ACTIVE", names[1]: "3"}, "ACTIVE 3")):
        done = subprocess.run([sys.executable, "-c", code], env={**free, **said}, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1:] == [expected], done.stderr
