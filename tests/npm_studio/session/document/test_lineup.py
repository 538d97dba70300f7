from dataclasses import replace

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh, vertex_normals
from npm_studio.session.document import lineup as module
from npm_studio.session.document.lineup import Lineup
from tests.support.compared import side, spheres


def test_frames_that_not_all_sides_have_are_left_out() -> None:
    first, second = side(spheres("a", [1, 2, 3], "012")), side(spheres("b", [1, 3], "02"))
    lineup = Lineup([first, second])
    assert lineup.frame_names == ("0", "2")
    assert [lineup.row(first, frame) for frame in (0, 1)] == [0, 2]
    assert [lineup.row(second, frame) for frame in (0, 1)] == [0, 1]
    assert lineup.left_out == {first: 1, second: 0}


def test_a_single_mesh_stands_beside_every_frame() -> None:
    still, moving = side(spheres("a", [1], ["canonical"])), side(spheres("b", [1, 2, 3], "xyz"))
    lineup = Lineup([still, moving])
    assert lineup.frame_names == ("x", "y", "z")
    assert {lineup.row(still, frame) for frame in range(3)} == {0}


def test_frames_of_other_names_are_joined_by_time() -> None:
    first, second = side(spheres("a", [1, 2], "01", start_s=0.1)), side(spheres("b", [3, 1, 2], "xyz"))
    lineup = Lineup([first, second])
    assert [lineup.row(second, frame) for frame in range(2)] == [1, 2]


def test_sides_of_different_recordings_are_refused() -> None:
    with pytest.raises(InputError, match="in common"):
        Lineup([side(spheres("a", [1, 1], "01")), side(spheres("b", [1, 1, 1], "xyz", start_s=100))])


def test_surfaces_have_normals_and_are_kept_as_far_as_memory_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    one = side(spheres("a", [1, 2], "01"))
    lineup = Lineup([one])
    surface = lineup.surface(one, 1)
    np.testing.assert_array_equal(surface.normals, vertex_normals(surface.vertices, surface.faces))
    assert lineup.surface(one, 1) is surface
    monkeypatch.setattr(module, "_MOST_HELD", 1)
    lineup.surface(one, 0)
    assert lineup.surface(one, 1) is not surface


def test_what_is_drawn_first_is_read_ahead_and_a_damaged_file_is_left_to_be_named_later() -> None:
    whole, read = spheres("a", [1, 2], "01"), []

    def reading(index: int) -> Mesh:
        read.append(index)
        if index == 1:
            raise InputError("1.ply", "is damaged")
        return whole.read(index)

    one = replace(side(whole), meshes=replace(whole, read=reading))
    lineup = Lineup([one])
    lineup.prepare(0)
    lineup.prepare(1)
    lineup.surface(one, 0)
    assert read == [0, 1]
    with pytest.raises(InputError, match="is damaged"):
        lineup.surface(one, 1)


def test_all_sides_stand_on_the_lowest_of_them() -> None:
    lineup = Lineup([side(spheres("a", [1, 2], "01"))], side(spheres("b", [3, 1], "01")))
    np.testing.assert_allclose(lineup.bounds, [[-3, -3, -3], [3, 3, 3]], atol=1e-5)
