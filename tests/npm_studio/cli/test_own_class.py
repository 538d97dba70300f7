"""A class of one's own from a folder of meshes to a model, as a newcomer types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.spatial import cKDTree

from engine.dataset.registered import load_registered_dataset
from engine.geometry.mesh import load_mesh
from engine.models.checkpoint import load_model
from tests.support.fish import write_fish
from tests.support.own_class import CENTIMETRES, FEW, done, told, train

NAMES = [f"fish_{number}" for number in range(8)]


@pytest.mark.slow
def test_an_own_class_goes_the_whole_way(in_little: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, data, model, larger = (tmp_path / name for name in ("source", "fish", "fish.npm", "more.npm"))
    for name in NAMES[:7]:
        write_fish(source, name)
    words = ("dataset", "meshes", source, data, *CENTIMETRES, "--class", "fish")
    done(capsys, *words)
    assert "+y up, +z in front (files: cm, Z up)" in done(capsys, "dataset", "info", data)[0]
    assert "clean (7 identities, 14 sequences, 70 frames" in done(capsys, "dataset", "verify", data)[0]
    done(capsys, "prepare", data, *FEW)
    done(capsys, *train(tmp_path, data, model))
    before = load_registered_dataset(data).similarity

    write_fish(source, NAMES[7], 0.95)
    assert "fish_7 added" in done(capsys, *words)[1]
    assert load_registered_dataset(data).similarity == before
    assert "clean (8 identities, 16 sequences, 80 frames" in done(capsys, "dataset", "verify", data)[0]
    assert "pools of 1 identities written, 7 were there already" in done(capsys, "prepare", data, *FEW)[1]
    _, err = done(capsys, *train(tmp_path, data, larger, "--from", model, "--validation", data))
    assert "7 of 8 identities are known to it" in err
    assert "times that of training" in err
    assert load_model(larger).info.name == "more"

    figures = rendered_and_fitted(capsys, source, data, larger, "fish_7")
    assert figures["correspondence_mm"] < 20
    assert distance_in_centimetres(capsys, larger, source, "fish_7") < 0.02 * 60


@pytest.mark.slow
@pytest.mark.parametrize("length_cm", [14.0, 2500.0])
def test_a_class_of_small_and_of_large_subjects_goes_the_whole_way(
    length_cm: float, in_little: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, data, model = (tmp_path / name for name in ("source", "fish", "fish.npm"))
    for name in NAMES[:3]:
        write_fish(source, name, length_cm=length_cm)
    done(capsys, "dataset", "meshes", source, data, *CENTIMETRES, "--class", "fish")
    assert "clean" in done(capsys, "dataset", "verify", data)[0]
    done(capsys, "prepare", data, *FEW)
    done(capsys, *train(tmp_path, data, model))
    figures = rendered_and_fitted(capsys, source, data, model, "fish_1")
    assert figures["correspondence_mm"] < 0.04 * 10 * length_cm
    assert distance_in_centimetres(capsys, model, source, "fish_1") < 0.02 * length_cm


def rendered_and_fitted(
    capsys: pytest.CaptureFixture[str], source: Path, data: Path, model: Path, name: str
) -> dict[str, Any]:
    """Render ``name``, fit ``model`` to what is seen, and compare with the truth and with the files as they are."""
    recording, run = data.parent / "recording" / "view_1", data.parent / "run"  # seen from the side
    words = ("dataset", "render", data, recording.parent, "--identity", name, "--views", "4", "--device", "cpu")
    done(capsys, *words)
    out, err = done(
        *(capsys, "fit", recording, "--model", model, "--out", run, "--device", "cpu", "--steps", "25", "--json")
    )
    assert "verdict: good" in err
    assert len(json.loads(out.splitlines()[-1])) > 3
    out, err = done(capsys, "evaluate", run, "--truth", recording / "truth", "--json")
    assert "frames have failed" in err
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert figures["iou"] > 0.6
    out, err = done(capsys, "evaluate", run, "--truth", source / name / "cruise", "--json")
    assert "taken in cm by their size, z up by where they lie" in err
    of_files = json.loads(out.splitlines()[-1])
    assert of_files["accuracy_mm"] == pytest.approx(figures["accuracy_mm"], rel=0.05)
    assert of_files["epe_mm"] == pytest.approx(figures["epe_mm"], rel=0.1)
    return figures


def distance_in_centimetres(capsys: pytest.CaptureFixture[str], model: Path, source: Path, name: str) -> float:
    """Mean distance of the file's canonical mesh from what ``model`` has learned of it, in the file's unit and axes."""
    out = model.parent / "back.ply"
    words = ("reconstruct", "--model", model, "--identity", name, "--unit", "source", "--out", out)
    done(capsys, *words, "--resolution", "64", "--device", "cpu")
    back, there = load_mesh(out), load_mesh(source / name / "canonical.ply")
    return float(cKDTree(back.vertices).query(there.vertices)[0].mean())


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
