"""`npm-studio split` as a user runs it."""

import json
from pathlib import Path

import pytest

from engine.dataset.registered import load_registered_dataset
from engine.models.checkpoint import save_model
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids
from tests.support.toy_model import toy_model

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_ellipsoids(tmp_path / "data", identities=3, sequences=2, frames=4)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, object]:
    """The results of a command that must succeed."""
    capsys.readouterr()
    assert main(["split", *map(str, words), "--json"]) == 0, capsys.readouterr().err
    results: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return results


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["split", *map(str, words)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("npm-studio:")]
    assert len(lines) == 1
    return lines[0]


def test_each_action_writes_a_split_that_opens(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = run(capsys, "make", data, tmp_path / "a", "--exclude", "ellipsoid_001", "--sequences", "*_1")
    assert (made["identities"], made["frames"]) == (2, 8)
    assert run(capsys, "subsample", data, tmp_path / "b", "--frames", 7, "--seed", 2)["frames"] == 9
    merged = run(capsys, "merge", tmp_path / "a", tmp_path / "b", data, tmp_path / "c")
    assert (merged["identities"], merged["frames"]) == (3, 24)
    held = run(capsys, "hold-out", data, tmp_path / "d", "--identities", 1, "--motions", "bend_1")
    assert held["splits"] == {
        "train": {"identities": 2, "frames": 8},
        "test_identities": {"identities": 1, "frames": 4},
        "test_motions": {"identities": 2, "frames": 8},
        "test_both": {"identities": 1, "frames": 4},
    }
    run(capsys, "hold-out", data, tmp_path / "d", "--identities", "ellipsoid_002,ellipsoid_000")
    assert load_registered_dataset(tmp_path / "d" / "train").identities == ("ellipsoid_001",)
    assert not (tmp_path / "d" / "test_motions").exists()
    run(capsys, "encoder", data, tmp_path / "e", "--validation", 0.3)
    assert len(load_registered_dataset(tmp_path / "e" / "train").identities) == 2
    assert len(load_registered_dataset(tmp_path / "e" / "validation").identities) == 1


def test_wrong_requests_are_one_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "bob" in refusal(capsys, "make", data, tmp_path / "a", "--identities", "bob")
    assert "nowhere" in refusal(capsys, "make", tmp_path / "nowhere", tmp_path / "a")
    assert "--frames" in refusal(capsys, "subsample", data, tmp_path / "a", "--frames", 0)
    assert "--validation" in refusal(capsys, "encoder", data, tmp_path / "a", "--validation", "nan")
    assert "not allowed with" in refusal(capsys, "make", data, tmp_path / "a", "--identities", "x", "--exclude", "y")
    assert "data" in refusal(capsys, "make", data, data)
    assert not (tmp_path / "a").exists()


def test_the_rows_of_a_model_are_printed_and_written_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = toy_model()
    save_model(model, tmp_path / "toy.npm")
    names = model.info.identities
    data = write_ellipsoids(tmp_path / "data", identities=2)
    for file in ("labels.json", "labels_tpose.json"):  # the model's first two, the other way round
        text = (data / file).read_text()
        text = text.replace("ellipsoid_000", names[1]).replace("ellipsoid_001", names[0])
        (data / file).write_text(text.replace('"ellipsoids"', f'"{(*model.info.identity_datasets, "ellipsoids")[0]}"'))
    out = tmp_path / "train_to_augmented.json"
    results = run(capsys, "map", data, "--model", tmp_path / "toy.npm", "--out", out)
    assert results == {"train_to_augmented": {"0": 1, "1": 0}} == {"train_to_augmented": json.loads(out.read_text())}
    assert main(["split", "map", str(data), "--model", str(tmp_path / "toy.npm")]) == 0
    assert json.loads(capsys.readouterr().out) == {"0": 1, "1": 0}
    text = (data / "labels_tpose.json").read_text()
    (data / "labels_tpose.json").write_text(text.replace(names[0], "stranger"))
    assert "stranger" in refusal(capsys, "map", data, "--model", tmp_path / "toy.npm")
