"""Dolls whose right arm is the longer one stand for right hands; in a mirror they are left ones."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.core.errors import InputError, Notice
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FitPreview
from engine.methods.npm.method import METHOD
from engine.methods.npm.sides import SidedObservations, observe_side
from engine.methods.request import FitRequest
from engine.methods.run import Run, canonical_surface, load_run
from engine.methods.run_summary import is_mirrored, side_facts, side_text
from engine.models.labels import SideWord
from engine.models.model import NeuralParametricModel
from engine.models.networks.coordinates import CoordinateConfig, CoordinateNetwork, PixelCoordinates
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence, save_depth_sequence
from engine.sequences.mirroring import mirrored_points, mirrored_sequence
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import toy_model

QUICK = FitConfig(steps=6, surface_points=128, free_space_points=32, resolution=32)
Wanted = Literal["auto", "left", "right"]


class ArmNetwork(CoordinateNetwork):
    """Takes all that it sees for a doll, and one whose left arm is the longer one for a mirrored one."""

    def __init__(self, sureness: float, bias: float = 0.0, sides: bool = True) -> None:
        super().__init__(CoordinateConfig(size=64, channels=(1, 1), heads=1, sides=sides, upright=False))
        self.sureness, self.bias = sureness, bias

    def forward(self, crop: Tensor) -> PixelCoordinates:
        points, valid = crop[:, :3], crop[:, 3] > 0
        x = points[:, 0]
        longer = torch.where(valid, x, -1.0).amax((1, 2)) + torch.where(valid, x, 1.0).amin((1, 2))
        told = self.bias - self.sureness * longer.sign()
        deviation = torch.full_like(x, -3.0)
        foreground = torch.where(valid, 4.0, -4.0)
        return PixelCoordinates(points, deviation, foreground, None, told if self.config.sides else None)


class Hears(Progress):
    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.previews: list[FitPreview] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def preview(self, payload: object) -> None:
        assert isinstance(payload, FitPreview)
        self.previews.append(payload)

    def wants_preview(self) -> bool:
        return True


def of_side(side: SideWord | None = "right", network: CoordinateNetwork | None = None) -> NeuralParametricModel:
    model = toy_model()
    recipe = {"generator": "dolls"} if side is None else {"generator": "dolls", "side": side}
    info = replace(model.info, training={**model.info.training, "recipe": recipe})
    return replace(model, info=info, coordinate_network=network)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> DepthSequence:
    """A doll in two frames."""
    model = toy_model()
    assert model.pose_codes is not None
    similarity, camera = model.info.similarity, PinholeCamera(160, 120, 143.0, 144.0, 82.0, 60.0)
    pose = front_camera_to_world(similarity)
    mesh = extract_surface(model, model.shape_codes[0], 48)
    depths = [
        render_depth(
            similarity.to_world(pose_vertices(model, model.shape_codes[0], code, mesh.vertices)),
            mesh.faces,
            camera,
            pose,
        )
        for code in model.pose_codes[:2]
    ]
    folder = tmp_path_factory.mktemp("sides") / "right"
    save_depth_sequence(folder, depths, camera, pose, 10.0)
    return load_depth_sequence(folder)


@pytest.fixture(scope="module")
def left(right: DepthSequence) -> DepthSequence:
    return mirrored_sequence(right, toy_model().info.similarity.centre[0])


def observed(
    source: DepthSequence, model: NeuralParametricModel, wanted: Wanted = "auto"
) -> tuple[SidedObservations, list[Notice]]:
    hears = Hears()
    return observe_side(source, model, wanted, 0, hears), hears.notices


def fitted(
    source: DepthSequence, model: NeuralParametricModel, out: Path, wanted: Wanted, progress: Progress | None = None
) -> Run:
    config = QUICK.model_copy(update={"side": wanted})
    run_fit(FitRequest(METHOD, config, source, out, LoadedModel(Path("dolls.npm"), model)), progress)
    return load_run(out)


@pytest.mark.parametrize("with_network", [False, True])
def test_a_left_hand_is_fitted_as_the_mirror_image_of_a_right_one(
    right: DepthSequence, left: DepthSequence, tmp_path: Path, with_network: bool
) -> None:
    """To the last digit: in the mirror the recordings are the same."""
    model, x = of_side(network=ArmNetwork(3.0) if with_network else None), toy_model().info.similarity.centre[0]
    hears = Hears(), Hears()
    one = fitted(right, model, tmp_path / "right", "right", hears[0])
    other = fitted(left, model, tmp_path / "left", "left", hears[1])
    for mesh, there in zip(one.meshes, other.meshes, strict=True):
        np.testing.assert_allclose(there.vertices, mirrored_points(mesh.vertices, x), atol=1e-5)
        np.testing.assert_array_equal(there.faces, mesh.faces[:, ::-1])
    surfaces = canonical_surface(one), canonical_surface(other)
    assert surfaces[0] is not None and surfaces[1] is not None
    np.testing.assert_allclose(surfaces[1].vertices, mirrored_points(surfaces[0].vertices, x), atol=1e-5)
    for frame, left_frame in zip(one.frames, other.frames, strict=True):
        assert frame.mean_distance_mm == pytest.approx(left_frame.mean_distance_mm, rel=0.05)  # of random pixels
        assert left_frame.subject_to_world is not None
        assert np.linalg.det(left_frame.subject_to_world[:3, :3]) == pytest.approx(1.0)
    np.testing.assert_allclose(
        hears[1].previews[-1].vertices, hears[0].previews[-1].vertices * torch.tensor([-1.0, 1.0, 1.0]), atol=1e-5
    )
    assert side_facts(other) == {"word": "left", "fitted": "left", "how": "as stated"}
    assert side_text(other) == "side: left, as stated"
    assert is_mirrored(other) and not is_mirrored(one)


@pytest.mark.parametrize("bias", [-2.0, 2.0])
@pytest.mark.parametrize("own", ["right", "left"])
def test_the_network_tells_the_side_however_often_it_has_seen_each(
    right: DepthSequence, left: DepthSequence, own: SideWord, bias: float
) -> None:
    model = of_side(own, ArmNetwork(3.0, bias))
    other: SideWord = "left" if own == "right" else "right"
    for source, word in ((right, own), (left, other)):
        taken, notices = observed(source, model)
        assert taken.side is not None and notices == []
        assert (taken.side.word, taken.side.fitted) == (word, word)
        assert taken.side.how == "by the network, 20.1 to 1"
        assert taken.is_mirrored == (word != own)
        np.testing.assert_allclose(taken.source.depth_m(0), right.depth_m(0))
        assert len(taken.observations) == 2 and taken.observations.coordinates is not None


@pytest.mark.parametrize("network", [ArmNetwork(0.3), ArmNetwork(3.0, sides=False), None])
def test_a_side_that_is_uncertain_is_that_of_the_model_with_a_warning(
    left: DepthSequence, network: CoordinateNetwork | None
) -> None:
    taken, (notice,) = observed(left, of_side("right", network))
    assert taken.side is not None and not taken.is_mirrored
    assert (taken.side.word, taken.side.fitted) == ("uncertain", "right")
    assert "it is taken for a right one" in str(notice) and "the field side left" in str(notice)


def test_what_is_stated_is_not_asked_of_the_network(left: DepthSequence) -> None:
    taken, notices = observed(left, of_side("right", ArmNetwork(3.0)), "right")
    assert taken.side is not None and (taken.side.word, taken.is_mirrored, notices) == ("right", False, [])


def test_models_of_what_has_no_sides_are_never_mirrored(left: DepthSequence) -> None:
    taken, notices = observed(left, of_side(None, ArmNetwork(3.0)))
    assert (taken.side, taken.is_mirrored, notices) == (None, False, [])
    with pytest.raises(InputError, match="does not say of which side it is"):
        observed(left, of_side(None), "left")


def test_runs_of_methods_without_sides_say_none(right: DepthSequence, tmp_path: Path) -> None:
    run = fitted(right, of_side(None), tmp_path / "run", "auto")
    assert side_text(run) == "" and set(side_facts(run).values()) == {None}
