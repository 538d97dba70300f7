import subprocess
import sys

import pytest

from npm_studio.cli.dataset import KINDS
from npm_studio.cli.main import COMMANDS, main

HEAVY = ("torch", "vtk", "vtkmodules", "pyvista", "PyQt6", "warp", "trimesh", "scipy", "numpy")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert name in text
        assert summary in " ".join(text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"npm-studio {command}" in capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_dataset_has_help(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", kind, "--help"]) == 0
    assert f"npm-studio dataset {kind}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["fit", "--help"], ["gui", "--help"], ["demo", "--help"], *(["dataset", k, "--help"] for k in KINDS)],
)
def test_help_answers_without_loading_anything_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from npm_studio.cli.main import main\n"
        f"code = main({arguments!r})\n"
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules])\n"
        "sys.exit(code)\n"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize("arguments", [["paint"], ["fit"], ["evaluate", "--truth"], ["render", "--bogus"]])
def test_wrong_usage_is_one_line_and_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "--help" in lines[0]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("npm-studio ")
