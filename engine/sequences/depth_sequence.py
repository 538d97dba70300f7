"""Depth sequences on disk: a folder of depth images and the camera that took them.

Layout of a sequence folder::

    intrinsics.json     width, height, fx, fy, cx, cy in pixels; optional depth_scale (stored units per metre, 1000
                        when absent), frame_rate (30 when absent) and camera_to_world (4x4 rows; identity when absent)
    depth/*.png         16-bit greyscale, one per frame, in natural order; or directly in the folder
    depth/*.npz         instead of PNG: float32 metres under the key depth_m (depth_scale does not apply)
    truth/<frame>.ply   optional: the true surface of each frame, canonical units

The values 0 and 65535 of a PNG, and what is not finite or not positive in an npz, are invalid and become 0.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import InputError
from engine.core.files import natural_key, read_json, replacing_folder, write_json
from engine.core.npz import NpzFile
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.depth import depth_mesh, point_image, points_and_normals
from engine.geometry.mesh import Mesh
from engine.sequences.depth_png import DAMAGED_CURE, SENSOR_MAXIMUM, check_depth_png, read_depth_png

DEFAULT_FRAME_RATE = 30.0
DEFAULT_DEPTH_SCALE = 1000.0
PLAUSIBLE_DEPTH_M = (0.3, 6.0)
_SIZE_CURE = "correct the intrinsics or take the file out of the folder"
_INTRINSICS_CURE = (
    "it must give width, height, fx, fy, cx and cy in pixels, and depth_scale, the stored units per metre, if not 1000"
)


@dataclass(frozen=True, eq=False)
class DepthSequence:
    """Depth images of one camera that stands still; frames are decoded when asked for."""

    name: str
    root: Path
    camera: PinholeCamera
    camera_to_world: NDArray[np.float64]
    """(4, 4) rigid: OpenCV camera axes to world metres."""
    frame_rate: float
    frame_names: tuple[str, ...]
    read_frame: Callable[[int], NDArray[np.float32]]
    """Decodes the depth image (H, W) of one frame, metres, 0 invalid; see `depth_m`."""
    origin: str = "NPM Studio depth sequence"
    """What the files were recognised as, and why."""
    warnings: tuple[str, ...] = ()
    """What a user should know, such as frames that were left out."""

    def __len__(self) -> int:
        return len(self.frame_names)

    @property
    def truth_folder(self) -> Path | None:
        """Folder of the true meshes, ``<frame name>.ply`` in canonical units, when there is one."""
        folder = self.root / "truth"
        return folder if folder.is_dir() else None

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """Depth image (H, W) of one frame in metres; 0 is invalid.

        Raises:
            InputError: the file is damaged, of another size than the camera's, or without a single valid pixel.
        """
        depth = self.read_frame(index)
        check_depth(depth, self.camera, f"{self.root}: frame {self.frame_names[index]}")
        return depth

    def points_world(self, index: int) -> NDArray[np.float32]:
        """World points (P, 3), metres, of the valid pixels of one frame in row-major order."""
        image = point_image(self.depth_m(index), self.camera)
        return transform_points(self.camera_to_world, image[image[..., 2] > 0])

    def mesh_world(self, index: int, max_edge: float = 0.05) -> Mesh:
        """The visible surface of one frame as a mesh, world metres, without edges longer than ``max_edge`` metres."""
        mesh = depth_mesh(self.depth_m(index), self.camera, max_edge)
        return Mesh(transform_points(self.camera_to_world, mesh.vertices), mesh.faces)


def observed_points_and_normals(sequence: DepthSequence, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """World points (P, 3), metres, and unit normals (P, 3) towards the camera, of one frame of ``sequence``.

    Only pixels with a trustworthy normal; see `engine.geometry.depth.points_and_normals`.
    """
    points, normals = points_and_normals(sequence.depth_m(index), sequence.camera)
    rotation = sequence.camera_to_world[:3, :3]
    return transform_points(sequence.camera_to_world, points), (normals @ rotation.T).astype(np.float32)


def load_depth_sequence(folder: Path) -> DepthSequence:
    """Open a sequence folder; reads the header of every frame and decodes the first one.

    Raises:
        InputError: the folder or a file of it cannot be used; names the file and the cure.
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "no such folder"
        raise InputError(folder, problem, "give the folder that holds intrinsics.json and depth/*.png")
    if not any(folder.iterdir()):
        raise InputError(folder, "is empty", "give a folder that holds intrinsics.json and depth/*.png")
    source = folder / "intrinsics.json"
    description = read_json(source, _INTRINSICS_CURE)
    camera = camera_of(description, source)
    depth_scale = _positive(description, "depth_scale", DEFAULT_DEPTH_SCALE, source)
    paths = _find_frames(folder)
    for path in paths:
        _check_header(path, camera)

    def read_frame(index: int) -> NDArray[np.float32]:
        path = paths[index]
        depth = _read_npz(path, camera) if path.suffix.lower() == ".npz" else read_depth_png(path, depth_scale)
        check_depth(depth, camera, path)
        return depth

    sequence = DepthSequence(
        name=folder.resolve().name,
        root=folder,
        camera=camera,
        camera_to_world=camera_to_world_of(description, source),
        frame_rate=_positive(description, "frame_rate", DEFAULT_FRAME_RATE, source),
        frame_names=tuple(path.stem for path in paths),
        read_frame=read_frame,
    )
    _check_plausible(sequence, paths[0], depth_scale, source)
    return sequence


