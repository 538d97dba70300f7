"""A run as what is exported."""

import csv
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Setting, remedy
from engine.core.npz import NpzFile
from engine.dataset.source_axes import SourceAxes
from engine.evaluate.writing import CSV
from engine.exports.content import ASSUMED_FRAME_RATE, ExportContent, Up
from engine.methods.run import Run, RunFrame
from engine.methods.run_summary import ranges
from engine.sequences.mesh_sequence import FrameOfReference, MeshSequence

_CODES = "codes.npz"


def content_of_run(
    run: Run, frame: FrameOfReference = "world", up: Up = "y", rows: Sequence[int] | None = None
) -> ExportContent:
    """The meshes of ``run`` in metres, in its world or as its camera saw them, with its codes and what it knows.

    Args:
        frame: of reference; ``camera`` is x right, y down, z forward from the camera of each frame (OpenCV)
        up: the axis of the files that points up in the world; the run has Y up
        rows: of the frames that are wanted; all when absent

    Raises:
        InputError: the run does not say where its camera was, a camera's axes are to point up, or codes are damaged.
    """
    chosen = list(range(len(run.frames)) if rows is None else rows)
    assert chosen, "no frames"
    frames = [run.frames[row] for row in chosen]
    meshes = _placed(run, frame, up).select(chosen)
    timed = all(one.timestamp_s is not None for one in frames)
    return ExportContent(
        meshes if timed else replace(meshes, times_s=np.full(len(chosen), np.nan)),
        up,
        codes=_codes(run, chosen),
        table=_table(run, frames),
        notes=_notes(frames, timed),
    )


def _placed(run: Run, frame: FrameOfReference, up: Up) -> MeshSequence:
    if frame == "world":
        return run.meshes if up == "y" else run.meshes.map(lambda _, points: SourceAxes("m", up).from_world(points))
    if up != "y":
        fix = remedy("leave out {}", Setting.UP_AXIS)
        raise InputError(Choice(Setting.UP_AXIS, up), "is not for a camera, whose y points down", fix)
    poses = run.cameras_to_world
    if poses is None:
        fix = remedy("use {}", Choice(Setting.FRAME_OF_REFERENCE, "world"))
        raise InputError(run.folder, "does not say where its camera was", fix)
    to_camera = np.linalg.inv(poses)
    return replace(run.meshes.map(lambda index, points: _moved(to_camera[index], points)), frame="camera")


def _moved(pose: NDArray[np.float64], points: NDArray[np.float32]) -> NDArray[np.float32]:
    moved: NDArray[np.float32] = (points.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
    return moved


def _codes(run: Run, rows: Sequence[int]) -> dict[str, NDArray] | None:
    """The arrays of the run's codes, of ``rows`` where they are of frames; with names and times of these, and where the
    meshes that are decoded of them stand, metres."""
    if _CODES not in run.artefacts:
        return None
    count = len(run.frames)
    with NpzFile(run.folder / _CODES, "fit it again") as file:
        arrays: dict[str, NDArray] = {name: file.read(name) for name in file.names}
    of_frames = [name for name in ("shape", "pose") if name in arrays and count > 1 and len(arrays[name]) == count]
    arrays |= {name: arrays[name][list(rows)] for name in of_frames}
    arrays["frame_names"] = np.array([run.frame_names[row] for row in rows])
    arrays["times_s"] = run.meshes.times_s[list(rows)]
    places = [run.frames[row].subject_to_world for row in rows]
    if all(place is not None for place in places):
        arrays["subject_to_world"] = np.stack([place for place in places if place is not None])
    if run.inputs.similarity is not None:
        arrays["similarity_scale"] = np.array(run.inputs.similarity.scale, np.float64)
        arrays["similarity_centre"] = np.array(run.inputs.similarity.centre, np.float64)
    return arrays


def _table(run: Run, frames: Sequence[RunFrame]) -> tuple[dict[str, str | float | bool | None], ...]:
    """A row for each of ``frames``, with its metrics where the run was evaluated."""
    metrics: dict[str, dict[str, str]] = {}
    if (run.folder / CSV).is_file():
        with (run.folder / CSV).open(encoding="utf-8", newline="") as file:
            metrics = {row.pop("frame", ""): row for row in csv.DictReader(file)}
    columns = [name for name in next(iter(metrics.values()), {}) if name != "time_s"]
    return tuple(
        {
            "frame": frame.name,
            "time_s": frame.timestamp_s,
            "lost": frame.lost,
            "filled": frame.filled,
            "confidence": frame.confidence,
            "mean_distance_mm": frame.mean_distance_mm,
            **{name: metrics.get(frame.name, {}).get(name) for name in columns},
        }
        for frame in frames
    )


def _notes(frames: Sequence[RunFrame], timed: bool) -> tuple[str, ...]:
    names = tuple(frame.name for frame in frames)
    lost = [row for row, frame in enumerate(frames) if frame.lost]
    count = f"{len(lost)} of {len(frames)} frames"
    about_lost = f"lost, and exported as they are stored: {ranges(names, lost)} ({count})"
    about_times = f"nobody said when the frames were taken: {ASSUMED_FRAME_RATE:g} frames per second are assumed"
    return (*([about_lost] if lost else []), *([] if timed else [about_times]))
