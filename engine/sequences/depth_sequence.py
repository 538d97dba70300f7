"""Depth sequences on disk: a folder of depth images and the camera that took them.

Layout of a sequence folder::

    intrinsics.json     width, height, fx, fy, cx, cy in pixels; optional depth_scale (stored units per metre, 1000
                        when absent), frame_rate (30 when absent), times_s (seconds, one number per frame, where they
                        are not those of frame_rate from zero), camera_to_world (4x4 rows, or one such matrix per
                        frame where the camera moves; absent or the identity where nobody knows) and world (of these
                        poses: ``placed`` when absent, that the subject is where models expect it; ``upright``, of the
                        recording with y up; ``arbitrary``, of the recording, its vertical unknown)
    depth/*.png         16-bit greyscale, one per frame, in natural order; or directly in the folder
    depth/*.npz         instead of PNG: float32 metres under the key depth_m (depth_scale does not apply)
    truth/              optional: the true surface of each frame, see `engine.sequences.truth`

The values 0 and 65535 of a PNG, and what is not finite or not positive in an npz, are invalid and become 0.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import InputError, Notice
from engine.core.files import natural_key, read_json, replacing_folder
from engine.core.npz import NpzFile
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.depth import depth_mesh, point_image, points_and_normals
from engine.geometry.mesh import Mesh
from engine.sequences.camera_path import World, stated_poses
from engine.sequences.depth_png import DAMAGED_REMEDY, SENSOR_MAXIMUM, check_depth_png, read_depth_png
from engine.sequences.depth_source import DepthFrame
from engine.sequences.depth_unit import PLAUSIBLE_DEPTH_M, POSSIBLE_DEPTH_M
from engine.sequences.intrinsics_file import (
    DEFAULT_DEPTH_SCALE,
    INTRINSICS_REMEDY,
    camera_of,
    poses_of,
    positive_of,
    times_of,
    world_of,
    write_intrinsics,
)
from engine.sequences.mesh_sequence import frame_rate_of
from engine.sequences.scan import Scan
from engine.sequences.timing import DEFAULT_FRAME_RATE

_LARGEST_LOSS = 0.01  # of the pixels of a frame; sensors see single ones at any distance
_SIZE_REMEDY = "correct the intrinsics or take the file out of the folder"


@dataclass(frozen=True, eq=False)
class DepthSequence:
    """Depth images of one camera, the finite case of `engine.sequences.depth_source.DepthSource`.

    Frames are decoded when asked for.
    """

    name: str
    root: Path
    camera: PinholeCamera
    frame_names: tuple[str, ...]
    times_s: NDArray[np.float64]
    """(F,) seconds from any origin, increasing."""
    read_frame: Callable[[int], NDArray[np.float32]]
    """Decodes the depth image (H, W) of one frame, metres, 0 invalid; see `depth_m`."""
    cameras_to_world: NDArray[np.float64] | None = None
    """(F, 4, 4) rigid: OpenCV camera axes to world metres; None where nobody said where the camera was."""
    world: World = World.PLACED
    """What is known of the world of ``cameras_to_world``."""
    floor_m: float | None = None
    """Height of the floor, metres, in a world with Y up; None where none was sought or seen."""
    times_assumed: bool = False
    """Whether ``times_s`` are made up, because nobody said when the frames were taken."""
    origin: str = "NPM Studio depth sequence"
    """What the files were recognised as, and why."""
    warnings: tuple[Notice, ...] = ()
    """What a user should know, such as frames that were left out."""
    streams: tuple[str, ...] = ()
    """Names of the streams of depth of a recording that can be chosen, where there are several."""
    scene: "DepthSequence | None" = None
    """The same frames before all but the subject was taken out of them; None where nothing was."""
    others: tuple["DepthSequence", ...] = ()
    """The same frames by other cameras, which know the same world; see `engine.sequences.several_views`."""
    scan: Scan | None = None
    """The complete surface, where the cameras are virtual ones around it; see `engine.sequences.scan_views`."""

    def __post_init__(self) -> None:
        count, poses = len(self.frame_names), self.cameras_to_world
        assert self.times_s.shape == (count,), (self.times_s.shape, count)
        assert poses is None or poses.shape == (count, 4, 4), (poses.shape, count)
        assert all(other.frame_names == self.frame_names for other in self.others)

    def __len__(self) -> int:
        return len(self.frame_names)

    def __iter__(self) -> Iterator[DepthFrame]:
        return (self.frame(index) for index in range(len(self)))

    def close(self) -> None:
        """Nothing: frames are read when they are asked for, see `DepthSource.close`."""

    @property
    def views(self) -> tuple["DepthSequence", ...]:
        """What each camera recorded: this one, and the others."""
        return (self, *self.others)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return frame_rate_of(self.times_s, DEFAULT_FRAME_RATE)

    def frame(self, index: int) -> DepthFrame:
        """One frame with its time stamp and pose, where there are any.

        Raises:
            InputError: the file is damaged or of another size than the camera's.
        """
        time_s = None if self.times_assumed else float(self.times_s[index])
        pose = None if self.cameras_to_world is None else self.cameras_to_world[index]
        return DepthFrame(self.frame_names[index], time_s, self.depth_m(index), pose)

    def camera_at(self, index: int) -> NDArray[np.float64]:
        """Pose (4, 4) of the camera in one frame; the identity where nobody said where it was."""
        return np.eye(4) if self.cameras_to_world is None else self.cameras_to_world[index]

    def subset(self, frames: Sequence[int]) -> "DepthSequence":
        """Some of the frames, by their indices."""
        chosen = list(frames)
        return replace(
            self,
            frame_names=tuple(self.frame_names[index] for index in chosen),
            times_s=self.times_s[chosen],
            read_frame=lambda index: self.read_frame(chosen[index]),
            cameras_to_world=None if self.cameras_to_world is None else self.cameras_to_world[chosen],
            scene=None if self.scene is None else self.scene.subset(chosen),
            others=tuple(other.subset(chosen) for other in self.others),
        )

    @property
    def truth_folder(self) -> Path | None:
        """Folder of the true meshes, see `engine.sequences.truth`, when there is one."""
        folder = self.root / "truth"
        return folder if folder.is_dir() else None

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """Depth image (H, W) of one frame in metres; 0 is invalid, and all of it is where nothing was seen.

        Raises:
            InputError: the file is damaged or of another size than the camera's.
        """
        depth = self.read_frame(index)
        check_size(depth, self.camera, f"{self.root}: frame {self.frame_names[index]}")
        if not (depth.min() >= 0 and depth.max() < np.inf):  # of a source that leaves it to others
            depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
        return depth

    def first_seen(self, count: int = 1) -> list[int]:
        """Indices of the first ``count`` frames in which anything was seen; fewer where there are no more.

        Raises:
            InputError: a frame before them is damaged.
        """
        return list(islice((index for index in range(len(self)) if self.depth_m(index).any()), count))

    def points_world(self, index: int) -> NDArray[np.float32]:
        """World points (P, 3), metres, of the valid pixels of one frame in row-major order."""
        image = point_image(self.depth_m(index), self.camera)
        return transform_points(self.camera_at(index), image[image[..., 2] > 0])

    def mesh_world(self, index: int, max_edge: float = 0.05) -> Mesh:
        """The visible surface of one frame as a mesh, world metres, without edges longer than ``max_edge`` metres."""
        mesh = depth_mesh(self.depth_m(index), self.camera, max_edge)
        return Mesh(transform_points(self.camera_at(index), mesh.vertices), mesh.faces)


def observed_points_and_normals(sequence: DepthSequence, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """World points (P, 3), metres, and unit normals (P, 3) towards the camera, of one frame of ``sequence``.

    Only pixels with a trustworthy normal; see `engine.geometry.depth.points_and_normals`.
    """
    points, normals = points_and_normals(sequence.depth_m(index), sequence.camera)
    pose = sequence.camera_at(index)
    return transform_points(pose, points), (normals @ pose[:3, :3].T).astype(np.float32)


def load_depth_sequence(folder: Path) -> DepthSequence:
    """Open a sequence folder; reads the header of every frame and decodes the first one that shows anything.

    Raises:
        InputError: the folder or a file of it cannot be used; names the file and the remedy.
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "no such folder"
        raise InputError(folder, problem, "give the folder that holds intrinsics.json and depth/*.png")
    if not any(folder.iterdir()):
        raise InputError(folder, "is empty", "give a folder that holds intrinsics.json and depth/*.png")
    source = folder / "intrinsics.json"
    description = read_json(source, INTRINSICS_REMEDY)
    camera = camera_of(description, source)
    depth_scale = positive_of(description, "depth_scale", DEFAULT_DEPTH_SCALE, source)
    paths = _find_frames(folder)
    for path in paths:
        _check_header(path, camera)

    def read_frame(index: int) -> NDArray[np.float32]:
        path = paths[index]
        depth = _read_npz(path, camera) if path.suffix.lower() == ".npz" else read_depth_png(path, depth_scale)
        check_size(depth, camera, path)
        return depth

    sequence = DepthSequence(
        name=folder.resolve().name,
        root=folder,
        camera=camera,
        frame_names=tuple(path.stem for path in paths),
        times_s=times_of(description, len(paths), source),
        read_frame=read_frame,
        cameras_to_world=stated_poses(poses_of(description, len(paths), source)),
        world=world_of(description, source),
        times_assumed="frame_rate" not in description and "times_s" not in description,
    )
    is_stated = "depth_scale" in description or paths[0].suffix.lower() == ".npz"
    _check_plausible(sequence, paths, depth_scale if is_stated else None, source)
    return sequence


