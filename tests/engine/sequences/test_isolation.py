"""Separating a subject from its room, and the planes of the room."""

import re
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import Cancelled, InputError
from engine.geometry.depth import point_image
from engine.sequences.isolation import Isolation, Isolator, isolate, largest_component
from engine.sequences.planes import Plane, background_planes, find_planes
from npm_studio.cli.words import words
from tests.support.depth_room import CAMERA, room_sequence
from tests.support.progress import Impatient


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def flooded(depth: np.ndarray, kept: np.ndarray, area: np.ndarray, gap: float) -> np.ndarray:
    """The largest component, pixel by pixel."""
    seen = ~kept
    best, best_area = np.zeros_like(kept), 0.0
    for start in zip(*np.nonzero(kept), strict=True):
        if seen[start]:
            continue
        seen[start] = True
        members, queue = [], deque([start])
        while queue:
            row, column = queue.popleft()
            members.append((row, column))
            for r, c in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                inside = 0 <= r < kept.shape[0] and 0 <= c < kept.shape[1]
                if (
                    inside
                    and not seen[r, c]
                    and abs(depth[r, c] - depth[row, column]) <= gap * min(depth[r, c], depth[row, column])
                ):
                    seen[r, c] = True
                    queue.append((r, c))
        size = sum(area[member] for member in members)
        if size > best_area:
            best, best_area = np.zeros_like(kept), size
            best[tuple(np.array(members).T)] = True
    return best


def test_without_conditions_the_sequence_stays_as_it_is() -> None:
    sequence, _, _ = room_sequence()
    assert isolate(sequence, Isolation()) is sequence


def test_a_depth_range_keeps_what_is_in_it() -> None:
    sequence, _, _ = room_sequence()
    isolated = isolate(sequence, Isolation(near_m=2.4, far_m=3.1))
    depth, whole = isolated.depth_m(1), sequence.depth_m(1)
    np.testing.assert_array_equal(depth, np.where((whole >= 2.4) & (whole <= 3.1), whole, 0))
    assert "subject isolated" in isolated.origin


def test_the_scene_around_the_subject_stays_at_hand_for_the_frames_that_are_kept() -> None:
    sequence, _, _ = room_sequence()
    assert sequence.scene is None
    isolated = isolate(sequence, Isolation(near_m=2.4, far_m=3.1))
    some = isolated.subset([2, 0])
    for subject, frames in ((isolated, [0, 1, 2]), (some, [2, 0])):
        assert subject.scene is not None
        assert subject.scene.frame_names == subject.frame_names
        for place, frame in enumerate(frames):
            np.testing.assert_array_equal(subject.scene.depth_m(place), sequence.depth_m(frame))
            assert (subject.depth_m(place) > 0).sum() < (subject.scene.depth_m(place) > 0).sum()


def test_the_scene_leaves_out_the_frames_that_the_subject_does() -> None:
    sequence, _, _ = room_sequence()
    last = sequence.subset([0, 1, 2])
    empty = np.zeros_like(sequence.depth_m(0))
    cut = replace(last, read_frame=lambda index: empty if index == 0 else sequence.depth_m(index))
    isolated = isolate(cut, Isolation(near_m=2.4, far_m=3.1))
    assert isolated.scene is not None
    assert isolated.frame_names == isolated.scene.frame_names == sequence.frame_names[1:]
    np.testing.assert_array_equal(isolated.scene.depth_m(0), sequence.depth_m(1))


@pytest.mark.parametrize(("near", "far"), [(3.0, 2.0), (2.0, 2.0), (float("nan"), None), (None, -1.0)])
def test_an_empty_depth_range_is_refused(near: float | None, far: float | None) -> None:
    with pytest.raises(InputError) as caught:
        isolate(room_sequence()[0], Isolation(near_m=near, far_m=far))
    assert "--near and --far" in caught.value.line(words)


