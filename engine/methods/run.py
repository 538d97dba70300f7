"""Runs: what a fit leaves on disk.

run.json            method, inputs, versions, timings, and what is known of each frame
meshes/<frame>.ply  the mesh of each frame, metres, world; one topology for all frames or one for each
codes.npz           of the method `npm`: shape (1, S, C), pose (F, S, C); the last of the S snapshots is the result;
                    shape_deviations (K, C) by which the shape may be off, independently, one standard deviation each
canonical.ply       of methods that have one: the surface in the canonical pose, metres, triangles as in all frames
metrics.json, .csv  of an evaluation
log.jsonl           one line per report of progress

Other methods may leave other files; ``run.json`` names them all.

A run that somebody stopped and did not wait for is not ``complete``: it has no distances and no verdict. Of methods
that fit codes of a model it has codes and places, and its meshes are decoded when they are asked for; of others it has
the meshes, and in ``subject_masks.npz`` what was taken for the subject. `engine.methods.completing` makes all of it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from engine.core.errors import InputError, Task, remedy
from engine.core.files import check_name, read_json, write_json
from engine.core.npz import NpzFile
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import compact_layout, load_compact_ply, save_compact_ply
from engine.geometry.similarity import Similarity
from engine.methods.decoding import Decoding
from engine.methods.run_schema import FrameFile, RunFile, VerdictWord
from engine.methods.run_version_1 import as_version_2
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence, in_metres, regular_times
from engine.sequences.reading_ahead import working_ahead
from engine.sequences.timing import DEFAULT_FRAME_RATE

_log = logging.getLogger(__name__)

VERSION = 2
_REMEDY = remedy("give the folder of a run; to make one, {}", Task.FIT)
CANONICAL_SURFACE = "canonical.ply"
SUBJECTS = "subjects"
"""In the details of a run: how many subjects its method found, of which it is of one."""
SKIPPED = "skipped_frames"
"""In the details of a run: how many frames came too fast for its tracker."""
SIDE = "side"
"""In the details of a run: of which side a hand is, as `engine.methods.npm.sides.Side.as_dict` says it."""
CAMERAS = "cameras"
"""In the details of a run: by how many millimetres each of several cameras disagrees with the others, by its recording;
see `engine.methods.npm.calibration`."""
REFITTED = "refitted"
"""In the details of a run: ``of`` which run, and which ``frames`` were fitted again; others are as they were there."""
SCAN = "scan"
"""In the details of a run of a scan: ``unit`` of its file, ``points`` or a mesh, ``file_to_world`` (4, 4), and the mean
distances of both directions, ``scan_to_fit_mm`` and ``fit_to_scan_mm``."""
IN_SCAN = "in_scan.ply"
"""Artefact of a run of a scan: the fit in the unit and the axes of its file."""
PRECISION = "precision"
"""In the details of a run: in which numbers its method does most of its arithmetic, such as ``float32``."""
NOT_COMPLETE = "it was stopped before it was measured: open it in the application, which completes it"
"""Reason that a run without a verdict has."""
FILL_LOST = "fill_lost"
"""In the details of a run that is not complete: whether meshes of its lost frames shall be interpolated."""
UNMEASURED = "unmeasured"
"""In the details of a run that is not complete but has meshes: what else is needed to judge it."""
KEPT_SHAPE = "kept_shape"
"""In the details of a run: whose shape was kept, in words."""
_OWN_FILES = ("run.json", "metrics.json", "metrics.csv", "log.jsonl")
_OF_DESKTOPS = (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True, eq=False)
class RunFrame:
    """What is known of one frame; None where this method cannot say."""

    name: str
    timestamp_s: float | None
    """Seconds from any origin; None where nobody said when the frame was taken."""
    camera_to_world: NDArray[np.float64] | None = None
    """Pose (4, 4) of the camera that the fit took, which may have been estimated."""
    subject_to_world: NDArray[np.float64] | None = None
    """Pose (4, 4) of the subject."""
    confidence: float | None = None
    """From 0 to 1."""
    lost: bool | None = None
    """Whether the method does not trust its mesh of this frame."""
    filled: bool = False
    """Whether the mesh of a lost frame was made from those of its neighbours."""
    mean_distance_mm: float | None = None
    """Of what was seen to the mesh, see `engine.methods.distances.measure`; None also where nothing was seen."""


@dataclass(frozen=True, eq=False)
class RunInputs:
    """What was fitted, and with what."""

    sequence: Path
    """Depth sequence folder or recording."""
    model: Path | None = None
    similarity: Similarity | None = None
    """Between canonical units of the model and metres."""
    capture: CaptureOptions = AS_RECORDED
    """How the sequence was opened, when it is a foreign recording."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the configuration of the method; JSON."""
    seed: int = 0
    device: str = "cpu"
    views: tuple[Path, ...] = ()
    """Recordings of other cameras that were fitted with it."""


