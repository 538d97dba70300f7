"""The tracker of this project's method: a neural parametric model, followed by the coordinate network and a few steps.

Each frame is looked at where the subject is expected, and a few damped Gauss-Newton steps lead from where it was
foretold to where it is. A frame that comes out unsure is tried afresh from what the network says alone, and the surer
one is taken. Who is not where they are expected is searched in the whole image.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError, Notice, Task, remedy
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.mesh import Mesh
from engine.methods.method import FitResult, FoundCodes, LoadedModel
from engine.methods.npm.confidence import LOST_BELOW
from engine.methods.npm.config import FitConfig
from engine.methods.npm.observed_frame import EMPTY_FRACTION, FEWEST_PIXELS, empty_around
from engine.methods.npm.sequence import subject_poses
from engine.methods.npm.sides import CERTAIN
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence, check_size
from engine.sequences.depth_source import DepthFrame
from engine.sequences.isolation import packed
from engine.sequences.subject_finder import SURE, SubjectFinder
from engine.tracking.attempts import Attempt, Attempts
from engine.tracking.config import TrackerConfig
from engine.tracking.effort import effort_on
from engine.tracking.lookout import Lookout
from engine.tracking.motion import Motion, Prediction
from engine.tracking.refining import RefinedShape, ShapeRefiner
from engine.tracking.result import KeptFrame, result_of
from engine.tracking.sight import Eye, View
from engine.tracking.spaces import Spaces
from engine.tracking.tracker import TrackedFrame
from engine.tracking.upright import world_turn

_FAMILIAR = 0.5
"""Fraction of its usual score with which a subject counts as seen where it was expected."""
_JUMP = 0.15
"""Canonical units from where a subject was expected, beyond which the frame is looked at again."""
_SURE = 0.95
"""Confidence below which a frame is given more steps."""
_AFRESH_EVERY = 4
"""Unsure frames for each that is tried afresh, the first one included."""
_SEARCH_AFTER = 3
"""Unsure frames in a row, after which the whole image is searched."""
_FRAME_S = 1 / 30
"""Between frames of which nobody says when they were taken."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """One image that has been pushed."""

    name: str
    time_s: float
    pose: NDArray[np.float64]
    """(4, 4) camera axes to world, Y up"""
    depth: NDArray[np.float32]

    def to_camera(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((point - self.pose[:3, 3]) @ self.pose[:3, :3])

    def to_world(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.pose[:3, :3] @ point + self.pose[:3, 3])


class NpmTracker:
    """See above, and `engine.tracking.tracker.Tracker`."""

    def __init__(self, loaded: LoadedModel, config: TrackerConfig) -> None:
        self._loaded, self._config = loaded, config
        self._model = loaded.model
        self._effort = effort_on(self._model.device)
        self._kept: list[KeptFrame] = []

    def start(self, camera: PinholeCamera, world: World, subject_alone: bool = False, keep: bool = True) -> None:
        model, similarity = self._model, self._model.info.similarity
        if model.coordinate_network is None:
            raise InputError(
                model.info.name, "has no coordinate network, by which to track", "use a model that has one"
            )
        self._camera, self._world, self._subject_alone, self._keep = camera, world, subject_alone, keep
        self._finder = SubjectFinder(model.coordinate_network, similarity.scale, camera, model.device)
        self._view = View.of_camera(camera, model.device)
        is_gpu = model.device.type == "cuda"
        self._staged = torch.zeros((1, camera.height, camera.width), pin_memory=is_gpu)
        self._turn: NDArray[np.float64] | None = None
        self._notices: tuple[Notice, ...] = ()
        self._kept = []
        self._last_s: float | None = None
        self._version = 0
        self._spaces = Spaces.of_model(model)
        self.reset()

    def reset(self) -> None:
        self._attempts: Attempts | None = None
        self._motion = Motion(FitConfig().acceleration)
        self._refiner: ShapeRefiner | None = None
        self._refining: Iterator[RefinedShape | None] | None = None
        self._scores: deque[float] = deque(maxlen=64)
        self._lookout = Lookout(self._finder)
        self._unsure = 0
        self._last: tuple[_Frame, Tensor | None] | None = None
        self._shape_code = self._spaces.shape_code(np.zeros(0))

    def push(self, frame: DepthFrame) -> TrackedFrame:
        started = time.perf_counter()
        now = self._arrived(frame)
        foretold = self._motion.at(now.time_s)
        if self._attempts is None or foretold is None:
            searched, attempt = True, self._begin(now)
        else:
            searched, attempt = self._continue(now, foretold)
        kept = self._told(now, attempt, foretold, searched, started)
        if self._keep:
            self._kept.append(kept)
        self._last = now, None if attempt is None or not attempt.sees else attempt.sight.mask
        return kept.tracked

    def improve(self) -> bool:
        if self._last is None:
            return self._refine()
        (frame, mask), self._last = self._last, None
        looks_about = self._attempts is not None and self._lookout.is_due(frame.time_s)
        subject = np.zeros(frame.depth.shape, np.bool_)
        if mask is not None and (self._keep or looks_about):
            subject = mask[0].cpu().numpy()
        if self._keep:
            self._kept[-1] = replace(self._kept[-1], mask=packed(subject & (frame.depth > 0)))
        if looks_about:
            image, to_gravity = self._view.depth[0], self._to_gravity(frame)
            self._lookout.look(image, to_gravity, frame.depth, frame.pose, subject, frame.time_s)
        if self._attempts is not None:
            self._lookout.remember(frame.depth)
        return True

    def finish(
        self,
        progress: Progress,
        source: DepthSequence | None = None,
        folder: Path | None = None,
        keep: Callable[[FoundCodes], None] | None = None,
    ) -> FitResult:
        assert self._keep, "started without keeping frames"
        if not any(frame.seen for frame in self._kept):
            raise InputError("the source", f"has shown nothing like {self._model.info.category}", "look at it")
        return result_of(self._kept, self._loaded, self._config.resolution, progress, source, folder, keep)

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self._notices

    @property
    def graph(self) -> str:
        """Whether a frame is one CUDA graph, in words: for those who measure."""
        return "none" if self._attempts is None else self._attempts.graph

    def mesh(self, frame: TrackedFrame) -> Mesh:
        assert self._attempts is not None and self._attempts.subject is not None, "nobody was found yet"
        samples = self._attempts.subject.samples
        with torch.no_grad():
            codes = (torch.from_numpy(code).to(self._model.device) for code in (frame.shape_code, frame.pose_code))
            shape, pose = (code[None] for code in codes)
            fitted = self._attempts.fitted
            local = fitted.model.pose(shape, pose, samples.vertices[None], fitted.half)[0]
        rest = self._model.info.similarity.to_world(local.cpu().numpy())
        return Mesh(transform_points(frame.subject_to_world, rest), samples.faces.int().cpu().numpy())

    def _arrived(self, frame: DepthFrame) -> _Frame:
        """``frame`` in a world with Y up, its image on the device."""
        check_size(frame.depth_m, self._camera, f"frame {frame.name}")
        depth = np.ascontiguousarray(frame.depth_m, np.float32)
        time_s = frame.time_s
        if time_s is None:
            time_s = 0.0 if self._last_s is None else self._last_s + _FRAME_S
        self._last_s = time_s
        self._staged[0].copy_(torch.from_numpy(depth))
        self._view.depth.copy_(self._staged, non_blocking=True)
        if self._turn is None:
            self._turn, self._notices = world_turn(frame, self._camera, self._world, self._model)
        pose = np.eye(4) if frame.camera_to_world is None else frame.camera_to_world
        return _Frame(frame.name, time_s, self._turn @ pose, depth)

    def _begin(self, now: _Frame) -> Attempt | None:
        """The subject that shows most; None if there is none."""
        found = self._finder.find_all(self._view.depth[0], self._to_gravity(now))
        if not found:
            return None
        is_alone = empty_around(now.depth, found[0].mask & (now.depth > 0)) > EMPTY_FRACTION
        empty_is_free = is_alone and not self._subject_alone
        eye = Eye(self._finder, self._camera, self._effort.points, empty_is_free)
        attempts = Attempts(self._model, self._effort, eye, self._view)
        sight = attempts.look(self._place(now, found[0].middle))
        if int(sight.measures[-1]) < FEWEST_PIXELS:
            return None
        if self._model.info.side is not None and float(sight.mirrored) > CERTAIN:
            said = f"it looks like the mirror image of a {self._model.info.side} hand, which a tracker does not know"
            self._notices = (*self._notices, Notice(said, remedy("{} instead", Task.FIT)))
        attempts.begin(sight)
        self._attempts = attempts
        self._take_shape()
        self._lookout.others, self._lookout.looked_s = len(found) - 1, now.time_s
        attempt = attempts.afresh(sight, now.time_s)
        self._refiner = ShapeRefiner(attempts.fitted, self._effort)
        self._settle(now, attempt, is_new=True)
        return attempt

    def _continue(self, now: _Frame, foretold: Prediction) -> tuple[bool, Attempt]:
        """Whether the whole image was searched, and what came out."""
        attempts = self._attempts
        assert attempts is not None
        expected = now.to_camera(foretold.state.middle)
        attempt = attempts.follow(self._place(now, expected), foretold, now.time_s)
        off = float(np.linalg.norm(attempt.state.middle - expected)) * self._finder.scale
        is_familiar = attempt.sees and attempt.score >= _FAMILIAR * float(np.median(self._scores))
        if is_familiar and off < _JUMP and attempt.confidence < _SURE:
            attempt = max(attempt, attempts.further(attempt), key=lambda each: each.confidence)
        if is_familiar and off < _JUMP and attempt.confidence >= LOST_BELOW:
            self._settle(now, attempt)
            return False, attempt
        return self._unusual(now, expected, attempt, off)

    def _unusual(
        self, now: _Frame, expected: NDArray[np.float64], attempt: Attempt, off: float
    ) -> tuple[bool, Attempt]:
        """A frame that is not as it was expected: searched, looked at elsewhere, or tried afresh."""
        attempts = self._attempts
        assert attempts is not None
        self._unsure += 1
        searched = not attempt.sees or self._unsure > _SEARCH_AFTER
        if searched:
            place = self._searched(now, expected)
        else:
            place = attempt.state.middle if off >= _JUMP else None
        is_tried = place is not None or (attempt.sees and self._unsure % _AFRESH_EVERY == 1)
        other: Attempt | None = None
        if is_tried:
            sight = attempt.sight if place is None else attempts.look(self._place(now, place))
            if int(sight.measures[-1]) >= FEWEST_PIXELS:
                other = attempts.afresh(sight, now.time_s)
        if other is not None and other.confidence > attempt.confidence:
            self._settle(now, other, is_new=True)
            return searched, other
        if attempt.sees and off < _JUMP:
            self._settle(now, attempt)
        return searched, attempt

    def _searched(self, now: _Frame, expected: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Where (3,) a subject was found in the whole image, camera axes, metres: the nearest one that is sure."""
        found = self._finder.find_all(
            self._view.depth[0], self._to_gravity(now), self._lookout.may_show(now.depth, now.pose)
        )
        sure = [each for each in found if each.sureness >= SURE] or found[:1]
        if not sure:
            return None
        return min((each.middle for each in sure), key=lambda middle: float(np.linalg.norm(middle - expected)))

    def _settle(self, now: _Frame, attempt: Attempt, is_new: bool = False) -> None:
        """Go on from ``attempt``, with nothing of what was before where it ``is_new``."""
        if is_new:
            self._motion.forget()
        self._motion.see(replace(attempt.state, middle=now.to_world(attempt.state.middle)))
        if attempt.confidence < LOST_BELOW:
            return
        self._unsure = 0
        self._scores.append(attempt.score)
        assert self._refiner is not None
        self._refiner.offer(attempt.sight.observations, attempt.variables, attempt.confidence)

    def _refine(self) -> bool:
        """A piece of the shape's refinement, if one is due; whether there is more."""
        attempts, refiner = self._attempts, self._refiner
        if attempts is None or refiner is None or attempts.subject is None:
            return False
        if self._refining is None:
            if not refiner.is_due:
                return False
            self._refining = refiner.refine(attempts.subject.shape)
        refined = next(self._refining)
        if refined is None:
            return True
        self._refining = None
        attempts.change_shape(refined.shape, refined.landmarks)
        self._take_shape()
        return refiner.is_due

    def _take_shape(self) -> None:
        """Say the shape of the subject from now on."""
        assert self._attempts is not None and self._attempts.subject is not None
        self._shape_code = self._spaces.shape_code(self._attempts.subject.shape.cpu().numpy())
        self._version += 1

    def _told(
        self, now: _Frame, attempt: Attempt | None, foretold: Prediction | None, searched: bool, started: float
    ) -> KeptFrame:
        """What is said and kept of a frame; of one that does not show the subject, what was foretold."""
        sees = attempt is not None and attempt.sees
        state = attempt.state if attempt is not None and sees else None if foretold is None else foretold.state
        spaces = self._spaces
        pose = np.zeros(spaces.directions) if state is None else state.pose
        rotation = np.eye(3) if state is None else state.rotation
        translation = np.zeros(3) if state is None else state.translation
        confidence = 0.0 if attempt is None else attempt.confidence
        tracked = TrackedFrame(
            name=now.name,
            time_s=now.time_s,
            camera_to_world=now.pose,
            subject_to_world=subject_poses(rotation[None], translation[None], self._model.info.similarity)[0],
            pose_code=spaces.pose_code(pose),
            shape_code=self._shape_code,
            shape_version=0 if self._attempts is None else self._version,
            confidence=confidence,
            lost=confidence < LOST_BELOW,
            searched=searched,
            others=self._lookout.others,
            latency_s=time.perf_counter() - started,
        )
        return KeptFrame(tracked, rotation, translation, sees)

    def _to_gravity(self, frame: _Frame) -> Tensor:
        """(3, 3) rotation from camera axes to those of crops, on the device."""
        up = torch.tensor(frame.pose[None, 1, :3], dtype=torch.float32)
        return self._finder.crop_axes(up)[0].to(self._model.device)

    def _place(self, frame: _Frame, anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `engine.tracking.sight.View.place`."""
        up = torch.tensor(frame.pose[None, 1, :3], dtype=torch.float32)
        to_gravity = self._finder.crop_axes(up)[0].double().numpy()
        centre = self._model.info.similarity.to_canonical(frame.pose[:3, 3])
        return np.concatenate((anchor, to_gravity.ravel(), frame.pose[:3, :3].ravel(), centre.ravel()))
