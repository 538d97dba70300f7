"""`npm-studio import-checkpoint` and `export-checkpoint`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.models.checkpoint import load_model
from external.npms.checkpoint import SHAPE
from npm_studio.cli.main import main
from tests.support.official_checkpoints import (
    MOTIONS,
    TPOSES,
    Runs,
    checkpoint,
    encoder_tensors,
    saved,
    write_labels,
)


@pytest.fixture
def official(tmp_path: Path) -> Path:
    return saved(checkpoint(), tmp_path / "official.tar")


def refusal(arguments: list[Any], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def results(arguments: list[Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*(str(argument) for argument in arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_checkpoint_becomes_a_model_folder_and_a_checkpoint_again(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_labels(tmp_path / "labels.json", MOTIONS, "mano")
    labels_tpose = write_labels(tmp_path / "labels_tpose.json", TPOSES, "mano")
    generator = torch.Generator().manual_seed(0)
    encoder = {"model_state_dict_pose_encoder": encoder_tensors(4, 128, [1, 2, 2, 2, 2], generator)}
    pose_encoder = saved(encoder, tmp_path / "pose_encoder_best.tar")
    out = tmp_path / "hands.npm"
    command = ["import-checkpoint", official, "--out", out, "--labels", labels, "--labels-tpose", labels_tpose]
    metrics = results([*command, "--pose-encoder", pose_encoder, "--class", "human hands"], capsys)
    assert (metrics["identities"], metrics["frames"]) == (3, 5)
    assert metrics["shape"]["code_size"] == 6
    assert metrics["encoders"]["pose"]["resolution"] == 128
    assert metrics["similarity"] == {"scale": 0.75, "centre": [0.0, 0.0, 0.0]}  # as the published hands

    model = load_model(out)
    assert (model.info.name, model.info.category) == ("hands", "human hands")
    assert model.info.identities == ("anna", "ben", "cleo")
    assert "lipschitz" in model.info.training

    again, encoder_again = tmp_path / "again.tar", tmp_path / "encoder.tar"
    metrics = results(["export-checkpoint", out, "--out", again, "--pose-encoder", encoder_again], capsys)
    assert metrics["written"] == [str(again), str(encoder_again)]
    assert metrics["settings"]["shape_decoder"]["dims"] == [32, 32, 32]
    before, after = (torch.load(path, weights_only=True) for path in (official, again))
    assert all(torch.equal(after[SHAPE][name], value) for name, value in before[SHAPE].items())


def test_meshes_come_out_of_an_imported_model(
    toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(["export-checkpoint", toy_folder, "--out", tmp_path / "toy.tar"], capsys)
    results(
        ["import-checkpoint", tmp_path / "toy.tar", "--out", tmp_path / "copy.npm", "--normalise", "0.4,0,0,0"], capsys
    )
    for name, model in (("toy", toy_folder), ("copy", tmp_path / "copy.npm")):
        out = ["--identity", "1", "--resolution", "32", "--out", tmp_path / f"{name}.ply"]
        results(["reconstruct", "--model", model, *out], capsys)
    assert (tmp_path / "toy.ply").read_bytes() == (tmp_path / "copy.ply").read_bytes()


def test_the_scale_is_asked_for_where_nothing_says_it(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-checkpoint", str(official), "--out", str(tmp_path / "x.npm")]) == 0
    said = capsys.readouterr().err
    assert "--normalise" in said
    assert "nothing says whose the 5 poses are" in said
    assert "--identity 2 --frame 4" in said
    metrics = results(["import-checkpoint", official, "--out", tmp_path / "x.npm", "--normalise", "cape"], capsys)
    assert metrics["similarity"]["scale"] == 0.4
    command = ["import-checkpoint", official, "--out", tmp_path / "x.npm", "--normalise", "bounds"]
    assert "needs meshes" in refusal(command, capsys)


def test_bad_checkpoints_are_refused_in_one_line_and_nothing_is_written(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = checkpoint()
    bad = {
        "code": saved({**content, "config": Runs(tmp_path / "ran")}, tmp_path / "code.tar"),
        "nan": saved({**content, "shape_codes": content["shape_codes"] * float("nan")}, tmp_path / "nan.tar"),
        "shapes": saved({**content, "shape_codes": content["shape_codes"][..., :5]}, tmp_path / "shapes.tar"),
        "keys": saved({"epoch": 1}, tmp_path / "keys.tar"),
        "text": tmp_path / "text.tar",
        "truncated": tmp_path / "truncated.tar",
        "missing": tmp_path / "missing.tar",
    }
    bad["text"].write_text("hello")
    bad["truncated"].write_bytes(official.read_bytes()[:-2000])
    for path in bad.values():
        line = refusal(["import-checkpoint", path, "--out", tmp_path / "x.npm"], capsys)
        assert str(path) in line
    assert not (tmp_path / "x.npm").exists()
    assert not (tmp_path / "ran").exists()


def test_what_is_no_model_is_neither_replaced_nor_exported(
    official: Path, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("mine")
    assert "is not a model" in refusal(["import-checkpoint", official, "--out", tmp_path / "work"], capsys)
    assert "no such model" in refusal(["export-checkpoint", tmp_path / "no.npm", "--out", tmp_path / "a.tar"], capsys)
    export = ["export-checkpoint", toy_folder, "--out"]
    assert "is a folder" in refusal([*export, tmp_path / "work"], capsys)
    assert "has no pose encoder" in refusal([*export, tmp_path / "a.tar", "--pose-encoder", tmp_path / "b.tar"], capsys)
    assert not (tmp_path / "a.tar").exists()
