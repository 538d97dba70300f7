"""What is copied does again, without a window, what was on show."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.geometry.mesh import load_mesh
from npm_studio.cli.main import main
from npm_studio.session import scripts
from npm_studio.session.document.document import Document
from npm_studio.session.model import open_model
from npm_studio.session.scripts import script_of
from tests.support.present import present


@pytest.fixture
def document(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    """The toy model in Explore; what is done again is done in an empty folder, on a coarse grid."""
    monkeypatch.setattr(scripts, "RESOLUTION", 24)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    document = Document()
    document.set_model(toy_folder, open_model(toy_folder))
    return document


def same(one: str, other: str) -> bool:
    a, b = (load_mesh(Path(name)).vertices for name in (one, other))
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-4))


@pytest.mark.parametrize("own", [False, True])
def test_the_body_on_show_comes_out_of_the_command_and_of_python(document: Document, own: bool) -> None:
    if own:
        explorer = present(document.explorer)
        moved = explorer.moved(document.state.explore, "shape", 0, 0.5)
        document.change("Shape 1", replace(document.state, explore=moved))
    twin = present(script_of(document))
    assert ("--codes" in twin.command_line) is own
    assert main(shlex.split(twin.command_line)[1:]) == 0
    Path("body.ply").rename("of-command.ply")
    exec(twin.python, {})
    assert same("of-command.ply", "body.ply")


def test_an_interpolation_and_a_transfer_come_out_of_python(document: Document) -> None:
    document.show_workspace("interpolate")
    short = replace(document.state.interpolate.keys[-1], time_s=0.1)
    keys = (document.state.interpolate.keys[0], short)
    document.follow(replace(document.state, interpolate=replace(document.state.interpolate, keys=keys)))
    exec(present(script_of(document)).python, {})
    assert len(list(Path().glob("between-*.ply"))) == 4
    assert not same("between-000.ply", "between-003.ply")
    document.show_workspace("transfer")
    exec(present(script_of(document)).python, {})
    assert len(list(Path().glob("body-*.ply"))) == len(document.state.transfer.bodies)


def test_nothing_on_show_has_no_twin() -> None:
    assert script_of(Document()) is None
