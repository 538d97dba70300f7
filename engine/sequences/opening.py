"""From a path to what a model is fitted to: the recording opened, its subject isolated, its camera placed.

A folder that NPM Studio wrote is read by `engine.sequences.depth_sequence`, strictly: it is complete or refused. All
else is read by one of the readers that are handed in; of its frames, those that cannot be used are left out, with
their number and the first one's name in the warnings of the sequence.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Setting, remedy
from engine.core.progress import Progress
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence, is_native, load_depth_sequence
from engine.sequences.isolation import isolate
from engine.sequences.placement import CameraPlacement, place, place_at, size_notice, states_pose
from engine.sequences.reader import Readers, choose_reader
from engine.sequences.recording import finish
from engine.sequences.vertical import stand_upright

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel


def open_recording(
    path: Path, readers: Readers, options: CaptureOptions = AS_RECORDED, progress: Progress | None = None
) -> DepthSequence:
    """The whole recording at ``path``; its ``origin`` says what it was taken for and why.

    Every frame of a recording is decoded once, to find those that fail; none is kept in memory.

    Raises:
        InputError: nothing known is there, or it cannot be used; one line with the remedy.
        Cancelled: ``progress`` asked to stop.
    """
    if is_native(path):
        if options.stream is not None:
            raise _has_no_streams(path)
        if options.reading:
            problem = "is a depth sequence that states its camera and unit itself"
            raise InputError(path, problem, "correct them in its intrinsics.json")
        return load_depth_sequence(path)
    reader, source = choose_reader(path, readers)
    if options.stream is not None and not reader.has_streams:
        raise _has_no_streams(source)
    return finish(reader.read(source, options), options, progress or Progress())


def _has_no_streams(path: Path) -> InputError:
    return InputError(path, "has no streams to choose from", remedy("leave out {}", Setting.STREAM))


def _finds_nobody() -> InputError:
    return InputError(Setting.SUBJECT, "subjects are told apart by a model, and there is none", "leave it out")


def open_subject(
    path: Path,
    readers: Readers,
    options: CaptureOptions,
    model: "NeuralParametricModel | None",
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of the recording at ``path``, placed where ``model`` expects it unless its camera states a pose.

    Without a model the camera stays where the recording says, or at the origin.

    Raises:
        InputError: the recording cannot be opened, or nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    return subject_of(open_recording(path, readers, options, progress), options, model, progress)


def open_subjects(
    path: Path,
    readers: Readers,
    options: CaptureOptions,
    model: "NeuralParametricModel | None",
    progress: Progress | None = None,
) -> tuple[DepthSequence, ...]:
    """Each of several subjects of the recording at ``path``, alone; the first is the one that shows most at first.

    Entry n - 1 is what `open_subject` opens where ``options.subject`` is n.

    Raises:
        InputError: the recording cannot be opened, there is no model with a coordinate network, or nobody is there.
        Cancelled: ``progress`` asked to stop.
    """
    from engine.sequences.subject_following import each_subject

    if model is None:
        raise _finds_nobody()
    together = open_subject(path, readers, replace(options, subject=None), model, progress)
    return each_subject(together, model, progress)


def subject_of(
    scene: DepthSequence,
    options: CaptureOptions,
    model: "NeuralParametricModel | None",
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of an open recording, isolated and placed; see `open_subject`."""
    subject = isolate(scene, options.isolation, progress)
    if model is None:
        if options.subject is not None:
            raise _finds_nobody()
        return subject
    is_stated = states_pose(subject)
    if not is_stated and model.coordinate_network is not None:
        subject = stand_upright(subject, scene, model)
    elif not is_stated:
        subject = place(subject, CameraPlacement.of_model(model), scene)
    if options.subject is not None:
        from engine.sequences.subject_following import chosen_subject

        subject = chosen_subject(subject, model, options.subject, progress)
    # a network finds the subject among all that is seen
    found = size_notice(subject, model, is_stated and model.coordinate_network is None)
    return subject if found is None else replace(subject, warnings=(*subject.warnings, found))


def scene_and_subject(
    path: Path,
    readers: Readers,
    options: CaptureOptions,
    seen_from: tuple[str, NDArray[np.float64]] | None,
    progress: Progress | None = None,
) -> tuple[DepthSequence, DepthSequence]:
    """The recording at ``path``, whole, and its subject with the cameras where they were when it was fitted.

    Args:
        seen_from: a frame and the pose (4, 4) of its camera then; None where nobody knows.

    Raises:
        InputError: it is gone, or cannot be opened any more.
        Cancelled: ``progress`` asked to stop.
    """
    scene = open_recording(path, readers, options, progress)
    subject = isolate(scene, options.isolation, progress)
    return scene, subject if seen_from is None else place_at(subject, *seen_from)
