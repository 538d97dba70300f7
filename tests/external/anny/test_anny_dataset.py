"""Registered datasets of Anny bodies: what is written, that it is repeatable, and that bad requests are refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.dataset.registered import load_registered_dataset
from external.anny.generate import SIMILARITY, generate_dataset
from external.anny.motions import TEST_FAMILIES, TRAINING_FAMILIES
from npm_studio.cli.main import main
from tests.support.progress import Impatient


def digest(folder: Path) -> dict[str, str]:
    """Hash of every file below ``folder`` by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("anny") / "bodies"
    generate_dataset(out, identities=2, sequences=2, frames=5, seed=11, workers=1)
    return out


def test_a_dataset_opens_with_the_counts_that_were_asked_for(dataset: Path) -> None:
    loaded = load_registered_dataset(dataset)
    assert (len(loaded.identities), len(loaded.labels)) == (2, 2 * 2 * 5)
    assert loaded.category == "human bodies" and loaded.licence == "CC0-1.0" and loaded.similarity == SIMILARITY
    assert loaded.frame_rate == 2.5  # five frames span two seconds
    for identity in range(2):
        assert loaded.canonical(identity).shape == (12_182, 3)
        for name in loaded.sequences_of(identity):
            assert name.split("_", 1)[1] in TRAINING_FAMILIES
            sequence = loaded.sequence(identity, name)
            assert sequence.shape == (5, 12_182, 3) and sequence.dtype == np.float16


def test_labels_follow_the_published_schema(dataset: Path) -> None:
    keys = {"dataset", "identity_id", "identity_name", "animation_name", "sample_id"}
    tposes = json.loads((dataset / "labels_tpose.json").read_text())
    labels = json.loads((dataset / "labels.json").read_text())
    assert [entry["identity_id"] for entry in tposes] == [0, 1]
    assert all(entry["animation_name"] == "a_t_pose" for entry in tposes)
    for entry in tposes + labels:
        assert keys <= set(entry)
        assert (dataset / entry["identity_name"]).is_dir()
    assert labels[0]["sample_id"] == "000000" and labels[4]["sample_id"] == "000004"


def test_bodies_stay_in_the_cube_with_their_root_in_place(dataset: Path) -> None:
    loaded = load_registered_dataset(dataset)
    for identity in range(2):
        canonical = loaded.canonical(identity)
        # The crotch moves least of all when the root is fixed; a walking body would travel far more than this.
        groin = np.linalg.norm(canonical - np.array([0.0, -0.06, 0.0]), axis=1).argmin()
        for name in loaded.sequences_of(identity):
            sequence = np.asarray(loaded.sequence(identity, name), np.float32)
            assert np.abs(sequence).max() < 0.5
            assert np.linalg.norm(sequence[:, groin] - [0.0, -0.05, 0.0], axis=1).max() < 0.08


def test_the_same_seed_gives_the_same_bytes_however_many_processes_work(dataset: Path, tmp_path: Path) -> None:
    generate_dataset(tmp_path / "again", identities=2, sequences=2, frames=5, seed=11, workers=2)
    assert digest(tmp_path / "again") == digest(dataset)


def test_another_seed_gives_other_bodies_and_other_motions(dataset: Path, tmp_path: Path) -> None:
    generate_dataset(tmp_path / "other", identities=2, sequences=1, frames=5, seed=12, workers=1)
    ours, other = load_registered_dataset(dataset), load_registered_dataset(tmp_path / "other")
    for a in range(2):
        for b in range(2):
            assert not np.allclose(ours.canonical(a), other.canonical(b), atol=1e-3)
    assert not np.allclose(ours.canonical(0), ours.canonical(1), atol=1e-3)


def test_a_dataset_can_be_restricted_to_held_out_motions(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "test", 1, 3, 4, seed=5, families=tuple(TEST_FAMILIES), workers=1)
    loaded = load_registered_dataset(tmp_path / "test")
    assert {name.split("_", 1)[1] for name in loaded.sequences_of(0)} <= set(TEST_FAMILIES)


def test_frames_span_the_clip_however_many_they_are(tmp_path: Path) -> None:
    travelled = []
    for frames in (3, 12):
        generate_dataset(tmp_path / str(frames), 1, 1, frames, seed=2, families=("jumping_jack",), workers=1)
        loaded = load_registered_dataset(tmp_path / str(frames))
        sequence = np.asarray(loaded.sequence(0, loaded.sequences_of(0)[0]), np.float32)
        travelled.append(np.ptp(sequence, axis=0).max())
        assert loaded.frame_rate == frames / 2.0
    assert min(travelled) > 0.15


@pytest.mark.parametrize(
    ("counts", "word"),
    [((0, 1, 1, 0), "identities"), ((1, 0, 1, 0), "sequences"), ((1, 1, -3, 0), "frames"), ((1, 1, 1, -1), "seed")],
)
def test_counts_that_make_no_sense_are_refused(counts: tuple[int, int, int, int], word: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=word):
        generate_dataset(tmp_path / "x", *counts)
    assert not (tmp_path / "x").exists()


def test_an_unknown_family_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"moonwalk.*jumping_jack"):
        generate_dataset(tmp_path / "x", 1, 1, 1, 0, families=("moonwalk",))


def test_a_folder_that_is_not_a_dataset_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    assert main(["dataset", "anny", str(tmp_path / "thesis"), "--identities", "1"]) == 2
    assert "thesis" in capsys.readouterr().err
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_a_cancelled_dataset_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        generate_dataset(tmp_path / "x", 1, 1, 2, 0, progress=Impatient(), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_dataset_and_reports_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--identities", "1", "--sequences", "1", "--frames", "2", "--seed", "1", "--json"]
    assert main(["dataset", "anny", str(tmp_path / "d"), *arguments]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert results["frames"] == 2
    assert len(load_registered_dataset(tmp_path / "d").labels) == 2
