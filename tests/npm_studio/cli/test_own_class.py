"""A class of one's own from a folder of meshes to a model, as a newcomer types it, and the ways to do it wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.dataset.registered import load_registered_dataset
from engine.models.checkpoint import load_model
from npm_studio.cli.main import main
from tests.support.fish import write_fish

NAMES = [f"fish_{number}" for number in range(8)]
FEW = ["--near", "4000", "--uniform", "2000", "--surface", "1000"]
TINY = [
    *("--shape.schedule.steps", "80", "--pose.schedule.steps", "60"),
    *("--shape.decoder.width", "64", "--pose.decoder.width", "64"),
    *("--shape.points_per_identity", "512", "--pose.points_per_frame", "128", "--validation.every", "1000"),
]


def train(data: Path, out: Path, *more: str) -> list[str]:
    words = ["train", "all", "--config", "own/small", "--data", str(data), "--out", str(out), "--device", "cpu"]
    return [*words, *TINY, *more]


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, output and messages of a command."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "log" not in path.name}


@pytest.mark.slow
def test_an_own_class_goes_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, data, model = tmp_path / "source", tmp_path / "fish", tmp_path / "fish.npm"
    for name in NAMES[:7]:
        write_fish(source, name)
    words: tuple[object, ...] = ("dataset", "meshes", source, data, "--unit", "cm", "--up", "z", "--class", "fish")
    assert told(capsys, *words)[0] == 0
    before = load_registered_dataset(data).similarity
    _, out, _ = told(capsys, "dataset", "info", data)
    assert "+y up, +z in front (files: cm, Z up)" in out
    assert told(capsys, "dataset", "verify", data)[0] == 0
    assert told(capsys, "prepare", data, *FEW)[0] == 0
    assert told(capsys, *train(data, model))[0] == 0

    write_fish(source, NAMES[7], 1.02)  # one more, a little larger
    code, _, err = told(capsys, *words)
    assert (code, "fish_7 added" in err) == (0, True)
    assert load_registered_dataset(data).similarity == before
    assert told(capsys, "dataset", "verify", data)[0] in (0, 2)  # 2: it leaves the cube, and nothing else is wrong
    shutil.rmtree(source / NAMES[7])
    write_fish(source, NAMES[7], 0.95)
    assert told(capsys, *words)[0] == 0
    assert told(capsys, "dataset", "verify", data)[0] == 0

    states = files(tmp_path / "fish.training")
    code, _, err = told(capsys, *train(data, model, "--resume"))
    assert code == 2
    assert "7 identities in 70 frames, not 8 in 80" in err
    assert told(capsys, *train(data, model))[0] == 2
    assert files(tmp_path / "fish.training") == states
    assert told(capsys, "prepare", data, *FEW)[0] == 0
    larger = tmp_path / "more.npm"
    code, _, err = told(capsys, *train(data, larger, "--from", str(model), "--validation", str(data)))
    assert code == 0
    assert "7 of 8 identities are known to it" in err
    assert "times that of training" in err
    assert load_model(larger).info.name == "more"

    recording, run = tmp_path / "recording", tmp_path / "run"
    assert told(capsys, "dataset", "render", data, recording, "--identity", "fish_3", "--device", "cpu")[0] == 0
    words = ("fit", recording, "--model", larger, "--out", run, "--device", "cpu", "--iterations", "15")
    assert told(capsys, *words)[0] == 0
    code, _, err = told(capsys, "evaluate", run, "--truth", recording / "truth")
    assert code == 0
    assert "frames have failed" in err

    mesh = tmp_path / "back.ply"
    words = ("reconstruct", "--model", larger, "--identity", "fish_3", "--unit", "source", "--out", mesh)
    assert told(capsys, *words, "--resolution", "64", "--device", "cpu")[0] == 0
    back, there = trimesh.load(mesh), trimesh.load(source / "fish_3" / "canonical.ply")
    assert np.abs(back.bounds - there.bounds).max() < 6  # of 62 centimetres: a network that has seen next to nothing


@pytest.mark.parametrize("length_cm", [14.0, 2500.0])
def test_small_and_large_subjects_are_rendered_and_read_again(
    length_cm: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fish(tmp_path / "s", "a", length_cm=length_cm)
    data, recording = tmp_path / "d", tmp_path / "r"
    assert told(capsys, "dataset", "meshes", tmp_path / "s", data, "--unit", "cm", "--up", "z")[0] == 0
    assert told(capsys, "dataset", "render", data, recording, "--device", "cpu")[0] == 0
    assert told(capsys, "capture", "info", recording)[0] == 0
    assert (
        json.loads((recording / "intrinsics.json").read_text())["depth_scale"] == {14.0: 10_000, 2500.0: 100}[length_cm]
    )


def test_a_split_names_whom_it_holds_out_and_keeps_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES[:4]:
        write_fish(tmp_path / "s", name)
    data, parts = tmp_path / "d", tmp_path / "p"
    assert told(capsys, "dataset", "meshes", tmp_path / "s", data, "--unit", "cm", "--up", "z")[0] == 0
    code, _, err = told(capsys, "split", "hold-out", data, parts, "--identities", "1", "--seed", "3")
    assert code == 0
    kept = set(load_registered_dataset(parts / "train").identities)
    (gone,) = set(NAMES[:4]) - kept
    assert f"held out: {gone}" in err
    _, out, _ = told(capsys, "dataset", "info", parts / "train")
    assert "(files: cm, Z up)" in out


def test_a_dataset_is_normalised_like_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, name, size in (("one", "a", 1.0), ("two", "b", 0.8)):
        write_fish(tmp_path / folder, name, size)
        words = ("dataset", "meshes", tmp_path / folder, tmp_path / f"{folder}_data", "--unit", "cm", "--up", "z")
        assert told(capsys, *words)[0] == 0
    first, second, alike = tmp_path / "one_data", tmp_path / "two_data", tmp_path / "alike"
    _, _, err = told(capsys, "split", "merge", first, second, tmp_path / "both")
    assert f"npm-studio dataset normalise` with --normalise {first}" in err
    assert told(capsys, "dataset", "normalise", second, alike, "--normalise", first)[0] == 0
    assert load_registered_dataset(alike).similarity == load_registered_dataset(first).similarity
    _, _, err = told(capsys, "split", "merge", first, alike, tmp_path / "both")
    assert "normalisations differ" not in err