def is_native(folder: Path) -> bool:
    """Whether NPM Studio wrote ``folder``: its camera has a pose, or its frames are ``.npz`` in metres.

    Raises:
        InputError: its intrinsics are no JSON.
    """
    if not (folder / "intrinsics.json").is_file():
        return False
    description = read_json(folder / "intrinsics.json", _INTRINSICS_CURE)
    if isinstance(description, dict) and "camera_to_world" in description:
        return True
    has_png = any(_images(place, ".png") for place in (folder, folder / "depth"))
    return not has_png and bool(_images(folder / "depth", ".npz"))


def check_depth(depth_m: NDArray[np.float32], camera: PinholeCamera, what: str | Path) -> None:
    """Refuse a depth image that has not the size of ``camera`` or not a single valid pixel.

    Raises:
        InputError: naming ``what``, the file or frame.
    """
    height, width = depth_m.shape
    if (width, height) != (camera.width, camera.height):
        raise InputError(what, _wrong_size(width, height, camera), _SIZE_CURE)
    if not depth_m.any():
        raise InputError(what, "holds no valid depth (every pixel is invalid)", "take it out of the folder")


def save_depth_sequence(
    folder: Path,
    depths_m: Iterable[NDArray[np.floating[Any]]],
    camera: PinholeCamera,
    camera_to_world: ArrayLike,
    frame_rate: float = DEFAULT_FRAME_RATE,
    names: Sequence[str] | None = None,
    file_format: Literal["png", "npz"] = "png",
) -> None:
    """Write ``folder/intrinsics.json`` and ``folder/depth``, replacing these two and nothing else.

    Args:
        depths_m: F depth images (H, W) in metres; an iterator may make them one by one. Values that are not finite or
            not positive, and beyond 65.534 m in PNG, are stored as invalid.
        camera_to_world: (4, 4) rigid, OpenCV camera axes to world metres.
        names: F file names without ending; 000000, 000001, ... when absent.
        file_format: ``png`` rounds to millimetres, ``npz`` keeps float32.

    Raises:
        ValueError: an image has not the camera's size, or there are more images than names.
    """
    with replacing_folder(folder / "depth") as temporary:
        for index, depth_m in enumerate(depths_m):
            if depth_m.shape != (camera.height, camera.width):
                raise ValueError(f"depth image {index} is {depth_m.shape}, not {(camera.height, camera.width)}")
            if names is not None and index >= len(names):
                raise ValueError(f"there are more depth images than the {len(names)} names")
            name = f"{index:06d}" if names is None else names[index]
            write_frame(temporary / f"{name}.{file_format}", depth_m)
    write_intrinsics(folder, camera, camera_to_world, frame_rate)


def write_intrinsics(
    folder: Path,
    camera: PinholeCamera,
    camera_to_world: ArrayLike,
    frame_rate: float,
    depth_scale: float = DEFAULT_DEPTH_SCALE,
) -> None:
    """Write ``folder/intrinsics.json``; see `save_depth_sequence`, ``depth_scale`` in stored units per metre."""
    description = {
        **asdict(camera),
        "depth_scale": depth_scale,
        "frame_rate": float(frame_rate),
        "camera_to_world": np.asarray(camera_to_world, np.float64).tolist(),
    }
    write_json(folder / "intrinsics.json", description)


def write_frame(path: Path, depth_m: NDArray[np.floating[Any]], depth_scale: float = DEFAULT_DEPTH_SCALE) -> None:
    """Write one depth image (H, W), metres, as 16-bit PNG or npz by the ending of ``path``; not atomic."""
    from PIL import Image

    depth_m = np.asarray(depth_m, np.float32)
    valid = np.isfinite(depth_m) & (depth_m > 0)
    depth_m = np.where(valid, depth_m, np.float32(0))
    if path.suffix == ".npz":
        np.savez_compressed(path, depth_m=depth_m)
        return
    stored = np.rint(depth_m.astype(np.float64) * depth_scale)
    stored[stored >= SENSOR_MAXIMUM] = 0
    Image.fromarray(stored.astype(np.uint16)).save(path, optimize=True)


