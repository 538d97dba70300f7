"""A scan as what cameras around it see: its unit and its vertical found, so that a model can be fitted to it.

Nobody says of a mesh file how large it is or how it stands. The unit is the one in which it is as large as the subjects
of the model. Which way is up is found by training poses (`engine.sequences.scan_alignment`), and where the model has a
coordinate network by how familiar the scan looks to it from cameras around: the likeliest verticals are tried.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError, Notice, Remedy
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.depth import point_image
from engine.geometry.mesh import Mesh
from engine.geometry.ray_casting import DepthRenderer
from engine.geometry.similarity import Similarity
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.scan import Scan, ScanFile, surface_of, surface_samples
from engine.sequences.scan_alignment import Turn, likeliest_ups, turns

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

UNITS = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001}
_SIZES = 0.14, 1.0
"""Of the cube of a model: the longest side of its subjects, crouching children and tall people."""
_PIXELS = 320
_AWAY = 1.4
"""Cubes between a camera and the middle of the scan."""
_FOCAL = 1.15
"""Pixels of focal length, of the width of an image, at which the cube fills it from there."""
_LEVEL_DEGREES, _ABOVE_DEGREES = (0.0, 90.0, 180.0, 270.0), (45.0, 135.0, 225.0, 315.0)
_LOOKING_DOWN_DEGREES = 35.0
_UPS = 5
"""Verticals that a network is asked about."""
_SAMPLES = 4096
_THIN = 0.015
"""Of its size: a surface with nothing but that behind it is one side of something."""
_ONE_SIDE = Remedy("give the recording that it was made from, or a scan of all sides")


@dataclass(frozen=True, eq=False)
class _Camera:
    """One of the virtual cameras."""

    pose: NDArray[np.float64]
    """(4, 4) camera axes to world metres"""
    depth_m: NDArray[np.float32]
    """(H, W)"""


def open_scan(file: ScanFile, model: "NeuralParametricModel", progress: Progress | None = None) -> DepthSequence:
    """The one moment of a scan, as eight cameras see it: four level ones and four that look down.

    It stands in an upright world, metres, with its middle where the model has its subjects. What was taken for its unit
    and its vertical is said in the warnings of the sequence.

    Raises:
        InputError: it is not as large as the subjects of ``model`` in any unit, or shows one side alone.
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    progress.stage("align", _UPS)
    surface = surface_of(file)
    unit, said_unit = _unit_of(file, surface, model)
    points = surface_samples(surface, _SAMPLES)
    found = turns(UNITS[unit] * points, model)
    turn, said_turn = _most_familiar(file, surface, UNITS[unit], found, model, progress)
    file_to_world = np.eye(4)
    file_to_world[:3, :3], file_to_world[:3, 3] = UNITS[unit] * turn.rotation, turn.shift
    sequence = views_around(file, file_to_world, unit, model.info.similarity)
    assert sequence.scan is not None
    _check_thickness(file, sequence.scan.surface, 1 / model.info.similarity.scale)
    return replace(sequence, warnings=(Notice(said_unit), Notice(said_turn)))


def views_around(
    file: ScanFile, file_to_world: NDArray[np.float64], unit: str, similarity: Similarity
) -> DepthSequence:
    """What the cameras see of a scan that ``file_to_world`` (4, 4) brings where models have their subjects."""
    surface, size_m = surface_of(file), 1 / similarity.scale
    placed = Mesh(transform_points(file_to_world, surface.vertices), surface.faces)
    above = [(angle, _LOOKING_DOWN_DEGREES) for angle in _ABOVE_DEGREES]
    cameras = _seen(placed, size_m, [*((angle, 0.0) for angle in _LEVEL_DEGREES), *above])
    first, *others = (_sequence(file, camera, size_m) for camera in cameras)
    what = "points" if file.is_cloud else "a mesh"
    return replace(
        first,
        others=tuple(others),
        scan=Scan(placed, file_to_world, unit, file.is_cloud),
        origin=f"{what} of all sides in {unit}, seen by {len(cameras)} virtual cameras",
    )


def _unit_of(file: ScanFile, surface: Mesh, model: "NeuralParametricModel") -> tuple[str, str]:
    """The unit of ``file``, and why.

    Raises:
        InputError: it fits none.
    """
    size = float(np.ptp(surface.vertices.astype(np.float64), axis=0).max())
    cube_m, category = 1 / model.info.similarity.scale, model.info.category
    least, most = _SIZES[0] * cube_m, _SIZES[1] * cube_m
    for unit, metres in UNITS.items():
        if least <= metres * size <= most:
            return (
                unit,
                f"its unit is taken to be {unit}: it measures {size:.4g}, and {category} {least:.2g} to {most:.2g} m",
            )
    problem = f"measures {size:.4g}, which in metres, centimetres or millimetres is not the size of {category}"
    raise InputError(file.path, f"{problem} ({least:.2g} to {most:.2g} m)", "use a model of what it shows, or scale it")


