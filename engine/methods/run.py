"""Runs: what a fit leaves on disk.

run.json            request, model, versions, timings
codes.npz           shape (1, S, C), pose (F, S, C); the last of the S snapshots is the result
meshes/<frame>.ply  the fitted mesh of each frame, canonical units, one topology for all frames
metrics.json        written by `npm-studio evaluate`
log.jsonl           one line per report of progress
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import check_name, read_json, write_json
from engine.geometry.mesh import Mesh, load_mesh, save_mesh
from engine.geometry.similarity import Similarity
from engine.sequences.capture_options import CaptureOptions

_CURE = "give a folder that `npm-studio fit` wrote"


@dataclass(frozen=True, eq=False)
class Run:
    """A fitted sequence."""

    folder: Path
    model: Path
    sequence: Path
    method: str
    frame_names: tuple[str, ...]
    frame_rate: float
    similarity: Similarity
    faces: NDArray[np.int32]
    """(T, 3)"""
    vertices: NDArray[np.float32]
    """(F, V, 3), canonical units"""
    shape_code: NDArray[np.float32]
    """(Cs,)"""
    pose_codes: NDArray[np.float32]
    """(F, Cp)"""
    seconds: float
    interrupted: bool
    details: dict[str, Any]
    """Configuration, versions and timings."""

    @property
    def capture(self) -> CaptureOptions:
        """How the sequence was opened, when it is a foreign recording.

        Raises:
            InputError: the run says nothing that has a meaning.
        """
        return CaptureOptions.from_dict(self.details.get("capture", {}))

    @property
    def camera_to_world(self) -> NDArray[np.float64] | None:
        """Pose (4, 4) of the camera that the fit took, which may have been estimated; None in runs that lack it."""
        pose = np.array(self.details.get("camera_to_world", []), np.float64)
        return pose if pose.shape == (4, 4) else None


def save_run(run: Run) -> None:
    """Write ``run`` into its folder, which the caller makes and renames."""
    meshes = run.folder / "meshes"
    meshes.mkdir(parents=True, exist_ok=True)
    for name, vertices in zip(run.frame_names, run.vertices, strict=True):
        save_mesh(Mesh(vertices, run.faces), meshes / f"{name}.ply")
    np.savez_compressed(run.folder / "codes.npz", shape=run.shape_code[None, None], pose=run.pose_codes[:, None])
    description = {
        "format": "npm-studio run",
        "format_version": 1,
        "method": run.method,
        "model": str(run.model.resolve()),
        "sequence": str(run.sequence.resolve()),
        "frames": list(run.frame_names),
        "frame_rate": run.frame_rate,
        "similarity": run.similarity.as_dict(),
        "seconds": round(run.seconds, 2),
        "interrupted": run.interrupted,
        "details": run.details,
    }
    write_json(run.folder / "run.json", description)


def load_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: it is not a run, or a part of it is missing or damaged.
    """
    if not (folder / "run.json").is_file():
        raise InputError(folder, "is not a run: it has no run.json", _CURE)
    description = read_json(folder / "run.json", _CURE)
    try:
        if description["format"] != "npm-studio run":
            raise KeyError("format")
        names = tuple(check_name(name, folder / "run.json") for name in description["frames"])
        similarity = Similarity.from_dict(description["similarity"], folder / "run.json")
        with np.load(folder / "codes.npz", allow_pickle=False) as codes:
            shape_code = np.asarray(codes["shape"], np.float32)[0, -1]
            pose_codes = np.asarray(codes["pose"], np.float32)[:, -1]
        meshes = [load_mesh(folder / "meshes" / f"{name}.ply") for name in names]
        shapes = {mesh.vertices.shape for mesh in meshes}
        if not meshes or len(shapes) > 1 or len(pose_codes) != len(names):
            raise ValueError("frames, codes and meshes do not agree")
        return Run(
            folder=folder,
            model=Path(description["model"]),
            sequence=Path(description["sequence"]),
            method=str(description["method"]),
            frame_names=names,
            frame_rate=float(description["frame_rate"]),
            similarity=similarity,
            faces=meshes[0].faces,
            vertices=np.stack([mesh.vertices for mesh in meshes]),
            shape_code=shape_code,
            pose_codes=pose_codes,
            seconds=float(description["seconds"]),
            interrupted=bool(description["interrupted"]),
            details=dict(description["details"]),
        )
    except InputError:
        raise
    except Exception as error:  # any of the files may be damaged in any way
        raise InputError(folder, f"is a damaged run ({error.__class__.__name__}: {error})", "fit it again") from None