def _find_frames(folder: Path) -> tuple[Path, ...]:
    for place in (folder / "depth", folder):
        for ending in (".png", ".npz"):
            if found := _images(place, ending):
                return found
    raise InputError(folder, "has no depth images", "put 16-bit PNG files into its subfolder depth/")


def _images(folder: Path, ending: str) -> tuple[Path, ...]:
    """Files of ``folder`` with ``ending``, in natural order; none where there is no such folder."""
    if not folder.is_dir():
        return ()
    found = [path for path in folder.iterdir() if path.suffix.lower() == ending and not path.name.startswith(".")]
    return tuple(sorted(found, key=natural_key))


def camera_of(description: Any, source: Path) -> PinholeCamera:
    """The camera that the JSON ``description`` of file ``source`` gives: width, height, fx, fy, cx and cy in pixels.

    Raises:
        InputError: something is missing or no camera.
    """
    if not isinstance(description, dict):
        raise InputError(source, "does not describe a camera", _INTRINSICS_CURE)
    missing = [key for key in ("width", "height", "fx", "fy", "cx", "cy") if key not in description]
    if missing:
        raise InputError(source, f"lacks {', '.join(missing)}", _INTRINSICS_CURE)
    try:
        width, height = (int(description[key]) for key in ("width", "height"))
        return PinholeCamera(width, height, *(float(description[key]) for key in ("fx", "fy", "cx", "cy")))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(source, f"does not describe a camera ({error})", _INTRINSICS_CURE) from None


def _positive(description: dict[str, Any], key: str, default: float, source: Path) -> float:
    try:
        value = float(description.get(key, default))
    except (TypeError, ValueError):
        value = float("nan")
    if not (np.isfinite(value) and value > 0):
        raise InputError(source, f"{key} must be a positive number, is {description[key]!r}", "correct or remove it")
    return value


def camera_to_world_of(description: dict[str, Any], source: Path) -> NDArray[np.float64]:
    """The pose (4, 4) that the JSON ``description`` of file ``source`` gives; the identity when it gives none.

    Raises:
        InputError: it is not a rigid transform.
    """
    cure = "give a 4x4 rigid transform as rows, rotation and metres, or remove it"
    try:
        pose = np.array(description.get("camera_to_world", np.eye(4).tolist()), np.float64)
    except (TypeError, ValueError):
        raise InputError(source, "camera_to_world is not a 4x4 matrix of numbers", cure) from None
    if pose.shape != (4, 4):
        raise InputError(source, f"camera_to_world must be 4x4, is {pose.shape}", cure)
    if not np.isfinite(pose).all():
        raise InputError(source, "camera_to_world holds numbers that are not finite", cure)
    rotation = pose[:3, :3]
    is_rotation = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    if not (is_rotation and np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6)):
        raise InputError(source, "camera_to_world is not a rigid transform", cure)
    return pose


def _check_plausible(sequence: DepthSequence, first: Path, depth_scale: float, source: Path) -> None:
    """A wrong depth_scale gives depths far from what depth cameras measure."""
    depth = sequence.depth_m(0)
    median = float(np.median(depth[depth > 0]))
    near, far = PLAUSIBLE_DEPTH_M
    if near <= median <= far:
        return
    problem = f"the median depth is {median:.4g} m, outside {near:g} to {far:g} m"
    if first.suffix.lower() == ".npz":
        raise InputError(first, problem, "store depth_m in metres")
    cure = f"correct depth_scale (stored units per metre, now {depth_scale:g}) in {source}"
    raise InputError(first, problem, cure)


def _wrong_size(width: int, height: int, camera: PinholeCamera) -> str:
    return f"is {width}x{height} pixels, the intrinsics say {camera.width}x{camera.height}"


def _check_header(path: Path, camera: PinholeCamera) -> None:
    """Refuse a frame that is damaged or of the wrong kind, without decoding its pixels."""
    if path.suffix.lower() == ".png":
        width, height = check_depth_png(path)
    else:
        with NpzFile(path, DAMAGED_CURE) as file:
            shape = file.shape("depth_m")
        if len(shape) != 2:
            raise InputError(path, f"has depth_m of shape {shape}, needs (H, W)", "store metres as float32")
        height, width = shape
    if (width, height) != (camera.width, camera.height):
        raise InputError(path, _wrong_size(width, height, camera), _SIZE_CURE)


def _read_npz(path: Path, camera: PinholeCamera) -> NDArray[np.float32]:
    with NpzFile(path, "store metres (H, W) as float32 under depth_m") as file:
        depth = file.read("depth_m", "f", (camera.height, camera.width), finite=False).astype(np.float32)
    depth[~(np.isfinite(depth) & (depth > 0))] = 0
    return depth
