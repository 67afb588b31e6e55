"""What gets installed: the declarations agree with the code, and the set-up scripts keep their promises."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import enhance

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "enhance"
# Import name: distribution name, where they differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "cv2": "opencv-python-headless",
    "pytorch_msssim": "pytorch-msssim",
    "typing_extensions": "typing-extensions",
}


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(text: str) -> dict[str, str]:
    """Name and range of each line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(re.split(r"(?=[ <>=!~;])", line, maxsplit=1) for line in lines)


def imported(folder: Path) -> Iterator[tuple[str, Path]]:
    """Top-level names of what the modules below a folder import, wherever in the module."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name.split(".")[0], path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0], path


def test_everything_imported_is_declared(setup: configparser.ConfigParser) -> None:
    always = requirements(setup["options"]["install_requires"])
    extras = {name for text in setup["options.extras_require"].values() for name in requirements(text)}
    optional_places = {PACKAGE / name for name in ("evaluation", "training", "integrations", "backends", "learned")}
    for name, path in imported(PACKAGE):
        distribution = DISTRIBUTIONS.get(name, name)
        known = distribution in always or name == "enhance" or name in sys.stdlib_module_names
        optional = distribution in extras and not optional_places.isdisjoint(path.parents)
        assert known or optional, f"{path.relative_to(ROOT)} imports {name}"


def test_everything_declared_is_imported(setup: configparser.ConfigParser) -> None:
    used = {DISTRIBUTIONS.get(name, name) for name, _ in imported(PACKAGE)}
    assert set(requirements(setup["options"]["install_requires"])) <= used


def test_every_requirement_is_pinned_within_its_range(setup: configparser.ConfigParser) -> None:
    pins = requirements((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    wanted = requirements(setup["options"]["install_requires"])
    for text in setup["options.extras_require"].values():
        wanted |= requirements(text)
    for name, accepted in wanted.items():
        least = re.search(r">=([\d.]+)", accepted)
        pinned = re.search(r"==([\d.]+)", pins[name])
        assert least and pinned, name
        assert [*map(int, pinned[1].split("."))] >= [*map(int, least[1].split("."))], name
    assert "+" not in pins["torch"], "a local version would exclude all builds but one"
    assert not re.search(r"https?:|@|--", (ROOT / "constraints.txt").read_text(encoding="utf-8"))


def test_the_weights_travel_with_the_package(setup: configparser.ConfigParser) -> None:
    data = setup["options.package_data"]
    assert data["enhance.weights"].split(", ") == ["*.safetensors", "*.md"]
    shipped = {path.suffix for path in (PACKAGE / "comparison").iterdir() if path.is_file() and path.suffix != ".py"}
    assert {f"*{suffix}" for suffix in shipped} == set(data["enhance.comparison"].split(", "))
    assert data["enhance.learned"] == "*.safetensors"
    sizes = {path: path.stat().st_size for path in PACKAGE.rglob("*.safetensors")}
    assert sum(size for path, size in sizes.items() if path.parent.name == "weights") <= 32e6
    assert sum(sizes.values()) <= 36e6
    packages = {path.parent for path in PACKAGE.rglob("*.py")}
    assert all((folder / "__init__.py").is_file() for folder in packages), "find: leaves such a folder out"


def test_the_version_is_said_once(setup: configparser.ConfigParser) -> None:
    assert setup["metadata"]["version"] == "attr: enhance.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", enhance.__version__)
    assert enhance.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the set-up scripts, and a stand-in for Python that records its calls instead of installing."""
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, root / name)
    stand_in = tmp_path / "bin" / "python3"
    stand_in.parent.mkdir()
    stand_in.write_text(
        f"""#!/bin/sh
        case "$1 $2 $3" in
            "-c "*) exec {sys.executable} "$@" ;;
            "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo venv >> {tmp_path}/calls ;;
            "-m pip install") echo pip noise; echo pip >> {tmp_path}/calls; sleep 0.2; test ! -e {tmp_path}/offline ;;
            "-m enhance run") shift 3; echo "ran: $*" ;;
        esac
        """,
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    return root


def scripts_run(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{checkout.parent}/bin:{os.environ['PATH']}", **variables}
    command = [str(checkout / "scripts" / "run"), *arguments]
    return subprocess.run(command, env=environment, cwd=checkout.parent, capture_output=True, text=True, check=False)


def calls(checkout: Path) -> list[str]:
    return (checkout.parent / "calls").read_text(encoding="utf-8").split()


def test_run_sets_up_once_and_keeps_stdout_clean(checkout: Path) -> None:
    first = scripts_run(checkout, "a b.jpg", "-o", "out")
    assert (first.returncode, first.stdout) == (0, "ran: a b.jpg -o out\n"), first.stderr
    assert "pip noise" in first.stderr
    again = scripts_run(checkout, "c.jpg")
    assert (again.stdout, again.stderr) == ("ran: c.jpg\n", "")
    assert calls(checkout) == ["venv", "pip"]


def test_run_installs_again_when_the_requirements_change(checkout: Path) -> None:
    scripts_run(checkout)
    with (checkout / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert scripts_run(checkout).returncode == 0
    assert calls(checkout) == ["venv", "pip", "pip"]


def test_run_recovers_from_a_failed_set_up(checkout: Path) -> None:
    (checkout.parent / "offline").touch()
    failed = scripts_run(checkout)
    assert failed.returncode == 2 and failed.stdout == ""
    assert "could not be made" in failed.stderr.splitlines()[-1]
    (checkout.parent / "offline").unlink()
    assert scripts_run(checkout).returncode == 0
    assert calls(checkout) == ["venv", "pip", "venv", "pip"]


def test_first_runs_at_once_set_up_once(checkout: Path) -> None:
    environment = {"PATH": f"{checkout.parent}/bin:{os.environ['PATH']}"}
    command = [str(checkout / "scripts" / "run"), "x"]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(8)
    ]
    assert [process.communicate()[0] for process in started] == [b"ran: x\n"] * 8
    assert calls(checkout) == ["venv", "pip"]


def test_run_leaves_a_folder_that_it_did_not_make_alone(checkout: Path) -> None:
    own = checkout.parent / "mine"
    own.mkdir()
    (own / "thesis.txt").write_text("only copy", encoding="utf-8")
    refused = scripts_run(checkout, ENHANCE_VENV="mine")
    assert refused.returncode == 2 and "not made by this script" in refused.stderr
    assert [path.name for path in own.iterdir()] == ["thesis.txt"]


def test_run_says_when_there_is_no_python(checkout: Path) -> None:
    for tool in ("sh", "dirname", "cat", "cksum", "ls", "mkdir"):
        found = shutil.which(tool)
        assert found
        (checkout.parent / "bin" / tool).symlink_to(found)
    (checkout.parent / "bin" / "python3").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    refused = scripts_run(checkout, PATH=f"{checkout.parent}/bin")
    assert refused.returncode == 2
    assert refused.stderr == "enhance: Python 3.10 or newer is needed and was not found (set ENHANCE_PYTHON to it)\n"