def _most_familiar(
    file: ScanFile,
    surface: Mesh,
    metres: float,
    found: list[Turn],
    model: "NeuralParametricModel",
    progress: Progress,
) -> tuple[Turn, str]:
    """Which of the turns ``found`` it is, and why.

    Raises:
        InputError: the network finds nothing like its subjects in any.
    """
    if model.coordinate_network is None:
        return found[0], _in_words(found[0], f"which leaves {1000 * found[0].residual_m:.0f} mm to a training pose")
    tried = likeliest_ups(found, _UPS)
    scores = []
    for number, turn in enumerate(tried):
        if progress.cancelled():
            raise Cancelled
        moved = Mesh((metres * surface.vertices @ turn.rotation.T + turn.shift).astype(np.float32), surface.faces)
        scores.append(_familiarity(moved, model))
        progress.advance(number + 1)
    best = int(np.argmax(scores))
    if scores[best] <= 0:
        raise InputError(file.path, f"shows nothing like {model.info.category}", "use a model of what it shows")
    second = max((score for row, score in enumerate(scores) if row != best), default=0.0)
    clear = "clearly" if second < 0.8 * scores[best] else "a little"
    return tried[best], _in_words(tried[best], f"which looks {clear} more familiar than {len(tried) - 1} others")


def _in_words(turn: Turn, why: str) -> str:
    from scipy.spatial.transform import Rotation

    degrees = np.degrees(Rotation.from_matrix(turn.rotation).magnitude())
    up = " ".join(f"{value:+.2f}" for value in turn.up)
    return f"up is taken to be ({up}) of its axes, {why}: turned by {degrees:.0f} degrees"


def _familiarity(surface: Mesh, model: "NeuralParametricModel") -> float:
    """How much of a subject the network sees from four level cameras, by how sure it is."""
    import torch

    from engine.sequences.subject_finder import SubjectFinder

    assert model.coordinate_network is not None
    size_m = 1 / model.info.similarity.scale
    cameras = _seen(surface, size_m, [(angle, 0.0) for angle in _LEVEL_DEGREES])
    finder = SubjectFinder(model.coordinate_network, model.info.similarity.scale, _camera(size_m), model.device)
    depths = torch.from_numpy(np.stack([camera.depth_m for camera in cameras])).to(model.device)
    ups = torch.tensor(np.stack([camera.pose[1, :3] for camera in cameras]), dtype=torch.float32, device=model.device)
    middle = np.median(surface.vertices, axis=0)
    expected = np.stack([(middle - camera.pose[:3, 3]) @ camera.pose[:3, :3] for camera in cameras])[:, None]
    looks = finder.look(depths, finder.crop_axes(ups), expected)
    return float(sum(found.score * found.sureness for (found,) in looks if found is not None))


def _seen(surface: Mesh, size_m: float, angles: list[tuple[float, float]]) -> list[_Camera]:
    """What cameras around ``surface`` see, at ``angles`` about the vertical and below the horizon, degrees."""
    middle = (surface.vertices.min(axis=0) + surface.vertices.max(axis=0)).astype(np.float64) / 2
    poses = np.stack([_looking_at(middle, _AWAY * size_m, *np.radians(pair)) for pair in angles])
    depths = DepthRenderer(surface.faces, _camera(size_m)).render(surface.vertices, poses)
    return [_Camera(pose, depth) for pose, depth in zip(poses, depths, strict=True)]


def _camera(size_m: float) -> PinholeCamera:
    focal = _FOCAL * _PIXELS
    return PinholeCamera(_PIXELS, _PIXELS, focal, focal, _PIXELS / 2, _PIXELS / 2)


def _looking_at(middle: NDArray[np.float64], away_m: float, heading: float, down: float) -> NDArray[np.float64]:
    """Pose (4, 4) of a camera that looks at ``middle`` (3,), from +z at a heading of 0, and ``down`` radians down."""
    back = np.array([np.sin(heading) * np.cos(down), np.sin(down), np.cos(heading) * np.cos(down)])
    right = np.array([np.cos(heading), 0.0, -np.sin(heading)])
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, np.cross(right, back), -back
    pose[:3, 3] = middle + away_m * back
    return pose


def _check_thickness(file: ScanFile, surface: Mesh, size_m: float) -> None:
    """Refuse a surface that has no other side: from somewhere, what opposite cameras see of it is the same.

    Raises:
        InputError: it has none.
    """
    camera = _camera(size_m)
    cameras = _seen(surface, size_m, [(0.0, 0.0), (180.0, 0.0), (90.0, 0.0), (270.0, 0.0), (0.0, 90.0), (0.0, -90.0)])
    thickness = []
    for front, back in zip(cameras[::2], cameras[1::2], strict=True):
        points = point_image(front.depth_m, camera)[front.depth_m > 0].astype(np.float64)
        world = transform_points(front.pose, points)
        behind = (world - back.pose[:3, 3]) @ back.pose[:3, :3]
        column, row = np.floor(camera.project(behind)).astype(int).clip(0, _PIXELS - 1).T
        there = back.depth_m[row, column]
        thickness.append(float(np.median((behind[:, 2] - there)[there > 0])) if (there > 0).any() else 0.0)
    if min(thickness) < _THIN * float(np.ptp(surface.vertices, axis=0).max()):
        raise InputError(file.path, "has no other side: it is what one camera saw", _ONE_SIDE)


def _sequence(file: ScanFile, camera: _Camera, size_m: float) -> DepthSequence:
    """One virtual camera as a recording of one frame, in which everything is the subject."""
    whole = DepthSequence(
        name=file.path.stem,
        root=file.path,
        camera=_camera(size_m),
        frame_names=(file.path.stem,),
        times_s=np.zeros(1),
        read_frame=lambda _: camera.depth_m,
        cameras_to_world=camera.pose[None],
        world=World.UPRIGHT,
        times_assumed=True,
    )
    return replace(whole, scene=whole)
