"""`npm-studio card`: what a model is, beside its files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from engine.models.checkpoint import load_model, save_model
from engine.training.config import load_training_config
from npm_studio.cli.main import main
from npm_studio.reports.metric_tables import metric_tables
from npm_studio.reports.training_curves import read_log
from tests.support.present import present
from tests.support.toy_model import toy_model

pytestmark = pytest.mark.usefixtures("no_pictures")

RECIPE = {"generator": "anny", "identities": 4, "sequences": 2, "frames": 3, "seed": 7, "families": ["walk", "sit"]}
QUALITY: dict[str, Any] = {
    "machine": "a laptop",
    "training": {"canonical_iou": 0.9876, "chamfer_l2": 1.2e-6},
    "bars": [
        {"bar": "unseen_iou", "value": 0.97, "limit": 0.975, "passed": False},
        {"bar": "unseen_chamfer_l2", "value": 1.1e-6, "limit": 1.2e-6, "passed": True},
    ],
    "unseen": {"sequences": [{"sequence": "walk | left", "iou": 0.9}, {"sequence": "sit", "iou": float("nan")}]},
}


def stage(code_size: int, decoder: Any, **metrics: float) -> dict[str, Any]:
    config = {"schedule": {"steps": 300}, "code_size": code_size, "decoder": vars(decoder.config)}
    done = {"steps": 300, "seconds": 61.5, "device": "CPU", "torch": "2.12", "seed": 3, "final": metrics}
    return {"config": config, **done}


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npm_studio.cli.card._RESOLUTION", 32)
    monkeypatch.setattr("npm_studio.cli.card._SIZE", 80)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A toy model with notes of its training, and the log beside it."""
    toy = toy_model()
    notes = {
        **toy.info.training,
        "dataset": "dolls",
        "recipe": RECIPE,
        "shape": stage(8, toy.shape_decoder, sdf=0.00123),
        "pose": stage(8, toy.pose_decoder, flow=0.00456),
    }
    save_model(replace(toy, info=replace(toy.info, name="dolls", training=notes)), tmp_path / "dolls.npm")
    write_log(tmp_path / "dolls.training" / "log.jsonl")
    return tmp_path / "dolls.npm"


