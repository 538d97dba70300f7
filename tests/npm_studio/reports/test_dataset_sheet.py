"""Contact sheets of datasets, through the pictures and through `npm-studio dataset show`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import Cancelled, InputError
from engine.dataset.preparation.sdf_pools import prepare_pools
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from npm_studio.cli.main import main
from npm_studio.reports.pictures import dataset_sheet as sheets
from npm_studio.reports.pictures.dataset_sheet import dataset_sheet, position_colours, stack
from npm_studio.reports.pictures.renderer import OffscreenRenderer
from tests.support.ellipsoids import write_ellipsoids
from tests.support.progress import Impatient

TILE = (90, 120)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_TILE", TILE)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids"))
    prepare_pools(dataset, counts=(2000, 60_000, 100))
    return dataset


def share(picture: np.ndarray, colour: str) -> float:
    """Share of the pixels that are close to ``colour``."""
    wanted = [int(colour[index : index + 2], 16) for index in (1, 3, 5)]
    return float((np.abs(picture.astype(int) - wanted).max(axis=2) < 25).mean())


def test_every_kind_of_sheet_has_a_tile_for_each_thing_shown(dataset: RegisteredDataset) -> None:
    sizes = {kind: dataset_sheet(dataset, kind).shape for kind in sheets.TITLES}
    tile = TILE[1] + 44  # with its caption
    assert sizes["canonical"][0] < 2 * tile < sizes["poses"][0]  # one row, one row per identity
    assert sizes["poses"][0] > 3 * tile
    assert sizes["poses"][1] >= 6 * TILE[0]
    assert sizes["flow"][0] > 3 * tile


def test_fewer_identities_make_a_smaller_sheet(dataset: RegisteredDataset) -> None:
    assert dataset_sheet(dataset, "poses", 1).shape[0] < dataset_sheet(dataset, "poses", 2).shape[0]


def test_samples_inside_and_outside_have_their_colours_where_they_are(dataset: RegisteredDataset) -> None:
    with OffscreenRenderer(600, 600) as renderer:
        extent = np.array([[-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]], np.float32)
        (tile,) = sheets._samples_tiles(renderer, dataset, 1, extent)
    middle, beside = tile[255:345, 276:324], tile[180:420, 45:180]
    assert share(middle, sheets.INSIDE) > 0.02
    assert share(middle, sheets.OUTSIDE) == 0
    assert share(beside, sheets.OUTSIDE) > 0.02
    assert share(beside, sheets.INSIDE) == 0


@pytest.mark.parametrize("count", [1, 20_000])
def test_samples_of_a_mesh_away_from_the_middle_of_the_cube_are_shown(tmp_path: Path, count: int) -> None:
    root = write_ellipsoids(tmp_path / "ellipsoids")
    for path in root.glob("*/canonical.npy"):
        np.save(path, 0.5 * np.load(path) + np.array([0, 0, 0.3], np.float32))
    dataset = load_registered_dataset(root)
    prepare_pools(dataset, counts=(count, 1, 1))
    extent = dataset.canonical(1)
    with OffscreenRenderer(300, 300) as renderer:
        (tile,) = sheets._samples_tiles(renderer, dataset, 1, extent)
    assert (share(tile, sheets.INSIDE) > 0.01) == (count > 1)


def test_colours_follow_the_canonical_position() -> None:
    colours = position_colours(np.array([[-1, 0, 5], [1, 0, 5], [1, 2, 7]], np.float32)).astype(int)
    assert colours[1, 0] > colours[0, 0] + 150
    assert (colours[1, 1:] == colours[0, 1:]).all()
    assert (colours[2, 1:] > colours[1, 1:] + 150).all()


def test_stacked_pictures_of_different_widths_are_padded_with_white() -> None:
    sheet = stack([np.zeros((10, 30, 3), np.uint8), np.zeros((5, 10, 3), np.uint8)], gap=4)
    assert sheet.shape == (10 + 5 + 3 * 4, 30 + 2 * 4, 3)
    assert (sheet[20, 20:] == 255).all() and not sheet[20, 4:14].any()


def test_a_long_name_is_shortened_in_its_middle() -> None:
    shown = sheets._shortened("a_very_long_name_of_a_sequence/000123", 150, 20)
    assert shown.startswith("a_very") and shown.endswith("0123") and "…" in shown
    assert sheets._shortened("short", 150, 20) == "short"


def test_a_mesh_with_numbers_that_are_not_finite_is_named(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "broken", identities=1)
    vertices = np.load(root / "ellipsoid_000" / "bend_0.npy")
    vertices[0, 3] = np.nan
    np.save(root / "ellipsoid_000" / "bend_0.npy", vertices)
    broken = load_registered_dataset(root)
    dataset_sheet(broken, "canonical")
    with pytest.raises(InputError, match="ellipsoid_000: bend_0/000000 has vertices that are not finite"):
        dataset_sheet(broken, "poses")


def test_a_sheet_can_be_cancelled(dataset: RegisteredDataset) -> None:
    with pytest.raises(Cancelled):
        dataset_sheet(dataset, "canonical", progress=Impatient())


# the command


def show(*arguments: object) -> int:
    return main(["dataset", "show", *map(str, arguments)])


def test_one_picture_shows_everything(
    dataset: RegisteredDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    assert show(dataset.root, "--out", out, "--identities", 1, "--json") == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert results == {"files": [str(out)], "kinds": ["canonical", "poses", "samples", "flow"]}
    with Image.open(out) as image:
        assert image.height > 4 * TILE[1]


def test_a_folder_gets_one_picture_per_kind_and_samples_only_when_there_are_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_ellipsoids(tmp_path / "data", identities=1)
    assert show(root, "--out", tmp_path / "sheets") == 0
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["canonical.png", "flow.png", "poses.png"]
    assert "run `npm-studio prepare" in capsys.readouterr().err


def test_samples_that_were_asked_for_and_are_not_there_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_ellipsoids(tmp_path / "data", identities=1)
    assert show(root, "--out", tmp_path / "sheet.png", "--kind", "samples") == 2
    assert "run `npm-studio prepare" in capsys.readouterr().err
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(("name", "problem"), [("sheet.jpg", "unknown ending"), ("folder.png", "is a folder")])
def test_an_output_that_cannot_be_written_is_refused_first(
    dataset: RegisteredDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, problem: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    assert show(dataset.root, "--out", tmp_path / name) == 2
    assert problem in capsys.readouterr().err
