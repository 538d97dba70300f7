"""Model folders: round trip, and one clear line for everything that is not one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.core.errors import InputError
from engine.models.checkpoint import load_model, save_model
from engine.models.model import NeuralParametricModel
from tests.support.present import present
from tests.support.toy_model import toy_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "toy.npm"
    save_model(toy_model(), folder)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_model(folder)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_model_survives_the_round_trip(folder: Path) -> None:
    model, copy = toy_model(), load_model(folder)
    assert copy.info == model.info
    assert torch.equal(copy.shape_codes, model.shape_codes)
    assert torch.equal(present(copy.pose_codes), present(model.pose_codes))
    points = torch.rand(1, 100, 3) - 0.5
    assert torch.equal(copy.sdf(copy.shape_codes[:1], points), model.sdf(model.shape_codes[:1], points))
    arguments = (model.shape_codes[:1], present(model.pose_codes)[:1], points)
    assert torch.equal(copy.pose(*arguments), model.pose(*arguments))


def test_a_loaded_model_is_frozen_and_in_evaluation_mode(folder: Path) -> None:
    model = load_model(folder)
    for decoder in (model.shape_decoder, present(model.pose_decoder)):
        assert not decoder.training
        assert not any(parameter.requires_grad for parameter in decoder.parameters())


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="the system does not say what is mapped")
def test_a_loaded_model_keeps_no_file_in_memory(folder: Path) -> None:
    model = load_model(folder)
    assert model.has_pose
    assert str(folder) not in Path("/proc/self/maps").read_text()


def test_code_books_in_float16_come_back_as_close_float32(tmp_path: Path) -> None:
    model = toy_model()
    save_model(model, tmp_path / "half.npm", dtype=torch.float16)
    copy = load_model(tmp_path / "half.npm")
    assert present(copy.pose_codes).dtype == torch.float32
    torch.testing.assert_close(copy.pose_codes, model.pose_codes, atol=1e-3, rtol=1e-3)


def test_a_model_without_pose_stage_survives_the_round_trip(tmp_path: Path) -> None:
    model = toy_model()
    info = replace(model.info, frames=())
    shape_only = NeuralParametricModel(info, model.shape_decoder, model.shape_codes)
    save_model(shape_only, tmp_path / "shape.npm")
    copy = load_model(tmp_path / "shape.npm")
    assert not copy.has_pose
    assert copy.pose_decoder is None
    assert sorted(path.name for path in (tmp_path / "shape.npm").iterdir()) == [
        "model.json",
        "shape_codes.safetensors",
        "shape_decoder.safetensors",
    ]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "no such model" in refusal(tmp_path / "nowhere.npm")


def test_a_text_file_is_refused_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "notes.npm"
    path.write_text("hello")
    line = refusal(path)
    assert str(path) in line
    assert "is a file" in line


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no model.json" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "something else"}', '"text"'])
def test_a_description_that_is_not_one_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    assert "model.json" in refusal(folder)


def test_another_format_version_is_refused_with_both_versions(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, "format_version": 99}))
    assert "version 99, this program reads up to 2" in refusal(folder)


@pytest.mark.parametrize("version", [None, 0, "1", 1.5])
def test_a_format_version_that_is_none_is_refused(folder: Path, version: object) -> None:
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, "format_version": version}))
    assert f"has format version {version}" in refusal(folder)


def test_a_model_of_version_1_which_names_the_sequence_of_every_sample_is_read_as_it_was(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text())
    flat = [[i, sequence, sample] for i, sequence, samples in description["frames"] for sample in samples.split("/")]
    (folder / "model.json").write_text(json.dumps({**description, "format_version": 1, "frames": flat}))
    assert load_model(folder).info.frames == toy_model().info.frames


@pytest.mark.parametrize("key", ["shape", "similarity", "identities", "frames", "name", "training"])
def test_a_description_without_a_needed_entry_is_refused(folder: Path, key: str) -> None:
    description = json.loads((folder / "model.json").read_text())
    del description[key]
    (folder / "model.json").write_text(json.dumps(description))
    assert str(folder) in refusal(folder)


@pytest.mark.parametrize("name", ["shape_decoder", "pose_decoder", "shape_codes", "pose_codes"])
def test_a_truncated_weights_file_is_refused_with_its_name(folder: Path, name: str) -> None:
    path = folder / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    assert f"{name}.safetensors" in refusal(folder)


@pytest.mark.parametrize("name", ["shape_decoder", "pose_decoder", "shape_codes", "pose_codes"])
def test_a_missing_weights_file_is_refused_with_its_name(folder: Path, name: str) -> None:
    (folder / f"{name}.safetensors").unlink()
    line = refusal(folder)
    assert f"{name}.safetensors" in line
    assert "is missing" in line


def test_an_empty_weights_file_is_refused_with_its_name(folder: Path) -> None:
    (folder / "shape_decoder.safetensors").write_bytes(b"")
    assert "shape_decoder.safetensors" in refusal(folder)


@pytest.mark.parametrize(("name", "key"), [("shape_decoder", "lin1.bias"), ("pose_codes", "codes")])
def test_weights_that_are_not_finite_are_refused_with_their_name(folder: Path, name: str, key: str) -> None:
    path = folder / f"{name}.safetensors"
    state = load_file(path)
    state[key].view(-1)[0] = float("nan")
    save_file(state, path)
    line = refusal(folder)
    assert f"{name}.safetensors" in line
    assert "not finite" in line


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    path = folder / "shape_codes.safetensors"
    save_file({"codes": torch.zeros(4, 5)}, path)
    assert "does not fit together" in refusal(folder)


def test_code_books_without_their_tensor_are_refused(folder: Path) -> None:
    save_file({"other": torch.zeros(4, 8)}, folder / "shape_codes.safetensors")
    assert str(folder) in refusal(folder)


def test_a_failed_save_leaves_the_old_model_and_no_litter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr("engine.models.checkpoint.write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(toy_model(), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["toy.npm"]


def test_saving_again_replaces_the_model_and_keeps_its_card(folder: Path) -> None:
    (folder / "README.md").write_text("a card")
    (folder / "stale.safetensors").write_bytes(b"old")
    save_model(replace(toy_model(), info=replace(toy_model().info, name="second")), folder)
    assert load_model(folder).info.name == "second"
    assert (folder / "README.md").read_text() == "a card"
    assert not (folder / "stale.safetensors").exists()
