"""The benchmark of confidence, on frames that are made up: what is chosen on them, and how it is scored."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from calibration import Collected, choose, collected, logistic, print_reliability, print_scores, scores
from impossible import revolved, sphere, things
from weakened_fit import WEAKENINGS, Weakening, rounded, weakened

from engine.methods.npm.agreement import Agreement
from engine.methods.npm.observations import Observations
from engine.methods.npm.variables import Variables


def run(scene: str, lost: list[bool], gaps: list[float], counts: list[bool] | None = None) -> dict[str, Any]:
    frames: dict[str, Any] = {field.name: [0.001] * len(lost) for field in dataclasses.fields(Agreement)}
    frames |= {
        "surface": [0.003] * len(lost),
        "pose": [1.0] * len(lost),
        "pixels": gaps,
        "landmarks_mean": gaps,
        "lost": lost,
        "observed": [1.0] * len(lost),
    }
    frames |= {"counts": counts or [True] * len(lost), "surface_mm": [9.0] * len(lost)}
    return {"scene": scene, "weakening": "none", "frames": frames}


@pytest.fixture
def data() -> Collected:
    bad, good = [0.2] * 4, [0.002] * 6
    runs = [run(f"scene {number}", [True] * 4 + [False] * 6, bad + good) for number in range(4)]
    return collected([{"model": "toy", "runs": runs[:2]}, {"model": "toy", "runs": runs[2:]}])


def test_only_frames_that_count_are_looked_at_and_a_scene_from_afar_is_the_same_scene() -> None:
    near = run("walk", [True, False], [0.1, 0.1], counts=[True, False])
    far = run("walk-far", [True, False], [0.1, None], counts=[False, True])  # type: ignore[list-item]
    found = collected([{"model": "toy", "runs": [near, far]}])
    assert found.lost.tolist() == [True, False] and found.run.tolist() == [0, 1]
    assert set(found.scene) == {"walk"}
    assert found.found.pixels.isnan().tolist() == [False, True]


def test_frames_that_contradict_the_network_are_told_from_others(data: Collected) -> None:
    found = scores(data)
    assert (found.lost, found.frames) == (16, 40)
    assert found.recall == 1 and found.precision == 1
    assert found.recall_interval == (1, 1)


def test_a_measure_that_speaks_the_wrong_way_gets_no_weight() -> None:
    lost = np.arange(40) < 20
    noise = np.random.default_rng(0).normal(size=40)
    weights, offset = logistic(np.stack([lost + 0.3 * noise, 0.3 * noise - lost], axis=1), lost)
    assert weights[0] > 1 and weights[1] == 0
    assert offset < 0


def test_what_is_chosen_is_printed_as_constants(data: Collected, capsys: pytest.CaptureFixture[str]) -> None:
    choose(data)
    print_scores(scores(data))
    print_reliability(data)
    text = capsys.readouterr().out
    for word in ("WEIGHTS = {", "OFFSET = ", "LOST_BELOW = ", "recall", "precision", "16 of 40 frames"):
        assert word in text


def test_a_weakening_concerns_its_share_of_the_frames_and_turns_them_where_they_are() -> None:
    count = 8
    first = Variables(torch.zeros(2), torch.zeros(count, 3), torch.eye(3).repeat(count, 1, 1), torch.zeros(count, 3))
    middle = torch.tensor([0.0, 0.0, 1.0])
    observations = dataclasses.replace(_nothing(count), points=middle.expand(count, 5, 3).clone())
    found = weakened(first, observations, Weakening(turn=180, bend=1.0, share=0.5), scale=0.4, seed=3)
    changed = (found.rotations - first.rotations).abs().amax((1, 2)) > 0.1
    assert changed.sum() == 4
    assert (found.poses.abs().amax(1) > 0).tolist() == changed.tolist()
    placed = found.place(middle.expand(count, 1, 3))[:, 0]
    torch.testing.assert_close(placed, middle.expand(count, 3), atol=1e-5, rtol=0)


def test_no_weakening_leaves_the_start_as_it_is() -> None:
    first = Variables(torch.ones(2), torch.ones(2, 3), torch.eye(3).repeat(2, 1, 1), torch.ones(2, 3))
    found = weakened(first, _nothing(2), WEAKENINGS["none"], scale=0.4, seed=0)
    for name in ("shape", "poses", "rotations", "translations"):
        torch.testing.assert_close(getattr(found, name), getattr(first, name))


def test_things_where_a_person_should_be_stand_on_the_floor_and_are_as_large_as_people() -> None:
    for name, solids in things().items():
        vertices = np.concatenate([solid.vertices for solid in solids])
        assert abs(vertices[:, 1].min()) < 1e-9, name
        assert 0.7 < np.ptp(vertices, axis=0).max() < 2.1, name


def test_a_surface_of_revolution_is_closed_and_as_large_as_said() -> None:
    ball = sphere(0.5, bottom=0.2)
    np.testing.assert_allclose(ball.vertices[:, 1].min(), 0.2)
    np.testing.assert_allclose(np.linalg.norm(ball.vertices - [0, 0.7, 0], axis=1), 0.5, atol=1e-9)
    assert revolved([(0.1, 0.0), (0.1, 1.0)], around=12).faces.shape == (24, 3)


def test_figures_are_written_with_five_digits() -> None:
    assert rounded({"a": [0.123456789, 3], "b": np.array([1 / 3])}) == {"a": [0.12346, 3], "b": [0.33333]}


def _nothing(count: int) -> Observations:
    zeros = torch.zeros(count, 4, 4)
    return Observations(
        points=torch.zeros(count, 5, 3),
        normals=torch.zeros(count, 5, 3),
        seen=torch.ones(count, dtype=torch.bool),
        depth=zeros,
        subject=zeros > 0,
        silhouette=zeros.int(),
        empty_is_free=True,
        rotations=torch.eye(3)[None],
        translations=torch.zeros(1, 3),
        intrinsics=(1.0, 1.0, 2.0, 2.0),
        times_s=torch.arange(count).float(),
    )
