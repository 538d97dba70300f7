"""A finished track as the result of a method."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.methods.method import FitResult, LoadedModel
from engine.methods.npm.confidence import LOST_BELOW
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, precision_of
from engine.methods.npm.sequence import placed_vertices, subject_poses
from engine.methods.npm.variables import plain_model
from engine.methods.run import CANONICAL_SURFACE, PRECISION, SUBJECTS
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import masked, packed
from engine.sequences.mesh_sequence import mesh_sequence
from engine.surface.extract import extract_surface
from engine.tracking.tracker import TrackedFrame


@dataclass(frozen=True, eq=False)
class KeptFrame:
    """What is kept of a frame."""

    tracked: TrackedFrame
    rotation: NDArray[np.float64]
    """(3, 3) of posed canonical points to the space of the fit"""
    translation: NDArray[np.float64]
    """(3,) canonical units"""
    seen: bool
    """Whether it showed the subject"""
    mask: bytes | None = None
    """Its pixels of the subject, see `engine.sequences.isolation.packed`; None where nobody had time to pack them"""


def result_of(
    frames: Sequence[KeptFrame],
    loaded: LoadedModel,
    resolution: int,
    progress: Progress,
    source: DepthSequence | None = None,
    folder: Path | None = None,
) -> FitResult:
    """Meshes of ``frames``, some of which showed the subject, with the shape that was known at the end.

    Poses are those that were told when the frames came. Frames before the first that showed the subject are as it was
    there.

    Args:
        source: see `engine.tracking.tracker.Tracker.finish`, and ``folder``

    Raises:
        InputError: the shape has no surface.
    """
    started = time.perf_counter()
    model, similarity = loaded.model, loaded.model.info.similarity
    progress.stage("mesh", len(frames))
    first = next(index for index, frame in enumerate(frames) if frame.seen)
    told = [frames[max(index, first)] for index in range(len(frames))]
    rotations = np.stack([frame.rotation for frame in told])
    translations = np.stack([frame.translation for frame in told])
    shape = frames[-1].tracked.shape_code
    codes = FittedCodes(
        torch.from_numpy(shape),
        torch.from_numpy(np.stack([frame.tracked.pose_code for frame in told])),
        torch.from_numpy(rotations),
        torch.from_numpy(translations),
        steps=0,
        seconds=0.0,
        interrupted=progress.cancelled(),
    )
    plain = plain_model(model)
    surface = extract_surface(plain, codes.shape_code.to(model.device), resolution)
    if surface.is_empty:
        raise InputError(loaded.folder, "the tracked shape has no surface", "train the model longer")
    vertices = placed_vertices(plain, codes, surface.vertices, progress)
    if folder is not None:
        canonical = Mesh(similarity.to_world(surface.vertices), surface.faces)
        save_compact_ply(canonical, folder / CANONICAL_SURFACE, "metres")
    tracked = [frame.tracked for frame in frames]
    return FitResult(
        meshes=mesh_sequence(
            "track" if source is None else source.name,
            vertices,
            surface.faces,
            tuple(frame.name for frame in tracked),
            np.array([frame.time_s for frame in tracked]) if source is None else source.times_s[: len(tracked)],
        ),
        artefacts={"codes": {"shape": shape[None, None], "pose": codes.pose_codes.numpy()[:, None]}},
        timings={"mesh": time.perf_counter() - started},
        details={
            SUBJECTS: 1 + max(frame.others for frame in tracked),
            "shape_versions": tracked[-1].shape_version,
            PRECISION: precision_of(model, FitConfig()),
        },
        subject=None if source is None else _subject(source, frames),
        confidence=np.array([frame.confidence for frame in tracked]),
        lost_below=LOST_BELOW,
        subject_to_world=subject_poses(rotations, translations, similarity),
        interrupted=codes.interrupted,
    )


def _subject(source: DepthSequence, frames: Sequence[KeptFrame]) -> DepthSequence:
    nothing = packed(np.zeros((source.camera.height, source.camera.width), np.bool_))
    rows = [source.frame_names.index(frame.tracked.name) for frame in frames]
    kept = source if rows == list(range(len(source))) else source.subset(rows)
    return masked(kept, [frame.mask or nothing for frame in frames])
