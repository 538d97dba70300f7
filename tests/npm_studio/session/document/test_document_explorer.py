import numpy as np
import pytest
import torch

from engine.models.model import NeuralParametricModel
from npm_studio.session.document.explorer import Codes, Explorer, blend
from tests.support.toy_model import toy_model


@pytest.fixture
def explorer() -> Explorer:
    return Explorer(toy_model())


def test_a_slider_sets_its_own_coefficient_and_leaves_the_others(explorer: Explorer) -> None:
    explorer.randomise("pose")
    before = explorer.coefficients("pose")
    explorer.move("pose", 2, 1.25)
    after = explorer.coefficients("pose")
    assert float(after[2]) == pytest.approx(1.25, abs=1e-4)
    others = [i for i in range(len(after)) if i != 2]
    np.testing.assert_allclose(after[others], before[others], atol=1e-4)


def test_moving_a_slider_there_and_back_restores_the_code_of_an_identity(explorer: Explorer) -> None:
    explorer.show_identity(2)
    original, start = explorer.codes.shape, float(explorer.coefficients("shape")[0])
    explorer.move("shape", 0, 2.0)
    assert not torch.allclose(explorer.codes.shape, original, atol=1e-3)
    explorer.move("shape", 0, start)
    torch.testing.assert_close(explorer.codes.shape, original, atol=1e-5, rtol=0)


def test_reset_gives_coefficients_of_zero(explorer: Explorer) -> None:
    explorer.randomise("shape")
    assert float(explorer.coefficients("shape").abs().max()) > 0.1
    explorer.reset("shape")
    np.testing.assert_allclose(explorer.coefficients("shape"), 0, atol=1e-5)


def test_the_same_seed_gives_the_same_random_shapes() -> None:
    first, second = Explorer(toy_model(), seed=7), Explorer(toy_model(), seed=7)
    first.randomise("shape")
    second.randomise("shape")
    torch.testing.assert_close(first.codes.shape, second.codes.shape)


def test_jumping_to_an_identity_keeps_the_pose_and_to_a_frame_keeps_the_shape(explorer: Explorer) -> None:
    model = explorer.model
    assert model.pose_codes is not None
    explorer.show_frame(5)
    explorer.show_identity(1)
    torch.testing.assert_close(explorer.codes.shape, model.shape_codes[1])
    assert explorer.codes.pose is not None
    torch.testing.assert_close(explorer.codes.pose, model.pose_codes[5])


def test_a_whole_drag_is_undone_at_once(explorer: Explorer) -> None:
    explorer.show_identity(1)
    start = explorer.codes
    for value in (0.1, 0.5, 0.9):
        explorer.move("shape", 0, value)
    explorer.end_move()
    explorer.move("shape", 0, 2.0)
    explorer.undo()
    assert float(explorer.coefficients("shape")[0]) == pytest.approx(0.9, abs=1e-4)
    explorer.undo()
    assert explorer.codes is start
    explorer.redo()
    assert float(explorer.coefficients("shape")[0]) == pytest.approx(0.9, abs=1e-4)


def test_every_change_is_announced(explorer: Explorer) -> None:
    calls: list[str] = []
    explorer.changed.connect(lambda: calls.append("changed"))
    explorer.randomise("shape")
    explorer.move("pose", 0, 1.0)
    explorer.show_canonical_pose()
    explorer.undo()
    assert len(calls) == 4


def test_a_model_without_poses_has_shape_sliders_only() -> None:
    model = toy_model()
    bare = NeuralParametricModel(model.info, model.shape_decoder, model.shape_codes)
    explorer = Explorer(bare)
    assert explorer.directions("shape") > 0
    assert explorer.directions("pose") == 0
    assert explorer.codes.pose is None


def test_a_blend_moves_only_the_space_it_was_asked_for() -> None:
    start, end = Codes(torch.zeros(4), torch.zeros(3)), Codes(torch.ones(4), torch.full((3,), 2.0))
    both, shape, pose = (blend(start, end, 0.25, space) for space in ("both", "shape", "pose"))
    assert both.pose is not None
    assert shape.pose is not None
    assert pose.pose is not None
    np.testing.assert_allclose(both.shape, 0.25)
    np.testing.assert_allclose(both.pose, 0.5)
    np.testing.assert_allclose(shape.pose, 0.0)
    np.testing.assert_allclose(pose.shape, 0.0)
