"""The public names."""

import ast
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine.geometry.mesh import load_mesh
from engine.models.checkpoint import save_model
from npm_studio import api
from tests.support.toy_model import toy_model


@pytest.mark.parametrize("name", api.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(api, name)), name


def test_what_is_found_when_asked_for_is_what_type_checkers_see() -> None:
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        str(alias.asname): node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == api._PLACES
    assert dir(api) == api.__all__ == sorted(seen)


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        api.nothing  # noqa: B018


def test_what_a_plug_in_declares_is_imported_without_torch() -> None:
    names = "Config, FitResult, InputError, Requirements, RecordingReader, Recording, PinholeCamera, CaptureOptions"
    code = f"import sys\nfrom npm_studio.api import {names}\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


def test_the_script_of_the_docstring_runs(depth_capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(toy_model(), tmp_path / "toy.npm")
    script = textwrap.dedent(str(api.__doc__).partition("::\n")[2].partition("\nA plug-in")[0])
    for text, here in (
        ('"anny-compact"', repr(str(tmp_path / "toy.npm"))),
        ('"walk.mkv"', repr(str(depth_capture))),
        ('"truth"', repr(str(depth_capture / "truth"))),
        ("truth).summary", "truth, samples=500, iou_points=500).summary"),
        (", 128)", ", 24)"),
        ("config_type()", "config_type(steps=2, resolution=24)"),
    ):
        assert text in script
        script = script.replace(text, here)
    monkeypatch.chdir(tmp_path)
    exec(script, {})
    assert not load_mesh(tmp_path / "body.ply").is_empty
    assert sorted(path.name for path in (tmp_path / "meshes").iterdir()) == ["000000.ply", "000001.ply", "000002.ply"]