def is_native(folder: Path) -> bool:
    """Whether NPM Studio wrote ``folder``: its camera has a pose, or its frames are ``.npz`` in metres.

    Raises:
        InputError: its intrinsics are no JSON.
    """
    if not (folder / "intrinsics.json").is_file():
        return False
    description = read_json(folder / "intrinsics.json", INTRINSICS_REMEDY)
    if isinstance(description, dict) and "camera_to_world" in description:
        return True
    has_png = any(_images(place, ".png") for place in (folder, folder / "depth"))
    return not has_png and bool(_images(folder / "depth", ".npz"))


def check_size(depth_m: NDArray[np.float32], camera: PinholeCamera, what: str | Path) -> None:
    """Refuse a depth image that has not the size of ``camera``.

    Raises:
        InputError: naming ``what``, the file or frame.
    """
    height, width = depth_m.shape
    if (width, height) != (camera.width, camera.height):
        raise InputError(what, _wrong_size(width, height, camera), _SIZE_REMEDY)


def save_depth_sequence(
    folder: Path,
    depths_m: Iterable[NDArray[np.floating[Any]]],
    camera: PinholeCamera,
    camera_to_world: ArrayLike | None,
    timing: float | ArrayLike | None = DEFAULT_FRAME_RATE,
    names: Sequence[str] | None = None,
    file_format: Literal["png", "npz"] = "png",
    world: World = World.PLACED,
) -> None:
    """Write ``folder/intrinsics.json`` and ``folder/depth``, replacing these two and nothing else.

    Args:
        depths_m: F depth images (H, W) in metres; an iterator may make them one by one. Values that are not finite or
            not positive are stored as invalid.
        camera_to_world: (4, 4) rigid, OpenCV camera axes to world metres; (F, 4, 4) where the camera moves; None where
            nobody knows.
        timing: frames per second, or increasing time stamps (F,) in seconds, or None where nobody knows.
        names: F file names without ending; 000000, 000001, ... when absent.
        file_format: ``png`` rounds to millimetres, ``npz`` keeps float32.
        world: what is known of the world of ``camera_to_world``.

    Raises:
        ValueError: an image has not the camera's size, or names, time stamps or poses are not as many as images.
        InputError: depths in PNG reach beyond 65.534 m.
    """
    count = 0
    with replacing_folder(folder / "depth") as temporary:
        for index, depth_m in enumerate(depths_m):
            if depth_m.shape != (camera.height, camera.width):
                raise ValueError(f"depth image {index} is {depth_m.shape}, not {(camera.height, camera.width)}")
            if names is not None and index >= len(names):
                raise ValueError(f"there are more depth images than the {len(names)} names")
            name = f"{index:06d}" if names is None else names[index]
            write_frame(temporary / f"{name}.{file_format}", depth_m)
            count += 1
        for what, values, dimensions in (("time stamps", timing, 1), ("camera poses", camera_to_world, 3)):
            if values is not None and np.ndim(values) == dimensions and len(np.asarray(values)) != count:
                raise ValueError(f"there are {len(np.asarray(values))} {what} for {count} depth images")
    write_intrinsics(folder, camera, camera_to_world, timing, world=world)


