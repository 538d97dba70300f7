"""`dataset meshes` where nobody says which mesh is canonical: the guess is shown."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import InputError
from npm_studio.cli.main import main
from npm_studio.reports.pictures import renderer
from tests.support.fish import write_fish


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_fish(tmp_path / "source", name)
    return tmp_path / "source"


def imported(source: Path, out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[dict[str, object], str]:
    assert main(["dataset", "meshes", str(source), str(out), "--unit", "cm", "--up", "z", "--json", *more]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out.splitlines()[-1]), captured.err


@pytest.mark.slow
def test_a_guess_is_shown_in_a_picture_beside_the_dataset(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "a" / "canonical.ply").unlink()
    results, said = imported(source, tmp_path / "fish", capsys)
    picture = tmp_path / "fish.canonical.png"
    assert results["canonical_picture"] == str(picture)
    assert f"{picture} shows the canonical meshes that were guessed; look whether all are in one pose" in said
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"), np.int64)
    assert pixels.shape[1] > 2 * 290  # a tile for each of the two, the guessed one and the other
    for tile in (pixels[80:400, 10:300], pixels[80:400, 310:600]):
        assert 0.02 < (np.ptp(tile, axis=2) > 8).mean() < 0.5  # clay on white
    assert not list((tmp_path / "fish").rglob("*.png"))


def test_without_graphics_the_import_is_whole_and_says_how_to_see_the_guess(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise InputError("graphics", "OpenGL cannot be used without a window here", "install it")

    monkeypatch.setattr(renderer, "require_offscreen_graphics", none)
    (source / "a" / "canonical.ply").unlink()
    results, said = imported(source, tmp_path / "my fish", capsys)
    assert results["canonical_picture"] is None
    assert "no picture of the guessed canonical meshes: graphics: OpenGL cannot be used" in said
    assert f"npm-studio dataset show '{tmp_path / 'my fish'}' --kind canonical --out 'my fish.canonical.png'" in said
    assert not list(tmp_path.glob("*.png"))
    assert main(["dataset", "verify", str(tmp_path / "my fish")]) == 0


def test_what_is_named_is_no_guess_and_has_no_picture(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "canonical_picture" not in imported(source, tmp_path / "named", capsys)[0]
    for name in ("a", "b"):
        (source / name / "canonical.ply").rename(source / name / "straight.ply")
    stated, said = imported(source, tmp_path / "stated", capsys, "--canonical", "straight.ply")
    assert "canonical_picture" not in stated
    assert "guessed" not in said
    assert not list(tmp_path.glob("*.png"))
