"""The benchmark of starts, on a training frame of the toy model: what the best start is, is known."""

import dataclasses
from pathlib import Path

import encoders
import pytest
import torch
from encoders import STARTS, TrainingCodes, compare, onto_surface

from engine.dataset.registered import load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.methods.npm.observations import Observations
from engine.methods.npm.observing import observe
from engine.models.model import NeuralParametricModel
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.sequences.depth_sequence import load_depth_sequence
from tests.support.toy_dataset import write_dolls
from tests.support.toy_model import DOLLS, toy_model, toy_model_in

IDENTITY, FRAME = 2, 1


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Observations, torch.Tensor, torch.Tensor]:
    """One training frame as a camera sees it, its true canonical points (P, 3) and where they are (1, P, 3)."""
    folder, name = tmp_path_factory.mktemp("starts"), list(DOLLS)[IDENTITY]
    dolls = load_registered_dataset(write_dolls(folder / "dolls", (name,)))
    render_sequence(dolls, 0, "bend", folder / "bend")
    observations = observe(load_depth_sequence(folder / "bend"), toy_model_in(dolls.similarity)).at(
        torch.tensor([FRAME])
    )
    posed = torch.tensor(dolls.sequence(0, "bend")[FRAME]).float()
    return observations, torch.tensor(dolls.canonical(0)).float(), posed[None]


@pytest.fixture(autouse=True)
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "POINTS", 300)
    monkeypatch.setattr(encoders, "OBSERVED", 200)


def row_of_frame() -> int:
    return toy_model().frames_of(IDENTITY)[FRAME]


def saying(shape: torch.Tensor, pose: torch.Tensor) -> NeuralParametricModel:
    """The toy model with encoders that say these codes (C,) whatever they see."""
    both = []
    for code in (shape, pose):
        encoder = VoxelEncoder(EncoderConfig(len(code), 16, (2, 2))).eval().requires_grad_(False)
        encoder.fc_out.weight.zero_()
        assert encoder.fc_out.bias is not None
        encoder.fc_out.bias.copy_(code)
        both.append(encoder)
    return dataclasses.replace(toy_model(), shape_encoder=both[0], pose_encoder=both[1])


def test_the_best_training_codes_are_those_of_the_frame_itself(
    seen: tuple[Observations, torch.Tensor, torch.Tensor],
) -> None:
    model = toy_model()
    assert model.pose_codes is not None
    observations, canonical, posed = seen
    training = TrainingCodes(model, 200, 0)
    assert len(training.poses) == len(model.pose_codes)  # there are fewer than 200
    distances = training.distances(canonical, posed)[0]
    own = int((training.poses == model.pose_codes[row_of_frame()]).all(dim=1).nonzero())
    assert int(distances.argmin()) == own and float(distances[own]) < 0.003
    assert int(training.owners[own]) == IDENTITY
    perfect = saying(model.shape_codes[IDENTITY], model.pose_codes[row_of_frame()])
    found = compare(perfect, training, observations, canonical, posed, 0)
    assert tuple(found) == STARTS
    for start in STARTS:
        assert found[start]["distance"] == pytest.approx(found["encoder"]["distance"], abs=1e-4)
        assert found[start]["score"] == pytest.approx(found["encoder"]["score"], abs=1e-4)


def test_an_encoder_that_is_wrong_is_farther_away_and_scores_worse(
    seen: tuple[Observations, torch.Tensor, torch.Tensor],
) -> None:
    model = toy_model()
    assert model.pose_codes is not None
    wrong = saying(model.shape_codes[1], model.pose_codes[model.frames_of(1)[5]])
    found = compare(wrong, TrainingCodes(model, 200, 0), *seen, 0)
    assert found["encoder"]["distance"][0] > 5 * found["best by truth"]["distance"][0]
    assert found["encoder"]["score"][0] > found["best by score"]["score"][0]


def test_points_are_brought_to_the_surface_of_another_shape() -> None:
    model = toy_model()
    points = 0.4 * (torch.rand((200, 3), generator=torch.Generator().manual_seed(0)) - 0.5)
    near = points[model.sdf(model.shape_codes[:1], points[None])[0].abs() < 0.05]
    there = onto_surface(model, model.shape_codes[3], near)
    assert len(near) > 20
    assert float(model.sdf(model.shape_codes[3:4], there[None]).abs().mean()) < 0.002


def test_a_model_without_encoders_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(encoders, "load_model", lambda path, device: toy_model())
    monkeypatch.setattr("sys.argv", ["encoders.py", "--model", str(tmp_path / "dolls.npm"), "--device", "cpu"])
    assert encoders.main() == 2
    assert "has no encoders" in capsys.readouterr().err
