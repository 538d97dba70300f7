from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.models.model import NeuralParametricModel
from npm_studio.session.document.explorer import Explorer, codes_of, tensor_of
from npm_studio.session.document.state import DocumentState, Exploration, Interpolation, Keyframe, Transfer
from tests.support.present import present
from tests.support.toy_model import toy_model


@pytest.fixture
def explorer() -> Explorer:
    return Explorer(toy_model(), seed=0)


def test_a_slider_sets_its_own_coefficient_and_leaves_the_others(explorer: Explorer) -> None:
    now = explorer.randomised(explorer.first(), "pose")
    before = explorer.coefficients(now, "pose")
    after = explorer.coefficients(explorer.moved(now, "pose", 2, 1.25), "pose")
    assert float(after[2]) == pytest.approx(1.25, abs=1e-4)
    others = [i for i in range(len(after)) if i != 2]
    np.testing.assert_allclose(after[others], before[others], atol=1e-4)


def test_moving_a_slider_there_and_back_restores_the_code_of_an_identity(explorer: Explorer) -> None:
    now = explorer.with_identity(explorer.first(), 2)
    start = float(explorer.coefficients(now, "shape")[0])
    moved = explorer.moved(now, "shape", 0, 2.0)
    assert not np.allclose(moved.shape, now.shape, atol=1e-3)
    np.testing.assert_allclose(explorer.moved(moved, "shape", 0, start).shape, now.shape, atol=1e-5)


def test_reset_gives_coefficients_of_zero(explorer: Explorer) -> None:
    now = explorer.randomised(explorer.first(), "shape")
    assert float(explorer.coefficients(now, "shape").abs().max()) > 0.1
    np.testing.assert_allclose(explorer.coefficients(explorer.reset(now, "shape"), "shape"), 0, atol=1e-5)


def test_the_same_seed_gives_the_same_random_shapes_and_none_gives_others() -> None:
    shapes = [Explorer(toy_model(), seed).randomised(Exploration(), "shape").shape for seed in (7, 7, None, None)]
    assert shapes[0] == shapes[1]
    assert shapes[2] != shapes[3]


def test_jumping_to_an_identity_keeps_the_pose_and_to_a_frame_keeps_the_shape(explorer: Explorer) -> None:
    now = explorer.with_identity(explorer.with_frame(explorer.first(), 5), 1)
    codes, model = codes_of(now), explorer.model
    torch.testing.assert_close(codes.shape, model.shape_codes[1])
    torch.testing.assert_close(present(codes.pose), present(model.pose_codes)[5])


def test_where_codes_are_from_is_known_until_they_are_moved(explorer: Explorer) -> None:
    now = explorer.with_frame(explorer.with_identity(explorer.first(), 2), 8)
    assert (now.identity, now.row, now.shape_name) == (2, 8, "Stout")
    moved = explorer.moved(explorer.moved(now, "shape", 0, 1.0), "pose", 0, 1.0)
    assert (moved.identity, moved.row, moved.clip_row) == (None, None, 8)
    assert (moved.shape_name, moved.pose_name) == ("Own shape", "Own pose")
    still = explorer.in_canonical_pose(moved)
    assert (still.pose, still.clip_row, still.shape) == (None, None, moved.shape)


def test_a_model_without_poses_has_shape_sliders_only() -> None:
    model = toy_model()
    explorer = Explorer(NeuralParametricModel(model.info, model.shape_decoder, model.shape_codes))
    assert explorer.directions("shape") > 0
    assert explorer.directions("pose") == 0
    assert explorer.first().pose is None
    assert len(explorer.coefficients(explorer.first(), "pose")) == 0
    assert explorer.first_interpolation().space == "shape"


def test_codes_are_the_same_tensor_as_long_as_they_are_equal(explorer: Explorer) -> None:
    now = explorer.first()
    again = explorer.with_identity(explorer.randomised(now, "shape"), 0)
    assert again.shape is not now.shape
    assert tensor_of(now.shape) is tensor_of(again.shape)
    assert torch.equal(tensor_of(now.shape), explorer.model.shape_codes[0])


def test_what_is_not_of_the_model_is_as_when_it_is_opened(explorer: Explorer) -> None:
    fresh = explorer.fitting(DocumentState())
    assert fresh.explore == explorer.first()
    assert fresh.interpolate == explorer.first_interpolation()
    own = replace(fresh, explore=explorer.randomised(fresh.explore, "shape"))
    assert explorer.fitting(own) == own
    wrong = replace(
        own,
        explore=replace(own.explore, shape=(1.0, 2.0)),
        interpolate=Interpolation((Keyframe(0.0, explorer.trained(0)), Keyframe(1.0, Exploration(identity=99)))),
        transfer=Transfer((explorer.trained(0),), Exploration(row=10**6)),
    )
    assert explorer.fitting(wrong) == fresh


def test_random_codes_are_named_by_a_seed_that_draws_them_again_and_leave_locked_directions_alone() -> None:
    explorer = Explorer(toy_model())
    now = explorer.moved(explorer.first(), "shape", 1, 1.25)
    drawn = explorer.randomised(now, "shape")
    seed = int(drawn.shape_name.removeprefix("Random shape "))
    assert explorer.randomised(now, "shape", seed=seed).shape == drawn.shape
    locked = explorer.randomised(now, "shape", locked=(1,), seed=seed)
    values, free = (explorer.coefficients(one, "shape") for one in (locked, drawn))
    assert float(values[1]) == pytest.approx(1.25, abs=1e-4)
    assert float(values[0]) == pytest.approx(float(free[0]), abs=1e-4)
    assert float(free[1]) != pytest.approx(1.25, abs=1e-3)


def test_the_ends_of_a_direction_are_the_mean_body_moved_along_it_alone() -> None:
    explorer = Explorer(toy_model(), seed=0)
    end = explorer.end("pose", 1, -2.0)
    assert torch.equal(end.shape, explorer.mean("shape"))
    values = explorer.coefficients_of(present(end.pose)[None], "pose")[0]
    torch.testing.assert_close(values, -2.0 * torch.eye(len(values))[1], atol=1e-4, rtol=0)
    assert explorer.end("shape", 0, 1.0).pose is None


def test_the_map_moves_two_directions_and_leaves_locked_and_all_others_alone() -> None:
    explorer = Explorer(toy_model(), seed=0)
    now = explorer.first()
    before = explorer.coefficients(now, "shape")
    after = explorer.coefficients(explorer.moved_on_map(now, "shape", (0.5, -1.0)), "shape")
    torch.testing.assert_close(after[:2], torch.tensor([0.5, -1.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(after[2:], before[2:], atol=1e-4, rtol=0)
    locked = explorer.coefficients(explorer.moved_on_map(now, "shape", (0.5, -1.0), locked=(0,)), "shape")
    assert float(locked[0]) == pytest.approx(float(before[0]), abs=1e-4)
    assert len(explorer.training_coefficients("pose")) == 24
    assert explorer.title_of("shape", 2) == "Stout"
    assert explorer.title_of("pose", 8) == "Small, Bend, frame 3"
