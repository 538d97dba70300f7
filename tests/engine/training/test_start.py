"""What a training does where there is one already, and how it begins on another model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset
from engine.models.checkpoint import load_model
from engine.training import loop
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
