"""Following the subjects of a model from frame to frame, each by where it is expected and by how it looks.

A block of frames is looked at at once, with places that are foretold from the last one and its velocity. Where
something is not as expected the block ends, and the frame is looked at by itself: everywhere, from time to time, and
what is found is assigned to those who are followed, or is a new one.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Choice, InputError, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.empty_frames import settle_empty
from engine.sequences.isolation import MAX_GAP, masked, packed
from engine.sequences.planes import background_planes, thickness, to_first_camera
from engine.sequences.subject_finder import SURE, FoundSubject, SubjectFinder

Found = tuple[FoundSubject | None, ...]
"""Of one frame, what is seen of each subject."""

_FAMILIAR = 0.5
"""Fraction of the score of the frame before, with which a subject counts as followed."""
_BLOCK, _BLOCK_S = 16, 0.5
"""Frames, and seconds, that are looked at at once on a device that is fast and slow to start."""
_CLOSE = 0.4
"""Canonical units between two subjects across the line of sight, below which each frame is looked at by itself."""
_RECORDED_FROM = 0.1, 10.0
"""Canonical units: within these distances subjects are recorded, bodies from 0.25 to 25 m."""
_JUMP = 0.15
"""Canonical units from where a subject is expected, beyond which the frame is looked at by itself."""
_VELOCITY_S = 0.3
"""Seconds over which a velocity is measured: the middle of what is seen wavers."""
_CLEAR = 0.7
"""Of its usual score, with which the middle of what is seen of a subject is its own."""
_FORETOLD_S = 1.0
"""Seconds for which a subject is expected to go on as it went."""
_LOST_S = 1.0
"""Seconds after which a subject that was not seen is no longer looked for where it is expected."""
_REACH_M, _REACH_M_PER_S = 0.5, 4.0
"""How far from where it is expected a subject may be found, and how much farther for each second that it was lost."""
_APART_M, _UNLIKE, _DOUBTFUL = 0.3, 0.03, 0.1
"""Metres, canonical units between heights of head and feet, and sureness short of `SURE`, that speak equally against an
assignment."""
_OTHER_BODY = 0.08
"""Canonical units that a subject is not taller than it was."""
_ABOVE = 0.025
"""Of the height of the image, above what is highest of a subject, in which something may hide more of it."""
_SEARCH_S, _ENTER_S = 0.25, 2.0
"""Seconds between two searches of everything while somebody is lost, and while nobody is."""
_FEWEST_FRAMES = 3
"""In which a subject is found, if there are as many; others than the first that are seen in fewer are none."""


@dataclass(frozen=True, eq=False)
class _View:
    """One frame."""

    depth: NDArray[np.float32]
    """(H, W) metres, of all that may be a subject"""
    index: int
    pose: NDArray[np.float64]
    """(4, 4) camera axes to world"""
    time_s: float

    def to_world(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.pose[:3, :3] @ point + self.pose[:3, 3])

    def to_camera(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((point - self.pose[:3, 3]) @ self.pose[:3, :3])


@dataclass(eq=False)
class _Track:
    """One subject as far as it was followed."""

    clear: deque[tuple[float, NDArray[np.float64]]] = field(default_factory=lambda: deque(maxlen=64))
    """Times and middles (3,), world, of frames in which much of it was seen: half hidden, its middle is elsewhere."""
    heights: deque[NDArray[np.float64]] = field(default_factory=lambda: deque(maxlen=64))
    """Of its head and feet, canonical, in these frames; NaN of a head that was hidden."""
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    """In these frames."""
    score: float = 0.0
    seen_s: float = 0.0
    """When it was last seen."""
    frames: int = 0

    def see(self, found: FoundSubject, view: _View) -> None:
        is_late = not self.clear or view.time_s - self.clear[-1][0] > _FORETOLD_S
        if is_late or found.score > _CLEAR * float(np.median(self.scores)):
            self.clear.append((view.time_s, view.to_world(found.middle)))
            top, bottom = _heights(found)
            self.heights.append(np.array([top if _shows_its_top(found, view.depth) else np.nan, bottom]))
            self.scores.append(found.score)
        self.score, self.seen_s, self.frames = found.score, view.time_s, self.frames + 1

    def lost_s(self, time_s: float) -> float:
        """Seconds since it was seen."""
        return time_s - self.seen_s

    def expected(self, time_s: float) -> NDArray[np.float64]:
        """Where (3,) it is expected, world."""
        now, middle = self.clear[-1]
        recent = sum(now - then <= _VELOCITY_S for then, _ in self.clear)
        then, place = self.clear[-min(max(recent, 2), len(self.clear))]
        velocity = (middle - place) / (now - then) if now > then else np.zeros(3)
        return np.asarray(middle + velocity * min(time_s - now, _FORETOLD_S))

    def cost(self, found: FoundSubject, view: _View, is_alone: bool) -> float:
        """Of taking what was found for this subject; infinite where it cannot be. One that ``is_alone`` may leap."""
        apart = float(np.linalg.norm(view.to_world(found.middle) - self.expected(view.time_s)))
        heights = np.array(self.heights).T
        known = np.array([np.median(each[~np.isnan(each)]) if (~np.isnan(each)).any() else np.nan for each in heights])
        taller = np.nan_to_num(_heights(found) - known)  # who was never seen whole may be as tall as can be
        too_far = apart > _REACH_M + _REACH_M_PER_S * self.lost_s(view.time_s) and not is_alone
        if too_far or taller[0] > _OTHER_BODY:
            return np.inf
        doubt = max(0.0, SURE - found.sureness) / _DOUBTFUL
        return apart / _APART_M + float(np.abs(taller).mean()) / _UNLIKE + doubt


def _shows_any(seen: dict[int, FoundSubject | None]) -> bool:
    return any(found is not None for found in seen.values())


def _heights(found: FoundSubject) -> NDArray[np.float64]:
    """Highest and lowest canonical height (2,) of what is seen of a subject, which no pose changes."""
    return np.percentile(found.canonical[:, 1], (98, 2)).astype(np.float64)


def _shows_its_top(found: FoundSubject, depth: NDArray[np.float32]) -> bool:
    """Whether what is highest of a subject is its head, as far as an image (H, W) tells: whether it ends neither at the
    edge of the image nor below something nearer."""
    height, width = depth.shape
    band, heights = max(1, round(_ABOVE * height)), found.canonical[:, 1]
    columns = np.unique(found.pixels[heights >= np.percentile(heights, 98)] % width)
    rows = found.mask[:, columns].argmax(axis=0)
    own, above = depth[rows, columns], rows[:, None] - 1 - np.arange(band)
    beyond = depth[above.clip(0), columns[:, None]]
    is_hidden = ((beyond > 0) & (beyond < (1 - MAX_GAP) * own[:, None])).any(axis=1) | (rows < band)
    return bool(is_hidden.mean() < 0.5)


class SubjectFollower:
    """Finds the subjects of a model in one frame of a sequence after the other.

    The first subject is the one that shows most in the first frame that shows any; others follow by what they show
    there, and then in the order in which they enter.
    """

    def __init__(self, sequence: DepthSequence, model: NeuralParametricModel) -> None:
        """
        Args:
            model: with a coordinate network
        """
        assert model.coordinate_network is not None
        self._sequence = sequence
        self._finder = SubjectFinder(
            model.coordinate_network, model.info.similarity.scale, sequence.camera, model.device
        )
        self._block = _BLOCK if model.device.type == "cuda" else 1
        self._is_still = stands_still(sequence.cameras_to_world)
        self._planes = background_planes(sequence) if sequence.scene is None else ()
        self._background = np.zeros((sequence.camera.height, sequence.camera.width), np.float32)
        self._tracks: list[_Track] = []
        self._searched_s = -np.inf
        self._is_usual = True

    @property
    def subjects(self) -> list[int]:
        """Numbers, from 0, of the subjects that were seen in more than a few frames, and of the first one."""
        fewest = min(_FEWEST_FRAMES, len(self._sequence))
        return [number for number, track in enumerate(self._tracks) if number == 0 or track.frames >= fewest]

    def __call__(self, depths: Iterable[NDArray[np.float32]]) -> Iterator[Found]:
        """What is seen in each frame of each subject that has been seen by then.

        Args:
            depths: images (H, W) of all frames, metres, 0 for what cannot be a subject; some are read ahead
        """
        sequence = self._sequence
        views = (
            _View(depth, index, sequence.camera_at(index), float(sequence.times_s[index]))
            for index, depth in enumerate(depths)
        )
        waiting: deque[_View] = deque()
        while True:
            waiting.extend(islice(views, self._block - len(waiting)))
            if not waiting:
                return
            for found in self._advance(list(islice(waiting, self._length(waiting)))):
                waiting.popleft()
                yield found

    def _length(self, waiting: Sequence[_View]) -> int:
        """How many of the next frames are looked at at once."""
        first = waiting[0].time_s
        alive = self._alive(first)
        if not alive or not self._is_usual:
            return 1
        places = [waiting[0].to_camera(self._tracks[number].expected(first)) for number in alive]
        for one, other in combinations(places, 2):
            nearer = max(1e-3, min(one[2], other[2]))
            apart = one[:2] / max(one[2], 1e-3) - other[:2] / max(other[2], 1e-3)
            if np.linalg.norm(apart) * nearer * self._finder.scale < _CLOSE:
                return 1
        return max(1, sum(view.time_s - first <= _BLOCK_S for view in waiting))

    def _alive(self, time_s: float) -> list[int]:
        """Numbers of those who are looked for where they are expected."""
        seen_last = max((track.seen_s for track in self._tracks), default=0.0)
        limit = max(_LOST_S, time_s - seen_last)
        return [number for number, track in enumerate(self._tracks) if track.lost_s(time_s) <= limit]

    def _advance(self, views: Sequence[_View]) -> Iterator[Found]:
        """What is seen in the first of ``views``, and in those after it in which nothing unexpected is."""
        alive = self._alive(views[0].time_s)
        device = self._finder.device
        depth = torch.from_numpy(np.stack([view.depth for view in views])).to(device)
        up = torch.tensor(np.stack([view.pose[1, :3] for view in views]), dtype=torch.float32)
        to_gravity = self._finder.crop_axes(up).to(device)
        looks: list[Found] = [()] * len(views)
        if alive:
            expected = [[view.to_camera(self._tracks[n].expected(view.time_s)) for n in alive] for view in views]
            looks = self._finder.look(depth, to_gravity, np.array(expected))
        for row, (view, look) in enumerate(zip(views, looks, strict=True)):
            usual = [self._is_familiar(number, found) for number, found in zip(alive, look, strict=True)]
            if row > 0 and not (all(usual) and all(map(self._is_near, alive, look, [view] * len(alive)))):
                return
            seen = dict(zip(alive, look, strict=True))
            self._is_usual = all(usual)
            if row == 0:
                others = self._search(view, depth[0], to_gravity[0], seen, usual)
                seen = self._assigned(seen, others, view)
            if self._is_still:
                np.maximum(self._background, view.depth, out=self._background)
            for number, found in seen.items():
                if found is not None:
                    self._tracks[number].see(found, view)
            yield tuple(seen.get(number) for number in range(len(self._tracks)))

    def _is_familiar(self, number: int, found: FoundSubject | None) -> bool:
        """Whether ``found`` shows about as much of a subject as the frame before."""
        return found is not None and found.score >= _FAMILIAR * self._tracks[number].score

    def _is_near(self, number: int, found: FoundSubject | None, view: _View) -> bool:
        """Whether ``found`` is where a subject is expected by what was seen up to now."""
        assert found is not None
        apart = np.linalg.norm(view.to_world(found.middle) - self._tracks[number].expected(view.time_s))
        return bool(apart * self._finder.scale <= _JUMP)

    def _search(
        self,
        view: _View,
        depth: torch.Tensor,
        to_gravity: torch.Tensor,
        seen: dict[int, FoundSubject | None],
        usual: Sequence[bool],
    ) -> list[FoundSubject]:
        """Subjects elsewhere than those that were seen as usual, where it is time to look for some."""
        if seen and view.time_s - self._searched_s < self._wait_s(seen, usual):
            return []
        kept = [found for found, is_usual in zip(seen.values(), usual, strict=True) if is_usual and found is not None]
        rest = view.depth
        if kept:
            rest = np.where(np.logical_or.reduce([found.mask for found in kept]), np.float32(0), rest)
            depth = torch.from_numpy(rest).to(depth.device)
        others = self._finder.find_all(depth, to_gravity, self._may_show(view) & (rest > 0))
        if not others and not self._tracks:
            others = self._finder.find_all(depth, to_gravity)
        self._searched_s = view.time_s
        if self._tracks and not _shows_any(seen):  # else furniture is taken for somebody who has left
            usual_score = min(float(np.median(track.scores)) for track in self._tracks)
            others = [found for found in others if found.sureness >= SURE or found.score >= _FAMILIAR * usual_score]
        return others

    def _wait_s(self, seen: dict[int, FoundSubject | None], usual: Sequence[bool]) -> float:
        """Seconds between two searches."""
        if all(usual):
            return _ENTER_S
        # before a still camera who comes back is all that is new, and looking for it costs little
        is_empty = self._is_still and not _shows_any(seen)
        return 0.0 if is_empty else _SEARCH_S

    def _may_show(self, view: _View) -> NDArray[np.bool_]:
        """Pixels (H, W) before floor and walls, and before all that was seen there by a camera that stands still."""
        may = view.depth > 0
        if self._is_still and self._tracks:
            may &= view.depth < (1 - MAX_GAP) * self._background
        if self._planes:
            points = point_image(view.depth, self._sequence.camera)
            if not self._is_still:
                points = transform_points(to_first_camera(self._sequence, view.index), points)
            with np.errstate(invalid="ignore"):
                for plane in self._planes:
                    may &= plane.height(points) > thickness(view.depth)
        return may

    def _assigned(
        self, seen: dict[int, FoundSubject | None], others: list[FoundSubject], view: _View
    ) -> dict[int, FoundSubject | None]:
        """What was found where subjects were expected and elsewhere, by the number of the subject that it is of."""
        if len(self._tracks) == 1 and not others:
            return seen
        looked = [found for found in seen.values() if found is not None]
        for other in list(others):
            for found in list(looked):
                if (found.mask & other.mask).sum() > 0.5 * min(found.mask.sum(), other.mask.sum()):
                    if found.score >= other.score:
                        others = [each for each in others if each is not other]
                        break
                    looked.remove(found)
        candidates = [*looked, *others]
        if not candidates:
            return dict.fromkeys(seen)
        result: dict[int, FoundSubject | None] = dict.fromkeys(seen)
        free = set(range(len(candidates)))
        if self._tracks:
            from scipy.optimize import linear_sum_assignment  # slow to import, and seldom needed

            is_alone = len(self._tracks) == 1
            cost = np.array([[track.cost(found, view, is_alone) for found in candidates] for track in self._tracks])
            for number, chosen in zip(*linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6)), strict=True):
                if np.isfinite(cost[number, chosen]):
                    result[int(number)] = candidates[chosen]
                    free.discard(int(chosen))
        is_first = not self._tracks
        for index in sorted(free):  # what was seen where somebody else was expected is nobody new
            if index >= len(looked) and (is_first or candidates[index].sureness >= SURE):
                self._tracks.append(_Track())
                result[len(self._tracks) - 1] = candidates[index]
        return result


def shows_nothing(sequence: DepthSequence, model: NeuralParametricModel, fix: str) -> InputError:
    """That subjects of ``model`` were not found in ``sequence``; ``fix`` is the cure unless they would be at a distance
    at which nobody records them, as they are in a wrong unit."""
    problem = f"shows nothing like {model.info.category}"
    depths = [depth[depth > 0] for depth in map(sequence.depth_m, sequence.first_seen())]
    away_m = float(np.median(depths[0])) if depths else 1.0
    near, far = (times / model.info.similarity.scale for times in _RECORDED_FROM)
    if near <= away_m <= far:
        return InputError(sequence.root, problem, fix)
    away = f"{away_m:.2f} m" if away_m >= 1 else f"{1000 * away_m:.3g} mm"
    return InputError(sequence.root, f"{problem}, at {away} from the camera", remedy("correct {}", Setting.DEPTH_UNITS))


def each_subject(
    sequence: DepthSequence, model: NeuralParametricModel, progress: Progress | None = None
) -> tuple[DepthSequence, ...]:
    """The subjects of ``sequence``, each isolated from all else, in the order of `SubjectFollower`.

    Frames before the first and after the last one that shows a subject are left out of its sequence.

    Raises:
        InputError: ``model`` has no network that finds its subjects, nothing like them is there, or a frame cannot be
            read.
        Cancelled: ``progress`` asked to stop.
    """
    if model.coordinate_network is None:
        parts = (Setting.MASKS, Setting.DEPTH_RANGE)
        fix = remedy("isolate the subject by {} or {}, or use a model with such a network", *parts)
        raise InputError(Setting.SUBJECT, "subjects are told apart by a coordinate network, which the model lacks", fix)
    progress = progress or Progress()
    progress.stage("find subjects", len(sequence))
    follower = SubjectFollower(sequence, model)
    rows: list[list[bytes | None]] = []
    for frame, found in enumerate(follower(sequence.depth_m(index) for index in range(len(sequence)))):
        if progress.cancelled():
            raise Cancelled
        rows.append([None if one is None else packed(one.mask) for one in found])
        progress.advance(frame + 1)
    if not follower.subjects:
        raise shows_nothing(sequence, model, "look at it")
    nothing = packed(np.zeros((sequence.camera.height, sequence.camera.width), np.bool_))
    masks = [[row[n] if n < len(row) else None for row in rows] for n in follower.subjects]
    count = len(masks)
    return tuple(_alone(sequence, mine, nothing, f"subject {n} of {count}") for n, mine in enumerate(masks, 1))


def chosen_subject(
    sequence: DepthSequence, model: NeuralParametricModel, number: int, progress: Progress | None = None
) -> DepthSequence:
    """Subject ``number``, from 1, of `each_subject`.

    Raises:
        InputError: there are not as many; or as for `each_subject`.
        Cancelled: ``progress`` asked to stop.
    """
    subjects = each_subject(sequence, model, progress)
    if number > len(subjects):
        several = len(subjects) > 1
        found = f"{len(subjects)} subjects were found" if several else "only one subject was found"
        cure = f"choose from 1 to {len(subjects)}" if several else "leave it out"
        raise InputError(Choice(Setting.SUBJECT, str(number)), found, cure)
    return subjects[number - 1]


def _alone(sequence: DepthSequence, masks: Sequence[bytes | None], nothing: bytes, which: str) -> DepthSequence:
    empty = {index for index, mask in enumerate(masks) if mask is None}
    frames, said = settle_empty(range(len(sequence)), empty, sequence.frame_names, f" of {which}")
    kept = masked(sequence.subset(frames), [masks[frame] or nothing for frame in frames])
    return replace(kept, origin=f"{sequence.origin}; {which}", warnings=(*sequence.warnings, *said))
