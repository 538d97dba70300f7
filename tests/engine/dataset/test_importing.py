"""From meshes in metres to a registered dataset, and its normalisation."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.dataset.importing import import_dataset
from engine.dataset.normalisation import PRESETS, Normalisation, bounds, fit_cube, parse_normalisation
from engine.dataset.registered import load_registered_dataset
from engine.dataset.renormalised import DatasetInMetres
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids
from tests.support.progress import Listener

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])


class Tetrahedra:
    """Two tetrahedra, of one and of three metres, that walk away from the origin."""

    name, category, licence, frame_rate = "tetrahedra", "tetrahedra", "CC0-1.0", 25.0
    identities = ("small", "large")

    def __init__(self) -> None:
        self.recipe = {"made": "by hand"}
        self.reads: list[str] = []
        self.damage: dict[str, np.ndarray] = {}

    def faces(self, identity: str) -> np.ndarray:
        return TETRAHEDRON

    def canonical(self, identity: str) -> np.ndarray:
        return CORNERS * (1.0 if identity == "small" else 3.0)

    def sequences(self, identity: str) -> list[str]:
        return ["walk", "run"]

    def frames(self, identity: str, sequence: str) -> np.ndarray:
        self.reads.append(f"{identity}/{sequence}")
        if f"{identity}/{sequence}" in self.damage:
            return self.damage[f"{identity}/{sequence}"]
        steps = np.arange(3)[:, None, None] * (0.1 if sequence == "walk" else 0.2)
        return self.canonical(identity) + steps


def metres(root: Path, identity: int, sequence: str) -> np.ndarray:
    dataset = load_registered_dataset(root)
    return dataset.similarity_of(identity).to_world(dataset.sequence(identity, sequence))


@pytest.mark.parametrize("how", ["bounds", "subject", "0.1,0,0,0", "cape"])
def test_an_imported_dataset_gives_the_metres_back(tmp_path: Path, how: str) -> None:
    summary = import_dataset(Tetrahedra(), tmp_path / "d", parse_normalisation(how))
    assert (summary.identities, summary.sequences, summary.frames, summary.kept) == (2, 4, 12, 0)
    for identity, name in enumerate(("small", "large")):
        for sequence in ("walk", "run"):
            expected = Tetrahedra().frames(name, sequence)
            assert np.abs(metres(tmp_path / "d", identity, sequence) - expected).max() < 3e-3  # float16


def test_bounds_put_everything_into_the_cube_with_one_similarity(tmp_path: Path) -> None:
    summary = import_dataset(Tetrahedra(), tmp_path / "d", Normalisation("bounds"))
    dataset = load_registered_dataset(tmp_path / "d")
    assert dataset.similarity_of(0) == dataset.similarity_of(1)
    assert 0.49 < summary.largest_coordinate <= 0.5


def test_subjects_can_each_fill_the_cube(tmp_path: Path) -> None:
    import_dataset(Tetrahedra(), tmp_path / "d", Normalisation("subject"))
    dataset = load_registered_dataset(tmp_path / "d")
    assert dataset.similarity_of(0).scale > 2 * dataset.similarity_of(1).scale
    for identity in (0, 1):
        assert 0.47 < np.abs(dataset.sequence(identity, "run")).max() <= 0.5


def test_the_cube_of_a_box_has_the_published_margin() -> None:
    similarity = fit_cube(*bounds([CORNERS * 2.0, CORNERS - 1.0]))
    assert similarity.scale == pytest.approx(1 / 3.02)
    assert similarity.centre == pytest.approx((0.5, 0.5, 0.5))


def test_what_leaves_the_cube_is_said_with_the_factor(tmp_path: Path) -> None:
    progress = Listener()
    import_dataset(Tetrahedra(), tmp_path / "d", parse_normalisation("0.5,0,0,0"), progress)
    assert any("leaves the cube" in line and "factor of 3.4" in line for line in progress.messages)


def test_presets_are_the_published_constants() -> None:
    assert parse_normalisation("cape").similarity.scale == 0.4
    assert parse_normalisation("mano").similarity == PRESETS["mano"]
    assert PRESETS["mano"].scale == 0.75


@pytest.mark.parametrize("text", ["cap", "1,2", "0,0,0,0", "nan,0,0,0", "-1,0,0,0", ""])
def test_a_normalisation_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the normalisation"):
        parse_normalisation(text)


def test_an_interrupted_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        import_dataset(Tetrahedra(), tmp_path / "d", parse_normalisation("0.1,0,0,0"), Listener(stop_after=2))
    assert not (tmp_path / "d" / "dataset.json").exists()
    raw = Tetrahedra()
    summary = import_dataset(raw, tmp_path / "d", parse_normalisation("0.1,0,0,0"))
    assert summary.kept == 2
    assert raw.reads == ["large/walk", "large/run"]
    assert len(load_registered_dataset(tmp_path / "d").labels) == 12


def test_other_options_do_not_mix_with_an_import_that_is_there(tmp_path: Path) -> None:
    import_dataset(Tetrahedra(), tmp_path / "d", parse_normalisation("0.1,0,0,0"))
    with pytest.raises(InputError, match="other options"):
        import_dataset(Tetrahedra(), tmp_path / "d", Normalisation("bounds"))


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match="was not written by this import"):
        import_dataset(Tetrahedra(), tmp_path / "d", Normalisation("bounds"))
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (np.zeros((2, 5, 3)), "has 5 vertices, its canonical mesh has 4"),
        (np.full((2, 4, 3), np.nan), "has coordinates that are not finite"),
        (np.zeros((0, 4, 3)), "is empty"),
    ],
)
@pytest.mark.parametrize("how", ["0.1,0,0,0", "bounds", "subject"])
def test_frames_that_do_not_fit_are_refused_by_name(tmp_path: Path, frames: np.ndarray, problem: str, how: str) -> None:
    raw = Tetrahedra()
    raw.damage["large/run"] = frames
    with pytest.raises(InputError, match=f"tetrahedra: large/run: {problem}"):
        import_dataset(raw, tmp_path / "d", parse_normalisation(how))


@pytest.mark.parametrize("how", ["bounds", "subject", "0.3,0,0.1,0"])
def test_normalising_twice_changes_nothing(tmp_path: Path, how: str) -> None:
    source = write_ellipsoids(tmp_path / "source")
    before = {p: p.read_bytes() for p in source.rglob("*") if p.is_file()}
    normalisation = parse_normalisation(how)
    import_dataset(DatasetInMetres(load_registered_dataset(source)), tmp_path / "once", normalisation)
    once = DatasetInMetres(load_registered_dataset(tmp_path / "once"))
    import_dataset(once, tmp_path / "twice", normalisation, known=once.similarities_if(normalisation.by))
    arrays = sorted((tmp_path / "once").rglob("*.npy"))
    assert len(arrays) > 6
    for path in arrays:
        twin = tmp_path / "twice" / path.relative_to(tmp_path / "once")
        np.testing.assert_array_equal(np.load(path), np.load(twin))
    assert before == {p: p.read_bytes() for p in source.rglob("*") if p.is_file()}


def test_a_dataset_is_not_normalised_into_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_ellipsoids(tmp_path / "source")
    assert main(["dataset", "normalise", str(source), str(source / "inner"), "--normalise", "bounds"]) == 2
    assert "lies in the dataset" in capsys.readouterr().err
    assert not (source / "inner").exists()
