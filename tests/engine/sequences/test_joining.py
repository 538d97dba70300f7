"""Which frames of two sequences belong together."""

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.sequences.joining import join_frames
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence


def frames(names: list[str], times: list[float]) -> MeshSequence:
    faces = np.array([[0, 1, 2]], np.int32)
    return mesh_sequence("+".join(names), np.zeros((len(names), 3, 3), np.float32), faces, names, np.array(times))


def test_frames_are_joined_by_name_whatever_their_place_and_time() -> None:
    joined = join_frames(frames(["a", "b", "c"], [0, 1, 2]), frames(["c", "x", "a"], [0, 1, 2]))
    assert (joined.pairs, joined.by) == (((0, 2), (2, 0)), "name")
    assert (joined.only_first, joined.only_second) == (("b",), ("x",))


def test_frames_without_a_name_in_common_are_joined_by_time() -> None:
    joined = join_frames(frames(["a", "b", "c"], [10.0, 10.1, 10.2]), frames(["x", "y"], [10.09, 10.21]))
    assert (joined.pairs, joined.by) == (((1, 0), (2, 1)), "time")
    assert joined.only_first == ("a",)


def test_a_frame_has_one_partner_at_most() -> None:
    joined = join_frames(frames(["a", "b", "c"], [0.0, 0.1, 0.12]), frames(["x", "y"], [0.0, 0.115]))
    assert joined.pairs == ((0, 0), (2, 1))


@pytest.mark.parametrize("times", [[7.0, 8.0], [0.5, 1.5], [np.nan, np.nan]])
def test_frames_are_never_joined_by_their_place(times: list[float]) -> None:
    with pytest.raises(InputError, match=r"a\+b and x\+y: have no frame names in common, nor times"):
        join_frames(frames(["a", "b"], [0.0, 1.0]), frames(["x", "y"], times))
