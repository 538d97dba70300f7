"""Lost frames, made from the frames before and after them; nothing here was seen, and the run says so."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.methods.method import FitResult
from engine.methods.run import RunFrame


@dataclass(frozen=True)
class Between:
    """Where what a frame lacks comes from."""

    before: int
    after: int
    part: float
    """Of the way from one to the other, 0 to 1."""


def fill_lost(result: FitResult, frames: tuple[RunFrame, ...]) -> tuple[FitResult, tuple[RunFrame, ...]]:
    """``result`` with its lost ``frames`` interpolated in time between the nearest ones that are not lost.

    Vertices move on straight lines, seen from the subject where the method says where that is: its own motion is a
    slerp of rotations and a straight line. Before the first and after the last frame that is not lost, its mesh stays.
    Pose codes are interpolated likewise. Nothing changes where no frame or every frame is lost, or where frames differ
    in their triangles.
    """
    ways = ways_between(result.meshes.times_s, [bool(frame.lost) for frame in frames])
    if not ways or not result.meshes.one_topology:
        return result, frames
    subjects = None if result.subject_to_world is None else filled_poses(result.subject_to_world, ways)
    read = result.meshes.read

    def filled(row: int) -> Mesh:
        if row not in ways:
            return read(row)
        way, ends = ways[row], (read(ways[row].before), read(ways[row].after))
        before, after = (mesh.vertices.astype(np.float64) for mesh in ends)
        if subjects is not None:
            before = _moved(np.linalg.inv(subjects[way.before]), before)
            after = _moved(np.linalg.inv(subjects[way.after]), after)
        vertices = (1 - way.part) * before + way.part * after
        if subjects is not None:
            vertices = _moved(subjects[row], vertices)
        return Mesh(vertices.astype(np.float32), ends[0].faces)

    artefacts = dict(result.artefacts)
    if "pose" in artefacts.get("codes", {}):
        artefacts["codes"] = {**artefacts["codes"], "pose": filled_codes(artefacts["codes"]["pose"], ways)}
    changed = replace(
        result,
        meshes=replace(result.meshes, read=filled, exact=None),
        subject_to_world=subjects,
        artefacts=artefacts,
    )
    return changed, tuple(_filled_frame(frame, row, row in ways, subjects) for row, frame in enumerate(frames))


def _filled_frame(frame: RunFrame, row: int, is_filled: bool, subjects: NDArray[np.float64] | None) -> RunFrame:
    if not is_filled:
        return frame
    return replace(frame, filled=True, subject_to_world=None if subjects is None else subjects[row])


def ways_between(times_s: NDArray[np.float64], lost: list[bool]) -> dict[int, Between]:
    """For each lost row, where its mesh comes from; empty where all rows are lost.

    Args:
        times_s: (F,) increasing, or not finite where nobody knows them: then rows count
    """
    times = times_s if np.isfinite(times_s).all() else np.arange(len(times_s), dtype=np.float64)
    kept = np.flatnonzero(~np.array(lost))
    ways = {}
    for row in np.flatnonzero(lost).tolist() if len(kept) else []:
        place = int(np.searchsorted(kept, row))
        before, after = int(kept[max(place - 1, 0)]), int(kept[min(place, len(kept) - 1)])
        gap = times[after] - times[before]
        ways[row] = Between(before, after, float(np.clip((times[row] - times[before]) / gap, 0, 1)) if gap > 0 else 0)
    return ways


def filled_poses(poses: NDArray[np.float64], ways: dict[int, Between]) -> NDArray[np.float64]:
    """``poses`` (F, 4, 4) with those of the lost rows between their neighbours'."""
    from scipy.spatial.transform import Rotation, Slerp

    result = poses.copy()
    for row, way in ways.items():
        ends = poses[[way.before, way.after]]
        result[row, :3, :3] = Slerp([0, 1], Rotation.from_matrix(ends[:, :3, :3]))(way.part).as_matrix()
        result[row, :3, 3] = (1 - way.part) * ends[0, :3, 3] + way.part * ends[1, :3, 3]
    return result


def filled_codes(codes: NDArray[np.float32], ways: dict[int, Between]) -> NDArray[np.float32]:
    """``codes`` (F, ...) with those of the lost rows between their neighbours'."""
    result = codes.copy()
    for row, way in ways.items():
        result[row] = (1 - way.part) * codes[way.before] + way.part * codes[way.after]
    return result


def _moved(pose: NDArray[np.float64], vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """``vertices`` (V, 3) moved by ``pose`` (4, 4), in double precision."""
    moved: NDArray[np.float64] = vertices @ pose[:3, :3].T + pose[:3, 3]
    return moved
