"""What a wrong word is answered with, how help is ordered, and what a shell completes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from enhance.cli.main import commands, main


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("run a.jpg -o out --qualty 5", "--qualty; did you mean --quality?"),
        ("run a.jpg -o out --gpu", "--gpu; did you mean --device cuda?"),
        ("run a.jpg -o out --overwrite", "--overwrite; did you mean --force?"),
        ("run a.jpg -o out -q 5", "-q; did you mean --quality or --quiet?"),
        ("run -j 4 a.jpg -o out", "-j; did you mean --threads?"),
        ("run a.jpg -o out --stength=0.5", "--stength; did you mean --strength?"),
        ("run a.jpg -o out --mode fidelty", "did you mean fidelity?"),
        ("run a.jpg -o out --perceptual", "--perceptual; did you mean --mode perceptual?"),
        ("run a.jpg out.png", "(did you mean enhance run a.jpg -o out.png)"),
        ("compare .", ".: is a folder, and a page shows files (name the files in it: enhance compare ./*.jpg)"),
        ("help rnu", "there is no command 'rnu' (did you mean run?)"),
        ("filter --gop_qp 1", "--gop_qp; did you mean --gop-qp?"),
        ("eval photos --qualitys 10", "--qualitys; did you mean --qualities?"),
        ("train photos --mintes 3", "--mintes; did you mean --minutes?"),  # told before the missing -o
        ("run a.jpg --zzzzzz", "there is no option --zzzzzz (enhance run --help"),
        ("rnu a.jpg", "there is no command 'rnu' (did you mean run?)"),
    ],
)
def test_a_wrong_word_is_one_line_with_the_nearest_right_one(
    line: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert answer in told(capsys)


def test_a_file_whose_name_begins_with_a_dash_is_named_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-new.jpg").touch()
    assert main(["run", "-new.jpg", "-o", "out"]) == 2
    assert "is ./-new.jpg" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help", "compare"], ["--help", "compare"], ["compare", "--help"]])
def test_help_is_asked_for_in_several_ways(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: enhance compare FILE...") and err == ""


@pytest.mark.parametrize(("words", "status"), [(["help"], 0), (["-h"], 0), (["--help", "-v"], 0), ([], 2)])
def test_all_commands_are_listed_for_whoever_does_not_name_one(
    words: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == status
    out, err = capsys.readouterr()
    text = err if status else out
    assert all(f"\n  {name:10}  {does}\n" in text for name, does in commands().items())


@pytest.mark.parametrize("words", [["photo.jpg", "-o", "x.png"], ["photos/", "-o", "my out"], ["./photos"]])
def test_a_file_in_the_place_of_a_command_shows_the_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert f"(did you mean enhance run {shlex.join(words)})" in told(capsys)


def test_what_looks_like_an_option_and_is_none_is_left_to_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "none.jpg", "-o", "out.png", "--strength", "-0.5"]) == 2
    assert "strength must be" in told(capsys)
    assert main(["run", "-o", "out.png", "--", "--none.jpg"]) == 1
    assert "--none.jpg: no such file" in capsys.readouterr().err


def test_options_can_be_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "none.jpg", "-oout.png", "--stren", "2"]) == 2
    assert "strength must be" in told(capsys)


def test_the_options_that_matter_stand_first_and_those_of_vvc_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    order = [
        "usage: enhance run IN... -o OUT [options]\n",
        "--output",
        "--mode",
        "--strength",
        "--quality auto",
        "--resume",
    ]
    order += ["--format", "--steps", "--tile", "--max-scans", "\nVVC:", "\n  --qp", "--decoder"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["train", "eval"])
def test_symbols_are_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for symbol in ("x is the original", "s(q) its RMS", "tau(q)", "t is the noise level"):
        assert symbol in text


@pytest.mark.parametrize("name", ["run", "filter", "eval", "train"])
def test_every_option_has_a_word_of_help(name: str) -> None:
    from enhance.cli.main import command_parser

    assert [action.dest for action in command_parser(name)[0].actions() if not action.help] == []


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from contextlib import redirect_stdout

    path = tmp_path_factory.mktemp("completion") / "enhance.bash"
    with path.open("w", encoding="utf-8") as file, redirect_stdout(file):
        assert main(["completion", "bash"]) == 0
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("enhance inf", ["info"]),
        ("enhance run --stren", ["--strength"]),
        ("enhance run --mode ", ["fidelity", "balanced", "perceptual"]),
        ("enhance filter --matrix bt7", ["bt709"]),
        ("enhance completion ", ["bash", "zsh", "fish"]),
        ("enhance run enhance.b", ["enhance.bash"]),
    ],
)
def test_bash_completes(line: str, completed: list[str], bash_script: Path) -> None:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    setting = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}"
    program = f'. ./{bash_script.name}; {setting}; _enhance_words; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", program], cwd=bash_script.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == completed


_ZSH_SESSION = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($PWD \\$fpath); autoload -Uz compinit && compinit -u -D; print rea''dy"
zpty -r -m shell seen '*ready*'
for line in "$@"; do
    zpty -w -n shell "$line"$'\\t'"X"$'\\x01print -r -- "<'$'\\x05>"\\n'
    zpty -r -m shell seen $'*\\n<*>*\\n*'
    print -r -- "$seen" | tr -d '\\r' | grep '^<'
done
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_completes_at_the_first_tab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    (tmp_path / "_enhance").write_text(capsys.readouterr().out, encoding="utf-8")
    (tmp_path / "session").write_text(_ZSH_SESSION, encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "photo.jpg").touch()
    lines = ["enhance ru", "enhance run --mode pe", "enhance run --resu", "enhance run pictures/ph", "enhance run pict"]
    done = subprocess.run(
        ["zsh", "-f", "session", *lines], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    whole = ["run X", "run --mode perceptual X", "run --resume X", "run pictures/photo.jpg X", "run pictures/X"]
    assert done.stdout.splitlines() == [f"<enhance {line}>" for line in whole]


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("enhance inf", ["info"]),
        ("enhance run --mode ", ["balanced", "fidelity", "perceptual"]),
        ("enhance run --resu", ["--resume"]),
        ("enhance run enhance.f", ["enhance.fish"]),
    ],
)
def test_fish_completes(line: str, completed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    (tmp_path / "enhance.fish").write_text(capsys.readouterr().out, encoding="utf-8")
    program = f"source enhance.fish; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    assert [told.partition("\t")[0] for told in done.stdout.splitlines()] == completed


def test_other_shells_get_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("zsh", "fish"):
        assert main(["completion", shell]) == 0
        text = capsys.readouterr().out
        assert "output-quality" in text and "perceptual" in text and all(name in text for name in commands())