def write_frame(path: Path, depth_m: NDArray[np.floating[Any]], depth_scale: float = DEFAULT_DEPTH_SCALE) -> None:
    """Write one depth image (H, W), metres, as 16-bit PNG or npz by the ending of ``path``; not atomic.

    Raises:
        InputError: too far away for 16 bits.
    """
    from PIL import Image

    depth_m = np.asarray(depth_m, np.float32)
    valid = np.isfinite(depth_m) & (depth_m > 0)
    depth_m = np.where(valid, depth_m, np.float32(0))
    if path.suffix == ".npz":
        np.savez_compressed(path, depth_m=depth_m)
        return
    stored = np.rint(depth_m.astype(np.float64) * depth_scale)
    beyond = stored >= SENSOR_MAXIMUM
    if beyond.sum() > _LARGEST_LOSS * valid.sum():
        farthest = (SENSOR_MAXIMUM - 1) / depth_scale
        problem = f"{beyond.sum()} of {valid.sum()} pixels lie beyond {farthest:.4g} m, which 16 bits cannot hold"
        raise InputError(path.name, problem, "store metres as npz instead")
    stored[beyond] = 0
    Image.fromarray(stored.astype(np.uint16)).save(path)


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


def _check_plausible(sequence: DepthSequence, paths: Sequence[Path], depth_scale: float | None, source: Path) -> None:
    """A wrong depth_scale gives depths far from what depth cameras measure; None: nobody states one."""
    seen = sequence.first_seen()
    if not seen:
        problem = "holds no valid depth: every pixel of every frame is invalid"
        raise InputError(sequence.root, problem, "record it again with the depth stream switched on")
    first, depth = paths[seen[0]], sequence.depth_m(seen[0])
    median = float(np.median(depth[depth > 0]))
    near, far = PLAUSIBLE_DEPTH_M if depth_scale is None else POSSIBLE_DEPTH_M
    if near <= median <= far:
        return
    problem = f"the median depth is {median:.4g} m, outside {near:g} to {far:g} m"
    if first.suffix.lower() == ".npz":
        raise InputError(first, problem, "store depth_m in metres")
    now = f"{DEFAULT_DEPTH_SCALE:g} by default" if depth_scale is None else f"{depth_scale:g}"
    raise InputError(first, problem, f"correct depth_scale (stored units per metre, now {now}) in {source}")


def _wrong_size(width: int, height: int, camera: PinholeCamera) -> str:
    return f"is {width}x{height} pixels, the intrinsics say {camera.width}x{camera.height}"


def _check_header(path: Path, camera: PinholeCamera) -> None:
    """Refuse a frame that is damaged or of the wrong kind, without decoding its pixels."""
    if path.suffix.lower() == ".png":
        width, height = check_depth_png(path)
    else:
        with NpzFile(path, DAMAGED_REMEDY) as file:
            shape = file.shape("depth_m")
        if len(shape) != 2:
            raise InputError(path, f"has depth_m of shape {shape}, needs (H, W)", "store metres as float32")
        height, width = shape
    if (width, height) != (camera.width, camera.height):
        raise InputError(path, _wrong_size(width, height, camera), _SIZE_REMEDY)


def _read_npz(path: Path, camera: PinholeCamera) -> NDArray[np.float32]:
    with NpzFile(path, "store metres (H, W) as float32 under depth_m") as file:
        depth = file.read("depth_m", "f", (camera.height, camera.width), finite=False).astype(np.float32)
    depth[~(np.isfinite(depth) & (depth > 0))] = 0
    return depth
