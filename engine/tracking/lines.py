"""What a tracker says as lines of JSON, for other programs; the format is in docs/tracking.md."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh
from engine.tracking.tracker import TrackedFrame

FORMAT_VERSION = 1


def start_line(source: str, model: str, camera: PinholeCamera) -> str:
    """The first line that a reader gets."""
    intrinsics = {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    return _line(
        "start", format_version=FORMAT_VERSION, source=source, model=model, unit="metres", up="y", camera=intrinsics
    )


def shape_line(tracked: TrackedFrame, mesh: Mesh | None) -> str:
    """The shape from ``tracked`` on, and the triangles of its meshes where these are sent."""
    faces = {} if mesh is None else {"faces": mesh.faces.tolist()}
    return _line("shape", version=tracked.shape_version, code=_short(tracked.shape_code), **faces)


def frame_line(tracked: TrackedFrame, mesh: Mesh | None) -> str:
    """One frame, with the vertices of its mesh where these are sent."""
    vertices = {} if mesh is None else {"vertices": _short(mesh.vertices, 4)}
    return _line(
        "frame",
        name=tracked.name,
        timestamp_s=tracked.time_s,
        camera_to_world=_short(tracked.camera_to_world, 6),
        subject_to_world=_short(tracked.subject_to_world, 6),
        confidence=round(tracked.confidence, 4),
        lost=tracked.lost,
        searched=tracked.searched,
        others=tracked.others,
        latency_ms=round(1000 * tracked.latency_s, 2),
        shape_version=tracked.shape_version,
        pose=_short(tracked.pose_code),
        **vertices,
    )


def end_line(summary: dict[str, Any]) -> str:
    """The last line, of a track that has ended."""
    return _line("end", **summary)


def _line(kind: str, **values: Any) -> str:
    return json.dumps({"type": kind, **values}, separators=(",", ":"))


def _short(values: NDArray[np.floating], digits: int = 5) -> Any:
    return np.round(values.astype(np.float64), digits).tolist()
