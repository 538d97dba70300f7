"""Training of whole models: what the stages learn, and what is written beside the model."""

import dataclasses
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset
from engine.models.checkpoint import load_model, save_model
from engine.training import loop
from engine.training.run import STAGES, stages_of, train_all, train_stage
from engine.training.start import Start
from tests.support.progress import Impatient, Listener
from tests.support.training import (
    CPU,
    decoder_stage,
    longer_config,
    make_stepper,
    prepared_ellipsoids,
    same_networks,
    tiny_config,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return prepared_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids")


def log_lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_both_decoders_learn_the_ellipsoids(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, out = longer_config(tmp_path), tmp_path / "e.npm"
    train_stage("shape", dataset, config, out, CPU, validation=dataset)
    model, result = train_stage("pose", dataset, config, out, CPU, validation=dataset)
    assert result.metrics["flow"] < 0.01
    axes = torch.tensor([[[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.42, 0.0]]])
    centre, beside, above = model.sdf(model.shape_codes[:1], axes)[0].tolist()
    assert centre < -0.05
    assert beside > 0.05
    assert above > 0.03

    stored = load_model(out)
    assert same_networks(stored, model)
    assert stored.info.identities == dataset.identities
    assert [str(frame) for frame in stored.info.frames] == [str(label) for label in dataset.labels]

    log = log_lines(tmp_path / "e.training")
    assert {(line["stage"], line["kind"], line["step"]) for line in log} == {
        (stage, *when) for stage in ("shape", "pose") for when in (("train", 100), ("train", 110), ("validation", 110))
    }
    for stage, figure in (("shape", "sdf"), ("pose", "flow")):
        note = stored.info.training[stage]
        last = next(line for line in reversed(log) if line["stage"] == stage and line["kind"] == "validation")
        assert note["validation"][figure] == pytest.approx(last[figure], abs=1e-6)
        assert 0 < note["validation"][figure] < 0.02
        assert note["steps"] == 110
        with Image.open(tmp_path / "e.training" / "previews" / f"{stage}-000110.png") as picture:
            assert picture.format == "PNG"
            assert 200 < picture.width < 3000
            assert 200 < picture.height < 3000
    assert tags(tmp_path / "e.training" / "tensorboard") >= {"shape/train/sdf", "pose/validation/flow", "pose/surfaces"}


def tags(folder: Path) -> set[str]:
    """Tags in the event files of TensorBoard."""
    from tensorboardX.proto.event_pb2 import Event

    found = set()
    for path in folder.glob("events.*"):
        data = path.read_bytes()
        while data:  # length, its checksum, event, its checksum
            (length,) = struct.unpack("<Q", data[:8])
            found |= {value.tag for value in Event.FromString(data[12 : 12 + length]).summary.value}
            data = data[16 + length :]
    return found


@pytest.mark.parametrize(
    ("fields", "figure"),
    [
        ({"shape__curriculum": "true"}, "sdf"),
        ({"shape__frequency_warmup": "20"}, "sdf"),
        ({"shape__eikonal_weight": "0.02", "shape__gradient_points": "32"}, "eikonal"),
        ({"shape__normal_weight": "0.02", "shape__gradient_points": "32"}, "normal"),
        ({"shape__code_weight": "0.1", "shape__code_weight_warmup": "5"}, "sdf"),
        ({"pose__frequency_warmup": "20"}, "flow"),
        ({"pose__loss": "squared"}, "flow"),
    ],
)
def test_every_term_of_the_loss_gets_smaller(
    fields: dict[str, str], figure: str, dataset: RegisteredDataset, tmp_path: Path
) -> None:
    stage = "pose" if figure == "flow" else "shape"
    config = tiny_config(tmp_path, **{f"{stage}__schedule__steps": "60", f"{stage}__decoder__tanh": "false"}, **fields)
    stepper = make_stepper(decoder_stage(stage, dataset, config))
    means = []
    for _ in range(3):
        for _ in range(20):
            stepper.step()
        means.append(stepper.metrics()[figure])
    assert stepper.bad_batch() is None
    assert means[2] < 0.9 * means[0]


def test_the_same_seed_trains_the_same_model(dataset: RegisteredDataset, no_pictures: None, tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    one, other, another = (
        train_stage("shape", dataset, config, tmp_path / f"{name}.npm", CPU, seed)[0]
        for name, seed in (("a", 4), ("b", 4), ("c", 5))
    )
    assert same_networks(one, other)
    assert not same_networks(one, another)


@pytest.fixture(scope="module")
def whole(dataset: RegisteredDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four stages and what training left beside it; copy before changing."""
    folder, told = tmp_path_factory.mktemp("whole"), Listener()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "preview_picture", lambda model: np.full((4, 4, 3), 200, np.uint8))
        results = train_all(dataset, tiny_config(folder), folder / "e.npm", CPU, progress=told)
    assert list(results) == list(STAGES)
    assert [name for name in told.stages if name.startswith("train")] == [f"train {name}" for name in STAGES]
    return folder


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    """A copy of the model in `whole`, with its states."""
    return Path(shutil.copytree(whole, tmp_path / "copy")) / "e.npm"


def test_all_stages_are_trained_and_finished_ones_are_passed_over(
    dataset: RegisteredDataset, copied: Path, tmp_path: Path
) -> None:
    config = tiny_config(tmp_path)
    assert list(stages_of(config)) == list(STAGES)
    model = load_model(copied)
    assert model.has_pose
    assert model.shape_encoder is not None
    assert model.pose_encoder is not None
    assert train_all(dataset, config, copied, CPU, start=Start("last")) == {}
    shutil.rmtree(copied.with_name("e.training"))
    assert train_all(dataset, config, copied, CPU, start=Start("last")) == {}
    assert same_networks(load_model(copied), model)


def test_an_interruption_anywhere_changes_nothing_in_the_end(
    dataset: RegisteredDataset, whole: Path, no_pictures: None, tmp_path: Path
) -> None:
    config, out = tiny_config(tmp_path), tmp_path / "parts.npm"
    reached = []
    for steps in (5, 12, 9, 3):
        results = train_all(dataset, config, out, CPU, start=Start("last"), progress=Impatient(steps))
        name, result = list(results.items())[-1]
        assert result.interrupted
        reached.append((name, result.steps))
    assert reached == [("shape", 5), ("pose", 6), ("shape-encoder", 4), ("pose-encoder", 3)]
    assert not any(result.interrupted for result in train_all(dataset, config, out, CPU, start=Start("last")).values())
    assert same_networks(load_model(out), load_model(whole / "e.npm"))


def test_a_new_training_over_a_finished_model_is_gone_on_from_stage_by_stage(
    dataset: RegisteredDataset, copied: Path, no_pictures: None, tmp_path: Path
) -> None:
    config, first = tiny_config(tmp_path), load_model(copied)
    train_all(dataset, config, copied, CPU, seed=1, start=Start(restart=True), progress=Impatient(3))
    assert same_networks(load_model(copied), first)  # a finished model is worth more than half of a new one
    results = train_all(dataset, config, copied, CPU, seed=1, start=Start("last"))
    assert list(results) == list(STAGES)
    last = load_model(copied)
    for codes in ("shape_codes", "pose_codes"):
        assert not torch.equal(getattr(last, codes), getattr(first, codes))


def test_new_poses_keep_the_shape_encoder_and_drop_that_of_the_old_poses(
    dataset: RegisteredDataset, copied: Path, no_pictures: None, tmp_path: Path
) -> None:
    config, before = tiny_config(tmp_path), load_model(copied)
    train_stage("pose", dataset, config, copied, CPU, seed=7, start=Start(restart=True))
    after = load_model(copied)
    assert after.pose_encoder is None
    assert "pose_encoder" not in after.info.training
    assert before.shape_encoder is not None
    assert after.shape_encoder is not None
    for key, value in before.shape_encoder.state_dict().items():
        assert torch.equal(after.shape_encoder.state_dict()[key], value)
    assert list(train_all(dataset, config, copied, CPU, start=Start("last"))) == ["pose-encoder"]


def test_an_unfinished_model_is_replaced_by_one_that_has_seen_more(
    dataset: RegisteredDataset, no_pictures: None, tmp_path: Path
) -> None:
    config, out = tiny_config(tmp_path), tmp_path / "e.npm"
    for resume, steps in ((None, 3), ("last", 7)):
        polls = steps - (3 if resume else 0)
        train_stage("shape", dataset, config, out, CPU, start=Start(resume), progress=Impatient(polls))
        assert load_model(out).info.training["shape"]["steps"] == steps


def test_half_size_files_keep_the_statistics_of_batch_normalisation(
    dataset: RegisteredDataset, no_pictures: None, tmp_path: Path
) -> None:
    config = dataclasses.replace(tiny_config(tmp_path), storage="float16")
    train_stage("shape", dataset, config, tmp_path / "e.npm", CPU)
    model, _ = train_stage("shape-encoder", dataset, config, tmp_path / "e.npm", CPU)
    files = {path.stem: load_file(path) for path in (tmp_path / "e.npm").glob("*.safetensors")}
    assert files["shape_codes"]["codes"].dtype == torch.float16
    for key, value in files["shape_encoder"].items():
        statistics = key.endswith(("running_mean", "running_var"))
        whole = key.endswith("num_batches_tracked")
        assert value.dtype == (torch.float32 if statistics else torch.int64 if whole else torch.float16), key
        if statistics:
            assert model.shape_encoder is not None
            assert torch.equal(value, model.shape_encoder.state_dict()[key])


@pytest.mark.parametrize(
    ("stage", "cure"),
    [("pose", "train the shape"), ("shape-encoder", "train the shape"), ("pose-encoder", "train the pose")],
)
def test_a_stage_asks_for_the_one_before(stage: str, cure: str, dataset: RegisteredDataset, tmp_path: Path) -> None:
    if stage == "pose-encoder":
        save_model(decoder_stage("shape", dataset, tiny_config(tmp_path)).model(), tmp_path / "e.npm")
    with pytest.raises(InputError, match=cure):
        train_stage(stage, dataset, tiny_config(tmp_path), tmp_path / "e.npm", CPU)


def test_poses_can_be_learned_on_the_shapes_of_another_model(
    dataset: RegisteredDataset, no_pictures: None, tmp_path: Path
) -> None:
    config = tiny_config(tmp_path)
    shape, _ = train_stage("shape", dataset, config, tmp_path / "shape.npm", CPU)
    train_stage("pose", dataset, config, tmp_path / "out.npm", CPU, shape_model=tmp_path / "shape.npm")
    model = load_model(tmp_path / "out.npm")
    assert model.has_pose
    assert torch.equal(model.shape_codes, shape.shape_codes)
    assert not load_model(tmp_path / "shape.npm").has_pose
