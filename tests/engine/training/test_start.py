"""What a training does where there is one already, and how it begins on another model."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.dataset.preparation.sdf_pools import prepare_pools
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.models.checkpoint import load_model
from engine.training import loop
from engine.training.coordinate_run import train_coordinates
from engine.training.run import STAGES, train_all, train_stage
from engine.training.start import Start
from engine.training.state import read_state, state_file, write_state
from tests.support.progress import Impatient, Listener
from tests.support.training import CPU, prepared_ellipsoids, tiny_config


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return prepared_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids")


@pytest.fixture(scope="module")
def whole(dataset: RegisteredDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of all stages with its states; copy before changing."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "preview_picture", lambda model: np.full((4, 4, 3), 200, np.uint8))
        train_all(dataset, tiny_config(folder), folder / "e.npm", CPU)
    return folder


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy")) / "e.npm"


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_not_trained_over_an_earlier_one_unless_it_is_said(
    stage: str, dataset: RegisteredDataset, copied: Path, tmp_path: Path
) -> None:
    before, config = files(copied.parent), tiny_config(tmp_path)
    train = train_coordinates if stage == "coordinates" else partial(train_stage, stage)
    with pytest.raises(InputError, match="holds an earlier training, which would be lost") as caught:
        train(dataset, config, copied, CPU)
    assert f"{stage}." in str(caught.value)
    with pytest.raises(InputError, match="would be lost"):
        train_all(dataset, tiny_config(tmp_path), copied, CPU)
    assert files(copied.parent) == before


def test_a_model_without_states_is_not_trained_over_either(
    dataset: RegisteredDataset, copied: Path, tmp_path: Path
) -> None:
    shutil.rmtree(copied.with_name("e.training"))
    before = files(copied.parent)
    with pytest.raises(InputError, match="the trained shape and pose and shape-encoder and pose-encoder"):
        train_all(dataset, tiny_config(tmp_path), copied, CPU)
    assert files(copied.parent) == before


def test_an_interrupted_training_is_not_begun_anew_by_forgetting_to_go_on(
    dataset: RegisteredDataset, no_pictures: None, tmp_path: Path
) -> None:
    config, out = tiny_config(tmp_path), tmp_path / "e.npm"
    train_all(dataset, config, out, CPU, progress=Impatient(5))
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"shape\.last\.state"):
        train_all(dataset, config, out, CPU)
    assert files(tmp_path) == before
    assert list(train_all(dataset, config, out, CPU, start=Start("last"))) == list(STAGES)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("shape__code_weight", "0.5", "its shape stage was trained with code_weight 0.0001, not 0.5"),
        ("pose__decoder__width", "48", "its pose stage was trained with decoder.width 32, not 48"),
        ("pose_encoder__noise", "0.25", "its pose-encoder stage was trained with noise 0.5, not 0.25"),
    ],
)
def test_going_on_with_another_configuration_does_not_say_finished(
    field: str, value: str, said: str, dataset: RegisteredDataset, copied: Path, tmp_path: Path
) -> None:
    before = files(copied.parent)
    with pytest.raises(InputError, match=said):
        train_all(dataset, tiny_config(tmp_path, **{field: value}), copied, CPU, start=Start("last"))
    assert files(copied.parent) == before


def test_going_on_with_other_data_does_not_say_finished(
    dataset: RegisteredDataset, copied: Path, tmp_path: Path
) -> None:
    config, before = tiny_config(tmp_path), files(copied.parent)
    more = prepared_ellipsoids(tmp_path / "more", 4)
    with pytest.raises(InputError, match="trained on 3 identities in 24 frames, not 4 in 32"):
        train_all(more, config, copied, CPU, start=Start("last"))
    other = Path(shutil.copytree(dataset.root, tmp_path / "other"))
    path = other / "ellipsoid_001" / "canonical.npy"
    np.save(path, np.load(path) * np.float32(0.99))
    with pytest.raises(InputError, match="other names or canonical meshes"):
        train_all(load_registered_dataset(other), config, copied, CPU, start=Start("last"))
    assert files(copied.parent) == before


def test_posed_meshes_that_are_others_under_the_same_names_do_not_say_finished(
    dataset: RegisteredDataset, copied: Path, tmp_path: Path
) -> None:
    other, before = Path(shutil.copytree(dataset.root, tmp_path / "other")), files(copied.parent)
    path = other / "ellipsoid_001" / "bend_1.npy"
    frames = np.load(path)
    frames[-1] *= np.float32(0.99)
    np.save(path, frames)
    with pytest.raises(InputError, match="its pose stage was trained on 3 identities in 24 frames with other posed"):
        train_all(load_registered_dataset(other), tiny_config(tmp_path), copied, CPU, start=Start("last"))
    assert files(copied.parent) == before


@pytest.mark.parametrize(
    ("stage", "changed", "said"),
    [
        ("shape", "canonical.npy", r"shape\.last\.state: was trained on .* other names or canonical meshes"),
        ("pose", "bend_0.npy", r"pose\.last\.state: was trained on .* with other posed meshes"),
        ("pose-encoder", "bend_0.npy", r"pose-encoder\.last\.state: was trained on .* with other posed meshes"),
    ],
)
def test_an_unfinished_stage_does_not_go_on_with_other_meshes_of_the_same_names(
    stage: str, changed: str, said: str, dataset: RegisteredDataset, whole: Path, no_pictures: None, tmp_path: Path
) -> None:
    config, out = tiny_config(tmp_path), Path(shutil.copytree(whole, tmp_path / "copy")) / "e.npm"
    other = load_registered_dataset(Path(shutil.copytree(dataset.root, tmp_path / "other")))
    train_stage(stage, other, config, out, CPU, start=Start(restart=True), progress=Impatient(2))
    path = other.root / "ellipsoid_001" / changed
    np.save(path, np.load(path) * np.float32(0.99))
    prepare_pools(other, (4000, 2000, 1000))
    before = files(out.parent)
    with pytest.raises(InputError, match=said) as caught:
        train_stage(stage, other, config, out, CPU, start=Start("last"))
    assert "begin anew with" in str(caught.value)
    assert files(out.parent) == before


def test_states_from_before_data_were_noted_go_on(
    dataset: RegisteredDataset, no_pictures: None, tmp_path: Path
) -> None:
    config, out = tiny_config(tmp_path), tmp_path / "e.npm"
    train_stage("shape", dataset, config, out, CPU, progress=Impatient(2))
    path = state_file(out, "shape", "last")
    write_state(path, {key: value for key, value in read_state(path).items() if key != "data"})
    _, result = train_stage("shape", dataset, config, out, CPU, start=Start("last"))
    assert result.steps == 12


def test_fewer_steps_than_were_done_are_finished(dataset: RegisteredDataset, copied: Path, tmp_path: Path) -> None:
    config = tiny_config(tmp_path, shape__schedule__steps="6")
    assert train_all(dataset, config, copied, CPU, start=Start("last")) == {}


def test_a_warm_start_keeps_the_codes_of_those_it_knows(whole: Path, no_pictures: None, tmp_path: Path) -> None:
    known = load_model(whole / "e.npm")
    more = prepared_ellipsoids(tmp_path / "more", 5)
    still = {
        f"{stage}__schedule__{rate}": "0" for stage in ("shape", "pose") for rate in ("network_rate", "codes_rate")
    }
    told = Listener()
    config = tiny_config(tmp_path, **still)
    train_all(more, config, tmp_path / "m.npm", CPU, start=Start(warm=known), progress=told)
    model = load_model(tmp_path / "m.npm")
    assert model.info.identities == more.identities
    assert torch.allclose(model.shape_codes[:3], known.shape_codes)
    assert torch.allclose(model.shape_codes[3:], known.shape_codes.mean(0).expand(2, -1))
    assert model.pose_codes is not None
    assert known.pose_codes is not None
    rows = {(known.info.identities[frame.identity], str(frame)): i for i, frame in enumerate(known.info.frames)}
    for row, frame in enumerate(model.info.frames):
        earlier = rows.get((model.info.identities[frame.identity], str(frame)))
        expected = known.pose_codes.mean(0) if earlier is None else known.pose_codes[earlier]
        assert torch.allclose(model.pose_codes[row], expected)
    for mine, its in zip(model.shape_decoder.parameters(), known.shape_decoder.parameters(), strict=True):
        assert torch.equal(mine, its)
    assert "begins on model e: 3 of 5 identities are known to it" in told.messages
    assert "begins on model e: 24 of 40 frames are known to it" in told.messages
    assert model.info.training["shape"]["began_on"] == "e"


def test_a_warm_start_goes_on_after_an_interruption_as_any_other(
    whole: Path, no_pictures: None, tmp_path: Path
) -> None:
    more, config = prepared_ellipsoids(tmp_path / "more", 4), tiny_config(tmp_path)
    warm = load_model(whole / "e.npm")
    at_once, _ = train_stage("shape", more, config, tmp_path / "a.npm", CPU, start=Start(warm=warm))
    train_stage("shape", more, config, tmp_path / "b.npm", CPU, start=Start(warm=warm), progress=Impatient(4))
    later, _ = train_stage("shape", more, config, tmp_path / "b.npm", CPU, start=Start("last"))
    assert torch.equal(at_once.shape_codes, later.shape_codes)


def test_a_warm_start_on_another_network_or_at_another_scale_is_refused(
    whole: Path, dataset: RegisteredDataset, tmp_path: Path
) -> None:
    warm = load_model(whole / "e.npm")
    config = tiny_config(tmp_path, shape__decoder__width="40")
    with pytest.raises(InputError, match="network of other size than the preset"):
        train_stage("shape", dataset, config, tmp_path / "a.npm", CPU, start=Start(warm=warm))
    other = Path(shutil.copytree(dataset.root, tmp_path / "other"))
    description = json.loads((other / "dataset.json").read_text())
    description["similarity"]["scale"] = 0.7
    (other / "dataset.json").write_text(json.dumps(description))
    scaled = load_registered_dataset(other)
    with pytest.raises(InputError, match=r"has a scale of 0.7 per metre, model e one of 0.5.*normalise the dataset"):
        train_stage("shape", scaled, tiny_config(tmp_path), tmp_path / "a.npm", CPU, start=Start(warm=warm))
    assert not (tmp_path / "a.npm").exists()


def test_few_identities_and_steps_are_said_and_so_is_held_out_against_training(
    dataset: RegisteredDataset, no_pictures: None, tmp_path: Path
) -> None:
    told = Listener()
    train_all(dataset, tiny_config(tmp_path), tmp_path / "e.npm", CPU, validation=dataset, progress=told)
    assert any(line.startswith("3 identities are few") for line in told.messages)
    assert any("12 steps are few: each identity is seen 8 times" in line for line in told.messages)
    held_out = [line for line in told.messages if line.startswith("shape, step") and "times that of training" in line]
    assert len(held_out) == 2


def test_the_model_is_called_as_its_folder(whole: Path) -> None:
    assert load_model(whole / "e.npm").info.name == "e"
