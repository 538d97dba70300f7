"""What a person does in a scene, and the body that does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from external.anny.joints import joint_rotations, turn
from external.anny.rig import Array, RestBody, Rig, bone_transforms, skin
from external.scenes.build import Build
from external.scenes.feet import Feet
from external.scenes.legs import root_heights, with_legs

Draw = Callable[[float, float], float]
"""A random number between two others."""


@dataclass(frozen=True, eq=False)
class Movement:
    """A motion over F frames; the room has y up and its floor at y = 0."""

    ground: Array
    """(F, 2) x and z in metres of the root."""
    heading: Array
    """(F,) radians about y; 0 faces +z, a quarter turn +x."""
    height: Array
    """(F,) metres; the root is lower where legs would not reach the feet."""
    feet: Feet
    angles: Mapping[str, Array]
    """(F,) of the joints of `external.anny.joints` above the legs."""


@dataclass(frozen=True, eq=False)
class Performance:
    """A body in motion: bone poses with the root at the origin, and where that is in the room."""

    poses: Array
    """(F, B, 4, 4) metres, without heading."""
    path: Array
    """(F, 4, 4) rigid transforms to the room, metres, y up."""
    planted: NDArray[np.bool_]
    """(F, 2) which feet, left and right, carry the body and do not slide; none where nobody knows."""

    def __len__(self) -> int:
        return len(self.path)

    def heading(self, rig: Rig) -> Array:
        """(F,) radians about y in which the pelvis faces, in the room; 0 faces +z."""
        pelvis = self.poses[:, 0, :3, :3] @ rig.reference_rotations[0].T
        front = (self.path[:, :3, :3] @ pelvis)[:, :, 2]
        return np.arctan2(front[:, 0], front[:, 2])

    def moved(self, transform: Array) -> "Performance":
        """The same elsewhere in the room: after a rigid ``transform`` (4, 4)."""
        return Performance(self.poses, transform @ self.path, self.planted)

    def vertices(self, rig: Rig, body: RestBody, frame: int) -> NDArray[np.float32]:
        """(V, 3) in the room, metres."""
        return self.to_room(skin(rig, body, self.poses[frame : frame + 1])[0], frame)

    def to_room(self, points: NDArray[np.floating], frame: int) -> NDArray[np.float32]:
        """Points (..., 3) of the axes of the body."""
        return (points @ self.path[frame, :3, :3].T + self.path[frame, :3, 3]).astype(np.float32)

    def heads(self, rig: Rig, bone: str) -> Array:
        """(F, 3) where a bone begins, in the room."""
        own = self.poses[:, rig.bone(bone), :3, 3]
        return np.einsum("fij,fj->fi", self.path[:, :3, :3], own) + self.path[:, :3, 3]


def perform(rig: Rig, body: RestBody, build: Build, movement: Movement, seconds: float) -> Performance:
    """The ``movement`` by a body; ``seconds`` lie between one frame and the next."""
    rotations = joint_rotations(rig, body, {"yaw": np.zeros(len(movement.heading)), **movement.angles})
    heading, feet = movement.heading, movement.feet
    height = root_heights(build, rotations[:, 0], movement.ground, heading, feet, movement.height, seconds)
    roots = np.stack([movement.ground[:, 0], height, movement.ground[:, 1]], axis=1)
    poses = bone_transforms(rig, body, with_legs(rig, build, rotations, roots, heading, feet))
    path = np.tile(np.eye(4), (len(heading), 1, 1))
    path[:, :3, :3] = turn(np.eye(3)[1], heading)
    path[:, :3, 3] = roots
    return Performance(poses, path, feet.planted)
