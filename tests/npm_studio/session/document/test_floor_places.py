"""Where the subject of a run went, on the floor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.methods.run import Run, load_run
from npm_studio.session.document.floor_places import floor_places
from tests.support.present import present


@pytest.fixture(scope="module")
def run(fitted_run: Path) -> Run:
    return load_run(fitted_run)


def with_places(run: Run, places: list[NDArray[np.float64] | None]) -> Run:
    frames = [replace(frame, subject_to_world=place) for frame, place in zip(run.frames, places, strict=True)]
    return replace(run, frames=tuple(frames))


def at(x: float, y: float, z: float) -> NDArray[np.float64]:
    place = np.eye(4)
    place[:3, 3] = x, y, z
    return place


def test_a_way_is_as_long_as_it_was_around_the_origin_and_its_heights_are_left_out(run: Run) -> None:
    places = floor_places(with_places(run, [at(1, 0.9, 0), at(2, 1.0, 0), at(3, 0.9, 4)]))
    np.testing.assert_allclose(present(places)[:, :3, 3], [[-1, 0, -2], [0, 0, -2], [1, 0, 2]])


def test_who_is_not_upright_or_nowhere_has_no_place_on_a_floor(run: Run) -> None:
    lying = np.eye(4)[[0, 2, 1, 3]]
    assert floor_places(with_places(run, [lying] * 3)) is None
    assert floor_places(with_places(run, [at(0, 0, 0), None, at(1, 0, 0)])) is None