@dataclass(frozen=True, eq=False)
class Run:
    """A fitted sequence."""

    folder: Path
    method: str
    inputs: RunInputs
    meshes: MeshSequence
    """Metres, world."""
    frames: tuple[RunFrame, ...]
    timings: Mapping[str, float]
    """Seconds by name; ``total`` is the whole fit."""
    interrupted: bool = False
    subject: int | None = None
    """Which of several subjects of the recording this is; None where there is one."""
    verdict: VerdictWord | None = None
    """What is said of it without knowing the truth, see `engine.methods.verdict`; None where nobody did."""
    reason: str | None = None
    """Of the verdict."""
    versions: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the method tells; JSON."""
    artefacts: tuple[str, ...] = ()
    """Files of the method in the folder."""
    decoding: Decoding | None = None
    """What makes the meshes of a run that has only codes."""
    is_complete: bool = True
    """Whether it was measured and has a verdict, and meshes of its own."""

    def __post_init__(self) -> None:
        assert self.frame_names == self.meshes.frame_names

    @property
    def frame_names(self) -> tuple[str, ...]:
        return tuple(frame.name for frame in self.frames)

    @property
    def seconds(self) -> float:
        """Of the whole fit."""
        return self.timings["total"]

    @property
    def cameras_to_world(self) -> NDArray[np.float64] | None:
        """Poses (F, 4, 4) of the camera that the fit took; None in runs that lack one."""
        poses = [frame.camera_to_world for frame in self.frames if frame.camera_to_world is not None]
        return np.stack(poses) if len(poses) == len(self.frames) else None

    @property
    def seen_from(self) -> tuple[str, NDArray[np.float64]] | None:
        """A frame and the pose (4, 4) of its camera, which tell where the fit had its recording."""
        poses = ((frame.name, frame.camera_to_world) for frame in self.frames)
        return next(((name, pose) for name, pose in poses if pose is not None), None)


def motion_between_worlds(run: Run, sequence: DepthSequence) -> NDArray[np.float64] | None:
    """The rigid motion (4, 4) from the world of ``run`` to that of ``sequence``, by the camera of a frame.

    None where the worlds are the same, or no such frame tells.
    """
    if run.seen_from is None or run.seen_from[0] not in sequence.frame_names:
        return None
    name, pose = run.seen_from
    motion = sequence.camera_at(sequence.frame_names.index(name)) @ np.linalg.inv(pose)
    return None if np.allclose(motion, np.eye(4), atol=1e-6) else motion


def frame_records(
    meshes: MeshSequence, cameras_to_world: NDArray[np.float64] | None = None, times_known: bool = True
) -> tuple[RunFrame, ...]:
    """A record of each frame of ``meshes``; with the poses (F, 4, 4) of the camera, where they are known.

    Args:
        times_known: whether somebody said when the frames were taken; otherwise those of ``meshes`` are made up.
    """
    assert cameras_to_world is None or cameras_to_world.shape == (len(meshes), 4, 4), cameras_to_world.shape
    poses = [None] * len(meshes) if cameras_to_world is None else list(cameras_to_world)
    stamps = meshes.times_s.tolist() if times_known else [None] * len(meshes)
    return tuple(RunFrame(*values) for values in zip(meshes.frame_names, stamps, poses, strict=True))


def save_run(run: Run, artefacts: Mapping[str, Mapping[str, NDArray]] | None = None) -> None:
    """Write ``run`` into its folder, which the caller makes and renames.

    Args:
        artefacts: arrays by name for each npz file, by its name without the ending. Other files that lie in the
            folder already count as artefacts too.
    """
    assert run.meshes.frame == "world", run.meshes.frame
    if run.decoding is None:
        _save_meshes(run)
    for name, arrays in (artefacts or {}).items():
        np.savez_compressed(run.folder / f"{name}.npz", **dict(arrays))  # type: ignore[arg-type]
    files = sorted(path.name for path in run.folder.iterdir() if path.is_file() and path.name not in _OWN_FILES)
    inputs = run.inputs
    description = {
        "format": "npm-studio run",
        "format_version": VERSION,
        "complete": run.is_complete,
        "method": run.method,
        "inputs": {
            "sequence": str(inputs.sequence.resolve()),
            "views": [str(view.resolve()) for view in inputs.views],
            "model": None if inputs.model is None else str(inputs.model.resolve()),
            "similarity": None if inputs.similarity is None else inputs.similarity.as_dict(),
            "capture": inputs.capture.as_dict(),
            "config": dict(inputs.config),
            "seed": inputs.seed,
            "device": inputs.device,
        },
        "versions": dict(run.versions),
        "timings": {name: round(seconds, 3) for name, seconds in run.timings.items()},
        "interrupted": run.interrupted,
        "subject": run.subject,
        "verdict": run.verdict,
        "reason": run.reason,
        "unit": "m",
        "one_topology": run.meshes.one_topology,
        "frames": [_as_json(frame) for frame in run.frames],
        "artefacts": files,
        "details": dict(run.details),
    }
    write_json(run.folder / "run.json", description)


def _save_meshes(run: Run) -> None:
    meshes = run.folder / "meshes"
    meshes.mkdir(parents=True, exist_ok=True)
    named = zip(run.frame_names, run.meshes, strict=True)
    for _ in working_ahead(partial(save_compact_ply, mesh, meshes / f"{name}.ply", "metres") for name, mesh in named):
        pass


def load_run(folder: Path) -> Run:
    """Read a run folder, of this version or the first; meshes are read, or decoded, when they are asked for.

    Raises:
        InputError: it is not a run, is of a newer version, or a part of it is missing or damaged.
    """
    _log.info("run %s", folder)
    source = folder / "run.json"
    if not source.is_file():
        raise InputError(folder, "is not a run: it has no run.json", _REMEDY)
    description = read_json(source, "fit it again")
    if not isinstance(description, dict) or description.get("format") != "npm-studio run":
        raise InputError(source, "does not describe a run", _REMEDY)
    version = description.get("format_version")
    if isinstance(version, int) and version > VERSION:
        problem = f"has format version {version}, this program reads up to {VERSION}"
        raise InputError(source, problem, "update this program")
    if version == 1:
        description = as_version_2(description, folder)
    try:
        file = RunFile.model_validate(description)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(folder, f"is a damaged run (run.json: {place}: {first['msg']})", "fit it again") from None
    return _run(folder, file)


def not_of_the_run(folder: Path) -> list[str]:
    """Names of what lies in the folder of a run and was not put there with it; of a damaged run it is guessed."""
    try:
        run = load_run(folder)
        known = {*run.artefacts, *(f"meshes/{name}.ply" for name in run.frame_names)}
    except InputError:
        known = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".npz", ".ply")}
    known |= {*_OWN_FILES, *_OF_DESKTOPS, "meshes"}
    inside = [*folder.iterdir(), *(folder / "meshes").glob("*")]
    names = (path.relative_to(folder).as_posix() for path in inside)
    return sorted(name for name in names if name not in known)


def canonical_surface(run: Run) -> Mesh | None:
    """The surface in the canonical pose, metres, whose vertices are those of all meshes; None where there is none.

    Raises:
        InputError: its file is damaged.
    """
    if run.decoding is not None:
        return run.decoding.surface
    if CANONICAL_SURFACE not in run.artefacts:
        return None
    path = run.folder / CANONICAL_SURFACE
    surface = load_compact_ply(path)
    if not (run.meshes.one_topology and np.array_equal(surface.faces, run.meshes.read(0).faces)):
        raise InputError(path, "has other triangles than the meshes of the run", "fit it again")
    return surface


def _run(folder: Path, file: RunFile) -> Run:
    _log.info("run %s", folder)
    source = folder / "run.json"
    similarity = None if file.inputs.similarity is None else Similarity.from_dict(file.inputs.similarity, source)
    for name in [*(frame.name for frame in file.frames), *file.artefacts]:
        check_name(name, source)
    _check_artefacts(folder, file)
    inputs = RunInputs(
        Path(file.inputs.sequence),
        None if file.inputs.model is None else Path(file.inputs.model),
        similarity,
        CaptureOptions.from_dict(file.inputs.capture),
        file.inputs.config,
        file.inputs.seed,
        file.inputs.device,
        tuple(map(Path, file.inputs.views)),
    )
    frames = tuple(_frame(frame) for frame in file.frames)
    has_meshes = file.complete or UNMEASURED in file.details
    decoding = None if has_meshes else decoding_of(folder, inputs, frames, file.details)
    meshes = _meshes(folder, file, decoding)
    if file.unit == "canonical":
        if similarity is None:
            raise InputError(folder, "is a damaged run: canonical units without a similarity", "fit it again")
        meshes = in_metres(meshes, similarity)
    return Run(
        folder=folder,
        method=file.method,
        inputs=inputs,
        meshes=meshes,
        frames=frames,
        timings=file.timings,
        interrupted=file.interrupted,
        subject=file.subject,
        verdict=file.verdict,
        reason=file.reason,
        versions=file.versions,
        details=file.details,
        artefacts=tuple(file.artefacts),
        decoding=decoding,
        is_complete=file.complete,
    )


def _frame(file: FrameFile) -> RunFrame:
    poses = (file.camera_to_world, file.subject_to_world)
    camera, subject = (None if pose is None else np.array(pose, np.float64) for pose in poses)
    known = file.confidence, file.lost, file.filled, file.mean_distance_mm
    return RunFrame(file.name, file.timestamp_s, camera, subject, *known)


def decoding_of(folder: Path, inputs: RunInputs, frames: tuple[RunFrame, ...], details: Mapping[str, Any]) -> Decoding:
    """What makes the meshes of a run that has none.

    Raises:
        InputError: it does not say enough.
    """
    places = [frame.subject_to_world for frame in frames if frame.subject_to_world is not None]
    resolution, side = inputs.config.get("resolution"), details.get(SIDE)
    if inputs.model is None or len(places) < len(frames) or not isinstance(resolution, int):
        raise InputError(folder, "is a damaged run: it has neither meshes nor what they are made of", "fit it again")
    is_mirrored = isinstance(side, dict) and side.get("mirrored") is True
    return Decoding(folder, inputs.model, np.stack(places), resolution, is_mirrored)


def _meshes(folder: Path, file: RunFile, decoding: Decoding | None) -> MeshSequence:
    """The sequence in the unit of the files, whose sizes are checked now; or as it is decoded."""
    names = tuple(frame.name for frame in file.frames)
    stamps = [frame.timestamp_s for frame in file.frames if frame.timestamp_s is not None]
    assumed = regular_times(len(names), DEFAULT_FRAME_RATE)
    times_s = np.array(stamps, np.float64) if len(stamps) == len(names) else assumed
    if decoding is not None:
        return MeshSequence(folder.name, names, times_s, decoding.mesh, one_topology=True)
    paths = [folder / "meshes" / f"{name}.ply" for name in names]
    sizes = set()
    for path in paths:
        layout = compact_layout(path)
        if layout is not None:
            sizes.add((layout.vertices, layout.faces))
        else:  # not written by this program, or damaged
            mesh = load_mesh(path)
            sizes.add((len(mesh.vertices), len(mesh.faces)))
    if file.one_topology and len(sizes) > 1:
        raise InputError(folder, f"is a damaged run: meshes of {len(sizes)} sizes instead of one", "fit it again")
    read = _with_shared_faces(paths) if file.one_topology else lambda index: load_compact_ply(paths[index])
    return MeshSequence(folder.name, names, times_s, read, file.one_topology)


def _with_shared_faces(paths: list[Path]) -> Callable[[int], Mesh]:
    """A reader of meshes that all have the faces of the first, as one array: who shows them can tell by it."""
    known: list[Mesh] = []

    def read(index: int) -> Mesh:
        if not known:
            known.append(load_compact_ply(paths[0]))
        mesh, first = load_compact_ply(paths[index]), known[0]
        if mesh.vertices.shape != first.vertices.shape or mesh.faces.shape != first.faces.shape:
            raise InputError(paths[index], "has another size than the mesh of the first frame", "fit it again")
        return Mesh(mesh.vertices, first.faces)

    return read


def _check_artefacts(folder: Path, file: RunFile) -> None:
    """That the files are there, and that npz files have what their headers declare."""
    for name in file.artefacts:
        path = folder / name
        if not path.is_file():
            raise InputError(path, "is missing", "fit it again")
        if path.suffix == ".npz":
            with NpzFile(path, "fit it again") as arrays:
                shapes = {array: arrays.shape(array) for array in arrays.names}
            if name == "codes.npz" and "pose" in shapes and shapes["pose"][:1] != (len(file.frames),):
                problem = f"has pose codes of shape {shapes['pose']} for {len(file.frames)} frames"
                raise InputError(path, problem, "fit it again")


def _as_json(frame: RunFrame) -> dict[str, Any]:
    return {
        "name": frame.name,
        "timestamp_s": frame.timestamp_s,
        "camera_to_world": None if frame.camera_to_world is None else frame.camera_to_world.tolist(),
        "subject_to_world": None if frame.subject_to_world is None else frame.subject_to_world.tolist(),
        "confidence": frame.confidence,
        "lost": frame.lost,
        "filled": frame.filled,
        "mean_distance_mm": frame.mean_distance_mm,
    }