@pytest.mark.parametrize("tilt", [0.0, 12.0, 30.0])
@pytest.mark.parametrize("noise", [False, True])
def test_floor_and_walls_go_and_the_subject_stays(tilt: float, noise: bool) -> None:
    sequence, masks, _ = room_sequence(tilt, noise=noise)
    isolated = isolate(sequence, Isolation(remove_planes=True, largest_component=True))
    assert len(isolated) == 3
    for index in range(3):
        assert overlap(isolated.depth_m(index) > 0, masks[index]) > 0.95
    assert "3 planes removed" in isolated.origin


def test_the_same_pixels_are_kept_each_time() -> None:
    sequence, _, _ = room_sequence()
    first, again = (Isolator(sequence, Isolation(remove_planes=True, largest_component=True))(1)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_preview_gives_the_depth_as_recorded_and_what_is_kept() -> None:
    sequence, _, _ = room_sequence()
    depth, kept = Isolator(sequence, Isolation(far_m=3.0))(2)
    np.testing.assert_array_equal(depth, sequence.depth_m(2))
    np.testing.assert_array_equal(kept, depth <= 3.0)


def test_a_subject_without_a_room_is_no_plane() -> None:
    sequence, masks, _ = room_sequence(background=False)
    assert background_planes(sequence) == ()
    isolated = isolate(sequence, Isolation(remove_planes=True))
    np.testing.assert_array_equal(isolated.depth_m(0) > 0, masks[0])
    assert "no floor or wall was found to remove" in [str(warning) for warning in isolated.warnings]


def test_a_flat_subject_that_the_picture_cuts_off_is_no_plane() -> None:
    depth = np.zeros((CAMERA.height, CAMERA.width), np.float32)
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    low = (rows > CAMERA.height // 2) & (np.abs(columns - CAMERA.width // 2) < CAMERA.width // 8)
    slope = (rows + 0.5 - CAMERA.cy) / CAMERA.fy
    depth[low] = (0.8 / (1 + 0.8 * slope))[low]  # leans back like a trunk seen from above
    assert find_planes([point_image(depth, CAMERA)]) == ()


def test_planes_are_found_where_they_are() -> None:
    sequence, _, pose = room_sequence(20.0)
    planes = background_planes(sequence)
    expected = [((0, 1, 0), 0.0), ((0, 0, 1), -1.5), ((1, 0, 0), -1.6)]
    found = 0
    for plane in planes:
        normal = pose[:3, :3] @ np.array(plane.normal)
        for axis, place in expected:
            if normal @ axis > 0.999:
                # a point of the plane, carried into the world, lies at the right place along the axis
                point = pose[:3, :3] @ (plane.offset * np.array(plane.normal)) + pose[:3, 3]
                assert point @ axis == pytest.approx(place, abs=0.01)
                found += 1
    assert found == 3
    assert [plane.is_floor for plane in planes].count(True) == 1


def test_the_height_over_a_plane_is_positive_on_the_camera_side() -> None:
    plane = Plane((0.0, 0.0, -1.0), -3.0)  # a wall three metres in front
    np.testing.assert_allclose(plane.height(np.array([[0, 0, 2.0], [5, 5, 3.0], [0, 0, 3.5]])), [1, 0, -0.5])


def test_images_without_points_have_no_planes() -> None:
    assert find_planes([np.full((20, 30, 3), np.nan, np.float32)]) == ()
    depth = np.zeros((CAMERA.height, CAMERA.width), np.float32)
    depth[3, 4] = 2
    assert find_planes([point_image(depth, CAMERA)]) == ()


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_component_is_that_of_a_flood_fill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = rng.choice(np.array([1.0, 1.05, 1.5], np.float32), (14, 17))
    kept = rng.random(depth.shape) < 0.8
    area = rng.random(depth.shape)
    np.testing.assert_array_equal(largest_component(depth, kept, area, 0.1), flooded(depth, kept, area, 0.1))


@pytest.mark.parametrize("size", [0.05, 1.0, 12.0])
def test_a_subject_of_any_size_is_one_thing_and_what_stands_behind_it_another(size: float) -> None:
    """From the size of a shoe to that of a hall: a slope of steps of three hundredths, and a wall a seventh behind."""
    depth = np.full((20, 30), 1.3, np.float32)
    depth[4:16, 5:25] = np.where(np.arange(20) % 2, 1.03, 1.0)
    kept = depth < 2
    kept[:3] = False
    area = np.where(depth < 1.1, 2.0, 1.0)
    np.testing.assert_array_equal(largest_component(depth * np.float32(size), kept, area), depth < 1.1)


@pytest.mark.parametrize("size", [0.05, 1.0, 12.0])
def test_floor_and_walls_of_any_size_go_and_the_subject_stays(size: float) -> None:
    """A room with all that is in it, from the size of a shoe box to that of a hangar."""
    sequence, masks, _ = room_sequence(noise=False)
    scaled = replace(sequence, read_frame=lambda index: sequence.depth_m(index) * np.float32(size))
    isolated = isolate(scaled, Isolation(remove_planes=True, largest_component=True))
    for index in range(3):
        assert overlap(isolated.depth_m(index) > 0, masks[index]) > 0.95


def test_of_no_pixels_nothing_is_the_largest_component() -> None:
    nothing = np.zeros((4, 5), bool)
    assert not largest_component(np.ones((4, 5), np.float32), nothing, np.ones((4, 5))).any()


@pytest.mark.parametrize("name", ["{:06d}.png", "mask{}.png"])
def test_masks_apply_by_name_or_by_order(tmp_path: Path, name: str) -> None:
    sequence, masks, _ = room_sequence(frames=11)
    for index, mask in enumerate(masks):
        Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / name.format(index))
    isolated = isolate(sequence, Isolation(masks=tmp_path))
    for index in (0, 2, 10):
        np.testing.assert_array_equal(isolated.depth_m(index) > 0, masks[index])


def test_frames_that_show_nothing_of_the_subject_stay_between_others_and_go_at_the_ends(tmp_path: Path) -> None:
    sequence, masks, _ = room_sequence(frames=6)
    for index, mask in enumerate(masks):
        Image.fromarray((mask * (index not in (0, 2, 5))).astype(np.uint8)).save(tmp_path / f"{index:06d}.png")
    isolated = isolate(sequence, Isolation(masks=tmp_path))
    assert isolated.frame_names == ("000001", "000002", "000003", "000004")
    assert not isolated.depth_m(1).any()
    for place, index in ((0, 1), (2, 3), (3, 4)):
        np.testing.assert_array_equal(isolated.depth_m(place) > 0, masks[index])
    said = [str(warning) for warning in isolated.warnings]
    assert said[0] == "2 of 6 frames left out: the first, 000000, shows nothing of the subject"
    assert said[1].startswith(
        "1 of 4 frames between others show nothing of the subject, the first is 000002: they stay"
    )


def test_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    sequence, masks, _ = room_sequence()

    def refusal() -> str:
        with pytest.raises(InputError) as caught:
            isolate(sequence, Isolation(masks=tmp_path / "masks"))
        return str(caught.value)

    assert "not a folder of masks" in refusal()
    (tmp_path / "masks").mkdir()
    Image.fromarray(masks[0]).save(tmp_path / "masks" / "000000.png")
    assert "1 masks for 3 frames" in refusal()
    for index in (1, 2):
        Image.fromarray(masks[0][:10]).save(tmp_path / "masks" / f"00000{index}.png")
    assert "000001.png: is 160x10 pixels" in refusal()
    (tmp_path / "masks" / "000001.png").write_bytes(b"no picture")
    assert "000001.png: cannot be decoded" in refusal()


def test_nothing_left_of_any_frame_is_refused_with_the_cure() -> None:
    with pytest.raises(InputError) as caught:
        isolate(room_sequence()[0], Isolation(far_m=0.5))
    assert re.search(r"nothing is left of any frame.*--near and --far", caught.value.line(words))


def test_isolating_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        isolate(room_sequence()[0], Isolation(far_m=3.0), Impatient())
