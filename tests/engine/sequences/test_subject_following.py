"""Several subjects of a model, followed from frame to frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.models.model import NeuralParametricModel
from engine.models.networks.coordinates import PixelCoordinates
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import regular_times
from engine.sequences.subject_finder import FoundSubject
from engine.sequences.subject_following import Found, SubjectFollower, _Track, _View, chosen_subject, each_subject
from tests.support.plate_room import PlateNetwork, plate_depth, plate_sequence, standing
from tests.support.toy_model import toy_model

Middle = tuple[float, float, float]
RATE = 15.0


class SureNetwork(PlateNetwork):
    """Is as sure of two plates as of one, and counts its crops and its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.crops = self.calls = 0

    def forward(self, crop: Tensor) -> PixelCoordinates:
        self.crops, self.calls = self.crops + len(crop), self.calls + 1
        said = super().forward(crop)
        return replace(said, log_deviation=said.log_deviation * 0 - 5)


@dataclass(frozen=True, eq=False)
class Room:
    """Frames of plates before a wall, and which pixels are of which plate, 1 and more."""

    sequence: DepthSequence
    labels: list[NDArray[np.int64]]


def room(*paths: Sequence[Middle | None]) -> Room:
    """One plate on each of ``paths``, None where it is not there."""
    depths, labels = [], []
    for middles in zip(*paths, strict=True):
        depth, label = plate_depth(None, standing())[0], np.zeros((96, 128), np.int64)
        for number, middle in enumerate(middles, 1):
            other, plate = plate_depth(middle, standing())
            nearer = plate & (other < depth)
            depth, label = np.where(nearer, other, depth), np.where(nearer, number, label)
        depths.append(depth)
        labels.append(label)
    count = len(depths)
    sequence = replace(
        plate_sequence([(0.0, 0.0, -3.0)]),
        frame_names=tuple(f"{index:06d}" for index in range(count)),
        times_s=regular_times(count, RATE),
        read_frame=lambda index: depths[index],
        cameras_to_world=np.tile(standing(), (count, 1, 1)),
    )
    return Room(sequence, labels)


def crossing(count: int = 31) -> Room:
    """The first plate goes to the right before the second one, which goes to the left."""
    across = np.linspace(-1.0, 1.0, count).tolist()
    return room([(x, 0.0, -2.6) for x in across], [(-x, -0.1, -3.4) for x in across])


def follow(sequence: DepthSequence, block: int = 1) -> tuple[list[Found], SubjectFollower, SureNetwork]:
    network = SureNetwork()
    follower = SubjectFollower(sequence, replace(toy_model(), coordinate_network=network))
    follower._block = block  # as on another device
    return list(follower(sequence.depth_m(index) for index in range(len(sequence)))), follower, network


def part_of(found: Found, subject: int, label: NDArray[np.int64], plate: int) -> float:
    """Of the pixels of a subject those that are of a plate; NaN where it is not found."""
    one = found[subject] if subject < len(found) else None
    return np.nan if one is None else float((label[one.mask] == plate).mean())


@pytest.mark.parametrize("block", [1, 8])
def test_subjects_that_cross_keep_their_numbers_and_their_pixels(block: int) -> None:
    here = crossing()
    found, follower, _ = follow(here.sequence, block)
    assert follower.subjects == [0, 1]
    first = 1 if part_of(found[0], 0, here.labels[0], 1) > 0.5 else 2
    for number, plate in enumerate((first, 3 - first)):
        parts = np.array([part_of(*each, plate) for each in zip(found, [number] * 31, here.labels, strict=True)])
        shown = np.array([(label == plate).sum() for label in here.labels])
        clear = shown > 0.7 * shown.max()
        assert np.nanmin(parts[clear]) > 0.8
        assert np.isnan(parts[clear]).sum() <= 1  # as one comes out from behind the other


