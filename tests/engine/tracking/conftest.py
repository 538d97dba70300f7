"""A person tracked through a part of the demonstration, once for all tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.core.devices import resolve_device
from engine.methods.method import LoadedModel
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.depth_source import DepthFrame
from engine.tracking.config import TrackerConfig
from engine.tracking.npm_tracker import NpmTracker
from engine.tracking.tracker import TrackedFrame
from npm_studio.resources import demo_model, demo_sequence

FAR_PIXELS = 168
"""Of the demonstration's camera: one metre to the side, 3.4 m away."""
SHOWN = 3
"""Frames before the subject is gone, and after it has come back elsewhere."""
GONE = 10
"""Frames between them."""


@dataclass(frozen=True, eq=False)
class Tracked:
    """A subject that is shown, gone, and back a metre to the side."""

    tracker: NpmTracker
    pushed: list[DepthFrame]
    told: list[TrackedFrame]


@pytest.fixture(scope="session")
def model() -> NeuralParametricModel:
    return load_model(demo_model(), resolve_device("auto"))


@pytest.fixture(scope="session")
def demo() -> DepthSequence:
    return load_depth_sequence(demo_sequence())


@pytest.fixture(scope="session")
def new_tracker(model: NeuralParametricModel) -> Callable[[], NpmTracker]:
    def make() -> NpmTracker:
        return NpmTracker(LoadedModel(demo_model(), model), TrackerConfig(resolution=32))

    return make


@pytest.fixture(scope="session")
def tracked(new_tracker: Callable[[], NpmTracker], demo: DepthSequence) -> Tracked:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world)
    pushed = gone_and_back(demo)
    told = []
    for frame in pushed:
        told.append(tracker.push(frame))
        tracker.improve()
    return Tracked(tracker, pushed, told)


def gone_and_back(demo: DepthSequence) -> list[DepthFrame]:
    shown = [frame_of(demo, index) for index in range(SHOWN)]
    gone = [replace(shown[-1], depth_m=np.zeros_like(shown[-1].depth_m))] * GONE
    back = [replace(frame, depth_m=shifted(frame.depth_m, FAR_PIXELS)) for frame in shown]
    return [replace(frame, name=f"{n:06d}", time_s=n / 10) for n, frame in enumerate([*shown, *gone, *back])]


def frame_of(sequence: DepthSequence, index: int) -> DepthFrame:
    return DepthFrame(
        sequence.frame_names[index],
        float(sequence.times_s[index]),
        sequence.depth_m(index),
        sequence.camera_at(index),
    )


def shifted(depth_m: NDArray[np.float32], pixels: int) -> NDArray[np.float32]:
    """``depth_m`` (H, W) moved to the right."""
    result = np.zeros_like(depth_m)
    result[:, pixels:] = depth_m[:, :-pixels]
    return result


def nearer(images: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """What is nearest in each pixel of ``images`` (H, W)."""
    filled = np.min([np.where(image > 0, image, np.inf) for image in images], axis=0)
    return np.where(np.isfinite(filled), filled, 0).astype(np.float32)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")
