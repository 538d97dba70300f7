import json
import re
from pathlib import Path

import pytest

from npm_studio.cli.main import main
from npm_studio.reports import machine

SCRIPT = Path(__file__).parents[3] / "scripts" / "install_system_packages.sh"


def test_doctor_tells_versions_devices_and_graphics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["torch"]
    assert "cores" in found["devices"]["cpu"]
    assert "RenderWindow" in found["opengl"]
    assert found["log"].endswith("npm-studio.log")
    assert main(["doctor"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")] == [
        "Versions",
        "Devices",
        "Graphics",
        "Log",
        "Missing",
    ]


def test_doctor_says_how_to_install_what_is_missing_and_still_exits_0(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(machine.SYSTEM_LIBRARIES, "libxcb-nothing.so.9", "libxcb-nothing9")
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "npm-studio-nothing"))
    monkeypatch.setenv("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert "sudo apt-get install libxcb-nothing9" in report
    assert re.search(r"npm-studio-nothing +not installed", report)
    assert "OpenGL does not work" in report
    assert "`npm-studio gui` cannot open here" in report


def test_doctor_knows_the_packages_of_the_install_script() -> None:
    words = set(SCRIPT.read_text().split())
    assert set(machine.SYSTEM_LIBRARIES.values()) <= words
    assert "fonts-dejavu-core" in words


@pytest.mark.parametrize(
    ("is_checkout", "command"), [(True, "pip install -e '.[gui]'"), (False, "pip install 'npm-studio[gui]'")]
)
def test_a_missing_package_is_installed_as_this_program_was(
    monkeypatch: pytest.MonkeyPatch, is_checkout: bool, command: str
) -> None:
    monkeypatch.setattr(machine, "is_checkout", lambda: is_checkout)
    assert machine.problems({"pyvistaqt": None}, "OpenGL")["Python package pyvistaqt"] == command


@pytest.mark.parametrize(
    ("is_checkout", "cure"), [(True, "fetch the missing files"), (False, "install the wheel again")]
)
def test_doctor_misses_the_built_in_model_and_sequence(
    monkeypatch: pytest.MonkeyPatch, is_checkout: bool, cure: str
) -> None:
    monkeypatch.setattr(machine, "demo_model", lambda: Path("/nowhere/anny-compact.npm"))
    monkeypatch.setattr(machine, "is_checkout", lambda: is_checkout)
    assert machine.problems({}, "OpenGL")["built-in anny-compact.npm"] == cure