def test_the_first_subject_is_the_one_that_shows_most_at_first() -> None:
    here = room([(-2.4, 0.0, -3.0)] * 4, [(0.7, 0.0, -3.8)] * 4)  # half of the nearer one is outside the picture
    found, _, _ = follow(here.sequence)
    assert part_of(found[0], 0, here.labels[0], 2) > 0.95
    assert part_of(found[0], 1, here.labels[0], 1) > 0.95


def test_one_who_enters_later_is_another_subject() -> None:
    late: list[Middle | None] = [None] * 20
    here = room([(-0.9, 0.0, -3.0)] * 60, [*late, *[(0.9, 0.0, -3.0)] * 40])
    found, follower, _ = follow(here.sequence)
    assert follower.subjects == [0, 1]
    assert [len(each) for each in found[:20]] == [1] * 20
    assert part_of(found[-1], 1, here.labels[-1], 2) > 0.95


def test_one_who_was_gone_for_a_while_is_the_same_subject() -> None:
    gone: list[Middle | None] = [None] * 25
    here = room([(-0.9, 0.0, -3.0)] * 60, [*[(0.8, 0.0, -2.6)] * 10, *gone, *[(0.9, 0.0, -2.6)] * 25])
    found, follower, _ = follow(here.sequence)
    assert follower.subjects == [0, 1]
    assert part_of(found[5], 0, here.labels[5], 2) > 0.95 and part_of(found[-1], 0, here.labels[-1], 2) > 0.95
    assert np.isnan(part_of(found[20], 0, here.labels[20], 2))


def test_one_who_comes_back_long_after_is_seen_at_once() -> None:
    there, gone = [(0.0, 0.0, -3.0)] * 5, [None] * 50
    here = room([*there, *gone, (1.0, 0.0, -3.0), (0.8, 0.0, -3.0), (0.6, 0.0, -3.0)])
    found, follower, _ = follow(here.sequence)
    assert follower.subjects == [0]
    assert all(part_of(found[frame], 0, here.labels[frame], 1) > 0.95 for frame in (55, 56, 57))
    assert all(found[frame][0] is None for frame in range(5, 55))


@pytest.mark.parametrize(("sureness", "score", "is_taken"), [(0.4, 0.004, False), (0.8, 0.004, True), (0.4, 0.1, True)])
def test_little_that_the_network_doubts_is_not_taken_for_one_who_has_left(
    monkeypatch: pytest.MonkeyPatch, sureness: float, score: float, is_taken: bool
) -> None:
    here = room([*[(0.0, 0.0, -3.0)] * 5, *[None] * 5])
    depth = here.sequence.depth_m(0)
    chair = replace(found_in(here.labels[0] == 1, depth, top=0.3, sureness=sureness), score=score)
    follower = SubjectFollower(here.sequence, model())
    usual = follower._finder.find_all
    monkeypatch.setattr(follower._finder, "find_all", lambda *given: [chair] if follower._tracks else usual(*given))
    found = list(follower(here.sequence.depth_m(frame) for frame in range(10)))
    assert (found[7][0] is chair) == is_taken


def test_blocks_of_frames_show_the_same_as_frame_by_frame_in_fewer_calls() -> None:
    here = room([(x, 0.0, -3.0) for x in np.linspace(-1.0, 1.0, 40).tolist()])
    one, _, slow = follow(here.sequence)
    many, _, fast = follow(here.sequence, block=8)
    assert fast.calls < 0.5 * slow.calls
    for found, other in zip(one, many, strict=True):
        assert found[0] is not None and other[0] is not None
        np.testing.assert_allclose(found[0].middle, other[0].middle, atol=0.05)
        assert (found[0].mask & other[0].mask).sum() > 0.9 * (found[0].mask | other[0].mask).sum()


def test_a_subject_that_leaps_is_found_again_in_the_middle_of_a_block() -> None:
    here = room([(-0.9, 0.0, -3.0)] * 11 + [(1.0, 0.0, -3.0)] * 11)
    found, _, _ = follow(here.sequence, block=8)
    assert part_of(found[12], 0, here.labels[12], 1) > 0.95 and part_of(found[-1], 0, here.labels[-1], 1) > 0.95