def write_log(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = [
        {"stage": name, "kind": kind, "step": step, "seconds": step / 5, error: 0.1 / step, "code": 0.1}
        for name, error in (("shape", "sdf"), ("pose", "flow"))
        for step in (100, 200, 300)
        for kind in ("train", "validation")
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["card", *map(str, words)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_card_tells_what_the_model_is_and_how_good(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "quality.json").write_text(json.dumps(QUALITY))
    (tmp_path / "encoders.json").write_text(json.dumps({"iou": {"encoder": {"start": 0.8}, "best": {"start": 0.6}}}))
    (tmp_path / "notes.md").write_text("- Dolls have no *heads*.\n")
    files = {name: tmp_path / f"{name}.json" for name in ("quality", "encoders")} | {"notes": tmp_path / "notes.md"}
    assert main(["card", str(folder), *(word for k, v in files.items() for word in (f"--{k}", str(v)))]) == 0
    text = (folder / "README.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    assert "dolls, learned from 4 identities in 24 frames" in text
    assert ["licence", "MIT"] in rows
    assert ["shape", "300", "62 s", "CPU", "2.12", "3", "sdf 0.00123"] in rows
    assert "- families: walk, sit" in text
    assert ["canonical IoU", "0.9876"] in rows
    assert ["Chamfer-l2", "0.0012e-3"] in rows
    assert ["unseen IoU", "0.97", "0.975", "**fail**"] in rows
    assert ["unseen Chamfer-l2", "0.0011e-3", "0.0012e-3", "pass"] in rows
    assert text.index("### Bars") < text.index("### Training")
    assert ["walk \\| left", "0.9"] in rows
    assert ["sit", "–"] in rows
    assert ["encoder", "0.8"] in rows
    assert "## Where it fails\n\n- Dolls have no *heads*." in text
    for name in ("surfaces.webp", "curves.webp"):
        assert f"(card/{name})" in text
        path = folder / "card" / name
        assert path.stat().st_size < 250_000
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 5  # something is drawn
    load_model(folder)


def test_the_commands_in_a_card_train_the_same_model_again(folder: Path, tmp_path: Path) -> None:
    assert main(["card", str(folder)]) == 0
    text = (folder / "README.md").read_text()
    assert "npm-studio dataset anny dolls --identities 4 --sequences 2 --frames 3 --seed 7\n" in text
    assert "npm-studio train all --config dolls.yaml --data dolls --out dolls.npm --seed 3\n" in text
    preset = text.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "dolls.yaml").write_text(preset)
    config = load_training_config(tmp_path / "dolls.yaml")
    toy = toy_model()
    assert (config.shape.schedule.steps, config.shape.decoder) == (300, toy.shape_decoder.config)
    assert config.pose.decoder == present(toy.pose_decoder).config
    assert yaml.safe_load(preset)["name"] == "dolls"


def test_commands_that_the_trainer_noted_are_given_as_they_are(tmp_path: Path) -> None:
    toy = toy_model()
    notes = {**toy.info.training, "retrain": ["npm-studio one", "npm-studio two"]}
    save_model(replace(toy, info=replace(toy.info, training=notes)), tmp_path / "toy.npm")
    assert main(["card", str(tmp_path / "toy.npm")]) == 0
    text = (tmp_path / "toy.npm" / "README.md").read_text()
    assert "```\nnpm-studio one\nnpm-studio two\n```" in text
    assert "curves" not in text  # there is no log


def test_a_card_survives_saving_the_model_again_and_is_replaced_by_the_next_one(folder: Path) -> None:
    assert main(["card", str(folder)]) == 0
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".md", ".png", ".webp"))
    before = {path: path.read_bytes() for path in files}
    assert len(before) == 3
    save_model(load_model(folder), folder)
    assert {path: path.read_bytes() for path in files} == before
    (folder / "card" / "old.png").write_bytes(b"old")
    assert main(["card", str(folder)]) == 0
    assert not (folder / "card" / "old.png").exists()


@pytest.mark.parametrize("option", ["--log", "--quality", "--encoders", "--notes"])
def test_a_missing_file_is_refused_in_one_line(
    option: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in refusal(capsys, folder, option, tmp_path / "nowhere")
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"iou": ', "\x00"])
@pytest.mark.parametrize("option", ["--log", "--quality"])
def test_a_damaged_file_is_refused_in_one_line(
    option: str, content: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "damaged").write_text(content)
    assert "damaged" in refusal(capsys, folder, option, tmp_path / "damaged")
    assert not (folder / "README.md").exists()


def test_a_damaged_line_of_the_log_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "dolls.training" / "log.jsonl"
    log.write_text(log.read_text() + '{"stage": "pose", "step": 4')
    assert "line 13" in refusal(capsys, folder)


def test_what_an_interrupted_run_did_twice_is_drawn_once(tmp_path: Path) -> None:
    steps = [100, 200, 300, 200, 300, 400]
    lines = [{"stage": "shape", "step": step, "seconds": step, "sdf": float(i)} for i, step in enumerate(steps)]
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    curve = read_log(tmp_path / "log.jsonl")["shape"]["train", "sdf"]
    assert curve.steps == [100, 200, 300, 400]
    assert curve.values == [0, 3, 4, 5]


def test_long_lists_of_a_benchmark_are_counted_not_shown() -> None:
    lines = metric_tables(
        {"errors": list(range(1000)), "many": {str(i): i for i in range(40)}, "empty": {}, "nested": {"deep": {"a": 1}}}
    )
    assert "1000 entries, see the benchmark's JSON." in lines
    assert "40 entries, see the benchmark's JSON." in lines
    assert "#### Deep" in lines
    assert "### Empty" not in lines
