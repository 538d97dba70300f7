import json
from pathlib import Path

import numpy as np
import pytest

from engine.dataset.pools import load_pools
from engine.models.checkpoint import load_model
from external.datasets import open_dataset
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids
from tests.support.npms_tree import SPLIT, ball, write_binary_ply, write_tree

pytestmark = pytest.mark.usefixtures("no_pictures")

FEW = ["--near", "4000", "--uniform", "2000", "--surface", "1000"]
"""Samples that suffice to learn something."""


def train(preset: Path, stage: str, data: Path, out: Path) -> int:
    words = ["train", stage, "--config", str(preset), "--data", str(data), "--out", str(out), "--device", "cpu"]
    return main([*words, f"--{stage}.schedule.steps", "4"])


@pytest.mark.parametrize(
    "pools", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["with samples", "meshes alone"]
)
def test_a_processed_tree_is_prepared_and_trained_on(
    preset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], pools: bool
) -> None:
    tree = write_tree(tmp_path / "datasets", pools=pools, flow=False)
    before = sorted(tree.rglob("*"))
    out, model = tmp_path / "view", tmp_path / "balls.npm"
    assert main(["dataset", "npms", str(tree), str(out), "--split", SPLIT, "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert results["identities"] == 3 and results["frames"] == 18 and results["sources"] == ["balls", "beads"]
    assert main(["prepare", str(out), *FEW]) == 0
    assert train(preset, "shape", out, model) == 0
    assert train(preset, "pose", out, model) == 0
    trained = load_model(model)
    assert trained.has_pose and trained.info.identities == ("one", "two", "two") and len(trained.info.frames) == 18
    assert sorted(tree.rglob("*")) == before


def test_a_tree_without_meshes_is_prepared_and_trained_on(
    preset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = write_tree(tmp_path / "datasets", meshes=False)
    before = sorted(tree.rglob("*"))
    out, model = tmp_path / "view", tmp_path / "balls.npm"
    assert main(["dataset", "npms", str(tree), str(out), "--split", SPLIT]) == 0
    assert main(["dataset", "verify", str(out)]) == 0
    capsys.readouterr()
    assert main(["prepare", str(out), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["given"]) == 3
    assert train(preset, "shape", out, model) == 0
    assert train(preset, "pose", out, model) == 0
    trained = load_model(model)
    assert trained.has_pose and len(trained.info.frames) == 18
    assert sorted(tree.rglob("*")) == before


@pytest.mark.slow
def test_samples_are_taken_from_the_watertight_mesh_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = write_tree(tmp_path / "datasets", pools=False, flow=False)
    larger = ball(0.21, 20, 30)
    write_binary_ply(tree / "balls" / "one" / "a_t_pose" / "000000" / "mesh_watertight_poisson.ply", *larger)
    assert main(["dataset", "npms", str(tree), str(tmp_path / "view")]) == 0
    assert main(["prepare", str(tmp_path / "view"), *FEW]) == 0
    assert "one: sampled from the watertight mesh that came with it" in "".join(capsys.readouterr())
    dataset = open_dataset(tmp_path / "view")
    radii = [np.linalg.norm(load_pools(dataset, i).surface[:, :3], axis=1).max() for i in range(3)]
    np.testing.assert_allclose(radii, [0.21, 0.3, 0.25], atol=1e-3)
    assert main(["dataset", "verify", str(tmp_path / "view")]) == 0


def test_the_shape_stage_needs_no_meshes(preset: Path, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "datasets", meshes=False, flow=False)
    assert main(["dataset", "npms", str(tree), str(tmp_path / "view"), "--split", SPLIT]) == 0
    assert train(preset, "shape", tmp_path / "view", tmp_path / "balls.npm") == 0
    assert load_model(tmp_path / "balls.npm").info.identities == ("one", "two", "two")


def test_bad_trees_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "npms", str(tmp_path / "none"), str(tmp_path / "view")]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"npm-studio: {tmp_path / 'none'}: no such folder; name the folder that holds the processed datasets"
    ]


def test_a_dataset_is_exported_and_read_back_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_ellipsoids(tmp_path / "ellipsoids", identities=1, sequences=1, frames=2)
    (root / "ellipsoid_000" / "pools").mkdir()
    for name, columns in (("near", 4), ("uniform", 4), ("surface", 6)):
        np.save(root / "ellipsoid_000" / "pools" / f"{name}.npy", np.zeros((9, columns), np.float32))
    words = ["dataset", "flow", str(root), str(tmp_path / "tree"), "--sigma", "0.01", "--sigma", "0.002"]
    assert main([*words, "--points", "50", "--sdf", "--meshes", "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert results["frames"] == 3 and results["sigmas"] == [0.01, 0.002]
    sample = tmp_path / "tree" / "ellipsoids" / "ellipsoid_000" / "a_t_pose" / "000000"
    assert {path.name for path in sample.iterdir()} == {
        "mesh_normalized.ply",
        "samples_near.sdf",
        "samples_uniform.sdf",
        "samples_surface.pts",
        "flow_samples_0.01.npz",
        "flow_samples_0.002.npz",
    }
    assert main(["dataset", "npms", str(tmp_path / "tree"), str(tmp_path / "view"), "--split", "ellipsoids"]) == 0


@pytest.mark.parametrize("words", [["--sigma", "-1"], ["--sigma", "nan"], ["--points", "0"], ["--points", "1e9"]])
def test_impossible_samples_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    root = write_ellipsoids(tmp_path / "ellipsoids", identities=1, sequences=1, frames=2)
    assert main(["dataset", "flow", str(root), str(tmp_path / "tree"), *words]) == 2
    assert words[1] in capsys.readouterr().err and not (tmp_path / "tree").exists()