def legs(depth: NDArray[np.float32]) -> FoundSubject:
    """The lower half of a body in the lower half of an image (96, 128)."""
    mask = np.zeros(depth.shape, bool)
    mask[48:, 50:70] = True
    return found_in(mask, depth, top=0.0)


def found_in(mask: NDArray[np.bool_], depth: NDArray[np.float32], top: float, sureness: float = 0.8) -> FoundSubject:
    """A subject in the pixels of ``mask`` (H, W), from its feet at -0.4 up to ``top``, canonical."""
    rows = np.nonzero(mask)[0]
    height = -0.4 + (top + 0.4) * (rows.max() - rows) / np.ptp(rows)
    canonical = np.stack([0 * height, height, 0 * height], axis=1).astype(np.float32)
    middle = np.array([0.0, 0.0, float(depth[mask].mean())])
    return FoundSubject(np.flatnonzero(mask), canonical, 0 * canonical[:, 0], mask, middle, 0.02, sureness)


def view_of(depth: NDArray[np.float32], time_s: float) -> _View:
    return _View(depth, 0, standing(), time_s)


@pytest.mark.parametrize(("before", "may_be_taller"), [(1.5, True), (4.0, False), (0.0, False)])
def test_a_subject_may_turn_out_taller_if_something_hid_its_head(before: float, may_be_taller: bool) -> None:
    depth = np.full((96, 128), 2.5, np.float32)
    depth[:48] = before
    track = _Track()
    track.see(legs(depth), view_of(depth, 0.0))
    later = np.full((96, 128), 2.5, np.float32)
    mask = np.zeros(later.shape, bool)
    mask[5:, 50:70] = True
    cost = track.cost(found_in(mask, later, top=0.4), view_of(later, 0.5), is_alone=True)
    assert np.isfinite(cost) == may_be_taller


def test_a_subject_is_taken_for_cut_off_at_the_edge_of_the_image() -> None:
    depth = np.full((96, 128), 2.5, np.float32)
    mask = np.zeros(depth.shape, bool)
    mask[:, 50:70] = True
    track = _Track()
    track.see(found_in(mask, depth, top=0.1), view_of(depth, 0.0))
    assert np.isfinite(track.cost(found_in(mask, depth, top=0.4), view_of(depth, 0.5), is_alone=True))


def test_what_the_network_doubts_is_taken_last() -> None:
    depth = np.full((96, 128), 2.5, np.float32)
    track, view = _Track(), view_of(depth, 0.5)
    track.see(legs(depth), view_of(depth, 0.0))
    farther = replace(legs(depth), middle=np.array([0.5, 0.0, 2.5]))
    doubtful = replace(legs(depth), sureness=0.33)
    assert track.cost(legs(depth), view, True) < track.cost(farther, view, True) < track.cost(doubtful, view, True)


def model() -> NeuralParametricModel:
    return replace(toy_model(), coordinate_network=SureNetwork())


def test_each_subject_is_isolated_from_all_else() -> None:
    here = crossing()
    subjects = each_subject(here.sequence, model())
    assert len(subjects) == 2
    first = here.labels[0]
    plates = {int(np.median(first[subject.depth_m(0) > 0])) for subject in subjects}
    assert plates == {1, 2}
    for subject in subjects:
        kept = subject.depth_m(0) > 0
        plate = np.median(first[kept])
        assert subject.scene is not None and "subject" in subject.origin
        assert (first[kept] == plate).mean() > 0.95
        assert kept.sum() > 0.85 * (first == plate).sum()


def test_a_subject_that_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(InputError, match="2 subjects were found; choose from 1 to 2"):
        chosen_subject(crossing(7).sequence, model(), 3)


def test_a_model_without_a_coordinate_network_tells_no_subjects_apart() -> None:
    with pytest.raises(InputError, match="coordinate network"):
        chosen_subject(crossing(7).sequence, toy_model(), 1)
