"""Codes and place of one frame: from where it was foretold, or afresh from what the network says."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.methods.npm.confidence import MEASURES as AGAINST
from engine.methods.npm.confidence import sureness_of
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fitted_model
from engine.methods.npm.landmarks import landmarks_at_rest
from engine.methods.npm.observed_frame import FEWEST_PIXELS
from engine.methods.npm.start import aligned, shape_through_coordinates
from engine.methods.npm.variables import Variables
from engine.models.model import NeuralParametricModel
from engine.sequences.subject_finder import LEAST_AREA
from engine.tracking.captured import Captured
from engine.tracking.descent import Descended, Descent, Foretold, following, from_far
from engine.tracking.effort import Effort
from engine.tracking.half_weights import with_half_weights
from engine.tracking.motion import Prediction, State
from engine.tracking.sight import MEASURES, Eye, Sight, View
from engine.tracking.subject import WATCHED, Subject

_PLACE = 24


@dataclass(frozen=True, eq=False)
class Attempt:
    """What came out, on the host."""

    state: State
    confidence: float
    """0 to 1, by what speaks against it: of two attempts at a frame the surer one is taken"""
    score: float
    """Of what was seen, see `engine.sequences.subject_finder.FoundSubject`"""
    sees: bool
    """Whether enough of a subject was seen"""
    sight: Sight
    """What was seen; on the device, written over in the next frame"""
    variables: Variables
    """The same as ``state``; likewise"""


class Attempts:
    """All that a frame needs lies in memory of its own, so that on a GPU one upload and one graph are a frame."""

    def __init__(self, model: NeuralParametricModel, effort: Effort, eye: Eye, view: View) -> None:
        self._config = FitConfig()
        self.fitted, self._effort = with_half_weights(fitted_model(model, self._config)), effort
        self._eye, self._view = eye, view
        self._device = model.device
        self._descent = Descent(self.fitted, self._config, effort)
        self._following = following(self._config, effort.leading, effort.steps)
        self._from_far = from_far(self._config, effort.fresh_steps)
        directions = len(self.fitted.poses.scales)
        self._sizes = (_PLACE, directions, 9, 3, 3 * WATCHED, WATCHED)
        self._given = torch.zeros(sum(self._sizes), device=self._device)
        """Place of the view, and what is foretold"""
        is_gpu = self._device.type == "cuda"
        self._staged = torch.zeros(sum(self._sizes), pin_memory=is_gpu)
        self.subject: Subject | None = None
        self._captured = Captured(self._follow, self._device)

    @property
    def graph(self) -> str:
        """Whether a frame is one CUDA graph, in words."""
        return self._captured.state

    def follow(self, place: NDArray[np.float64], foretold: Prediction, time_s: float) -> Attempt:
        """From where the frame in the view was ``foretold``; ``place`` (24,) as `engine.tracking.sight.View.place`."""
        state = foretold.state
        parts = (place, state.pose, state.rotation, state.translation, state.watched, foretold.deviations)
        self._upload(np.concatenate([part.ravel() for part in parts]))
        sight, descended, numbers = self._captured()
        return self._on_host(numbers, time_s, sight, descended.variables)

    def further(self, attempt: Attempt) -> Attempt:
        """As many steps again as a frame has, where those of ``attempt`` were too few; no motion is foretold."""
        assert self.subject is not None
        sight, state = attempt.sight, attempt.state
        if self._device.type == "cuda":  # GPU only: to look again, too, takes less than to launch the steps one by one
            place = self._given[:_PLACE].double().cpu().numpy()
            return self.follow(place, Prediction(state, np.full(WATCHED, np.inf)), state.time_s)
        descended = self._descent(self.subject, sight.observations, attempt.variables, self._following)
        return self._on_host(_numbers(descended, sight), attempt.state.time_s, sight, descended.variables)

    def look(self, place: NDArray[np.float64]) -> Sight:
        """What is seen about another place."""
        self._upload(np.concatenate((place, np.zeros(sum(self._sizes) - _PLACE))))
        self._view.place.copy_(self._given[:_PLACE])
        return self._eye(self._view)

    def begin(self, sight: Sight) -> None:
        """A new subject, of the shape that the network says of ``sight``, which shows one."""
        observations = sight.observations
        shape = shape_through_coordinates(self.fitted, observations)
        has_landmarks = observations.landmarks is not None
        landmarks = landmarks_at_rest(observations)[0] if has_landmarks else shape.new_zeros((0, 3))
        self._become(shape, landmarks)

    def change_shape(self, shape: Tensor, landmarks: Tensor) -> None:
        """Take over a shape (S,) and its landmarks (K, 3) at rest."""
        assert self.subject is not None
        changed = self.subject.with_shape(self.fitted, shape, landmarks)
        if changed is None:
            self._become(shape, landmarks)
        else:
            self.subject.take_over(changed)

    def _become(self, shape: Tensor, landmarks: Tensor) -> None:
        effort = self._effort
        self.subject = Subject.of_shape(self.fitted, shape, landmarks, effort.resolution, effort.samples)
        self._captured = Captured(self._follow, self._device)  # of other memory

    def afresh(self, sight: Sight, time_s: float) -> Attempt:
        """From the mean pose where the network puts the subject by ``sight``; no motion is foretold."""
        assert self.subject is not None
        observations = sight.observations
        first = aligned(self.fitted, observations, replace(self.fitted.mean(1), shape=self.subject.shape))
        descended = self._descent(self.subject, observations, first, self._from_far)
        return self._on_host(_numbers(descended, sight), time_s, sight, descended.variables)

    def _upload(self, values: NDArray[np.float64]) -> None:
        self._staged.copy_(torch.from_numpy(values))
        self._given.copy_(self._staged, non_blocking=True)

    def _follow(self) -> tuple[Sight, Descended, Tensor]:
        """One frame of what was given: kernels alone."""
        assert self.subject is not None
        place, pose, rotation, translation, watched, deviations = self._given.split(self._sizes)
        self._view.place.copy_(place)
        sight = self._eye(self._view)
        variables = self.subject.variables(pose[None], rotation.view(1, 3, 3), translation[None])
        foretold = Foretold(variables, watched.view(1, WATCHED, 3), deviations[None])
        descended = self._descent(self.subject, sight.observations, variables, self._following, foretold)
        return sight, descended, _numbers(descended, sight)

    def _on_host(self, numbers: Tensor, time_s: float, sight: Sight, variables: Variables) -> Attempt:
        """The only wait for the device."""
        values = numbers.double().cpu()
        sizes = (len(self.fitted.poses.scales), 9, 3, 3 * WATCHED, len(AGAINST), MEASURES)
        pose, rotation, translation, watched, doubts, measures = values.split(sizes)
        probability = float(sureness_of(doubts[None])[0])
        score, _, *middle, count = measures.tolist()
        sees = score >= LEAST_AREA and count >= FEWEST_PIXELS and bool(values.isfinite().all())
        state = State(
            time_s,
            pose.numpy(),
            rotation.view(3, 3).numpy(),
            translation.numpy(),
            watched.view(WATCHED, 3).numpy(),
            np.array(middle),  # camera axes
        )
        return Attempt(state, probability if sees else 0.0, score, sees, sight, variables)


def _numbers(descended: Descended, sight: Sight) -> Tensor:
    variables = descended.variables
    parts = (
        variables.poses, variables.rotations, variables.translations, descended.watched, descended.doubts,
        sight.measures,
    )  # fmt: skip
    return torch.cat([part.flatten() for part in parts])
