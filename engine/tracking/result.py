"""A finished track as the result of a method."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.methods.kept_result import subject_kept
from engine.methods.method import FitResult, FoundCodes, LoadedModel
from engine.methods.npm.confidence import LOST_BELOW
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, precision_of
from engine.methods.npm.kept_codes import codes_kept, completed, places_of
from engine.methods.npm.sequence import placed_vertices, subject_poses
from engine.methods.npm.variables import plain_model
from engine.methods.run import CANONICAL_SURFACE, PRECISION, SUBJECTS, Run
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import masked, packed
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence
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
    keep: Callable[[FoundCodes], None] | None = None,
) -> FitResult:
    """Meshes of ``frames``, some of which showed the subject, with the shape that was known at the end.

    Poses are those that were told when the frames came. Frames before the first that showed the subject are as it was
    there.

    Args:
        source: see `engine.tracking.tracker.Tracker.finish`, and ``folder`` and ``keep``

    Raises:
        InputError: the shape has no surface.
    """
    started = time.perf_counter()
    model = loaded.model
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
    tracked = [frame.tracked for frame in frames]
    confidence = np.array([frame.confidence for frame in tracked])
    places = subject_poses(rotations, translations, model.info.similarity)
    details = {
        SUBJECTS: 1 + max(frame.others for frame in tracked),
        "shape_versions": tracked[-1].shape_version,
        PRECISION: precision_of(model, FitConfig()),
    }
    names = tuple(frame.name for frame in tracked)
    masks = None if source is None else _masks(source, frames)
    if keep is not None and source is not None and source.frame_names[: len(names)] == names:
        keep(FoundCodes(_arrays(codes), places, {}, details, codes.interrupted, confidence, masks))
    times_s = np.array([frame.time_s for frame in tracked]) if source is None else source.times_s[: len(tracked)]
    meshes = _meshes(codes, loaded, resolution, progress, "track" if source is None else source.name, names, times_s)
    if folder is not None:
        save_compact_ply(meshes.canonical, folder / CANONICAL_SURFACE, "metres")
    return FitResult(
        meshes=meshes.posed,
        artefacts={"codes": _arrays(codes)},
        timings={"mesh": time.perf_counter() - started},
        details=details,
        subject=None if source is None or masks is None else _subject(source, names, masks),
        confidence=confidence,
        lost_below=LOST_BELOW,
        subject_to_world=places,
        interrupted=codes.interrupted,
    )


def result_kept(run: Run, loaded: LoadedModel, source: DepthSequence, progress: Progress, folder: Path) -> FitResult:
    """What was tracked of ``source`` and kept in ``run`` without meshes, with meshes.

    Raises:
        InputError: codes are damaged, or the shape has no surface.
    """
    started, codes = time.perf_counter(), codes_kept(run, loaded.model)
    resolution = int(run.inputs.config["resolution"])
    meshes = _meshes(codes, loaded, resolution, progress, source.name, source.frame_names, source.times_s)
    save_compact_ply(meshes.canonical, folder / CANONICAL_SURFACE, "metres")
    result = FitResult(
        meshes=meshes.posed,
        artefacts={"codes": _arrays(codes)},
        timings={"mesh": time.perf_counter() - started},
        subject=subject_kept(run, source),
        confidence=np.array([frame.confidence for frame in run.frames]),
        lost_below=LOST_BELOW,
        subject_to_world=places_of(run),
        interrupted=run.interrupted,
    )
    return completed(result, run)


class _Meshes(NamedTuple):
    canonical: Mesh
    """Metres"""
    posed: MeshSequence


def _meshes(
    codes: FittedCodes,
    loaded: LoadedModel,
    resolution: int,
    progress: Progress,
    title: str,
    names: tuple[str, ...],
    times_s: NDArray[np.float64],
) -> _Meshes:
    """Of ``codes`` of as many frames as ``names``.

    Raises:
        InputError: the shape has no surface.
    """
    model = loaded.model
    progress.stage("mesh", len(names))
    plain = plain_model(model)
    surface = extract_surface(plain, codes.shape_code.to(model.device), resolution)
    if surface.is_empty:
        raise InputError(loaded.folder, "the tracked shape has no surface", "train the model longer")
    vertices = placed_vertices(plain, codes, surface.vertices, progress)
    canonical = Mesh(model.info.similarity.to_world(surface.vertices), surface.faces)
    return _Meshes(canonical, mesh_sequence(title, vertices, surface.faces, names, times_s))


def _arrays(codes: FittedCodes) -> dict[str, NDArray]:
    """Of ``codes.npz``."""
    return {"shape": codes.shape_code.numpy()[None, None], "pose": codes.pose_codes.numpy()[:, None]}


def _masks(source: DepthSequence, frames: Sequence[KeptFrame]) -> list[bytes]:
    nothing = packed(np.zeros((source.camera.height, source.camera.width), np.bool_))
    return [frame.mask or nothing for frame in frames]


def _subject(source: DepthSequence, names: tuple[str, ...], masks: Sequence[bytes]) -> DepthSequence:
    rows = [source.frame_names.index(name) for name in names]
    return masked(source if rows == list(range(len(source))) else source.subset(rows), masks)
