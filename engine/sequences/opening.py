"""From a recording to what a model is fitted to: opened, the subject isolated, the camera placed."""

from dataclasses import replace
from pathlib import Path

from engine.core.progress import Progress
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import Isolation, isolate
from engine.sequences.placement import Standpoint, place, states_pose
from external.captures.open_capture import open_capture


def open_subject(
    path: Path,
    options: CaptureOptions,
    model: NeuralParametricModel | None,
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of the recording ``path``, placed where ``model`` expects it unless its camera states a pose.

    Without a model the camera stays where the recording says, or at the origin.

    Raises:
        InputError: the recording cannot be opened, or nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    return subject_of(open_capture(path, options, progress), options.isolation, model, progress)


def subject_of(
    scene: DepthSequence,
    isolation: Isolation,
    model: NeuralParametricModel | None,
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of an open recording, isolated and placed; see `open_subject`."""
    subject = isolate(scene, isolation, progress)
    if model is None or states_pose(subject):
        return subject
    return place(subject, Standpoint.of_model(model), scene)


def scene_and_subject_of_run(run: Run, progress: Progress | None = None) -> tuple[DepthSequence, DepthSequence]:
    """The recording that ``run`` was fitted to, whole and isolated, with the camera where the fit had it.

    Raises:
        InputError: it is gone, or cannot be opened any more.
        Cancelled: ``progress`` asked to stop.
    """
    options = run.inputs.capture
    scene = open_capture(run.inputs.sequence, options, progress)
    subject = isolate(scene, options.isolation, progress)
    poses = run.cameras_to_world
    return scene, subject if poses is None else replace(subject, camera_to_world=poses[0])
