"""A camera that walks around a subject that stands still: depth images, their true poses, and who they are."""

from pathlib import Path

import numpy as np

from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import regular_times
from tests.support.depth_room import CAMERA, depth_of, tilted


def walk(frames: int = 5, tilt: float = 12.0, degrees: float = 24.0) -> np.ndarray:
    """Poses (F, 4, 4) of a camera that goes around the subject of the room by ``degrees``, and a little nearer."""
    poses = []
    for share in np.linspace(0, 1, frames):
        angle = np.radians(degrees * share)
        turn, centre = np.eye(4), np.array([0.1, 0.0, 0.0])
        turn[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        turn[:3, 3] = centre - turn[:3, :3] @ centre
        poses.append(turn @ tilted(tilt, 3.0 - 0.3 * share))
    return np.stack(poses)


def walked_room(
    poses: np.ndarray, world: World = World.UPRIGHT, recorded: np.ndarray | None = None, background: bool = True
) -> tuple[DepthSequence, np.ndarray]:
    """What a camera at ``poses`` (F, 4, 4) sees, ``recorded`` as its poses if not those, and the subject's pixels."""
    depths, masks = zip(*(depth_of(pose, background) for pose in poses), strict=True)
    sequence = DepthSequence(
        name="walk",
        root=Path("walk"),
        camera=CAMERA,
        frame_names=tuple(f"{index:06d}" for index in range(len(poses))),
        times_s=regular_times(len(poses), 30.0),
        read_frame=lambda index: depths[index],
        cameras_to_world=poses if recorded is None else recorded,
        world=world,
    )
    return sequence, np.stack(masks)
