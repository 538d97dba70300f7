"""Things that motions need: a chair under who sits down, a box in the hands of who carries one."""

from dataclasses import dataclass

import numpy as np

from external.anny.rig import Array, RestBody, Rig, skin
from external.scenes.movement import Performance
from external.scenes.solids import Solid, box, chair

_HAND = 0.035
"""Metres from the middle of a hand to its palm."""


@dataclass(frozen=True, eq=False)
class Carried:
    """A thing that somebody holds."""

    solid: Solid
    path: Array
    """(F, 4, 4) rigid, to the room, metres."""

    def at(self, frame: int) -> Solid:
        pose = self.path[frame]
        return Solid(self.solid.vertices @ pose[:3, :3].T + pose[:3, 3], self.solid.faces)


def seat_for(rig: Rig, body: RestBody, performance: Performance, random: np.random.Generator) -> Solid:
    """The chair that somebody sits on in the last frame, its back behind theirs all the time."""
    vertices = skin(rig, body, performance.poses[-1:])[0]
    strongest = np.array(rig.bone_names)[rig.weights.argmax(axis=1)]
    under = vertices[[name.startswith(("root", "pelvis", "upperleg")) for name in strongest]]
    trunk = vertices[[name.startswith(("root", "pelvis", "spine")) for name in strongest]]
    knees = performance.poses[-1, [rig.bone("lowerleg01.L"), rig.bone("lowerleg01.R")], :3, 3]
    behind, front = float(trunk[:, 2].min()) - 0.02, float(knees[:, 2].mean()) - 0.12
    bottom = under[under[:, 2] < front]
    path = performance.path[-1]
    seat = float(bottom[:, 1].min() + path[1, 3])
    width = max(0.4, float(np.ptp(bottom[:, 0])) * random.uniform(0.85, 1.1))
    piece = chair(seat, width, front - behind, seat + random.uniform(0.2, 0.5))
    heading = float(np.arctan2(path[0, 2], path[2, 2]))
    middle = path[:3, :3] @ np.array([0.0, 0.0, (front + behind) / 2]) + path[:3, 3]
    return piece.moved(np.array([middle[0], 0.0, middle[2]]), heading)


def box_for(rig: Rig, body: RestBody, performance: Performance, random: np.random.Generator) -> Carried:
    """The box between somebody's hands, and before their belly."""
    palms = performance.poses[:, [rig.bone(f"finger3-1.{side}") for side in "LR"]][..., :3, 3]
    apart = float(np.linalg.norm(palms[:, 0] - palms[:, 1], axis=1).mean())
    height, depth = random.uniform(0.15, 0.22) * apart / 0.3, random.uniform(0.2, 0.3)
    strongest = np.array(rig.bone_names)[rig.weights.argmax(axis=1)]
    trunk = [name.startswith(("root", "pelvis", "spine")) for name in strongest]
    belly = max(float(skin(rig, body, pose[None])[0][trunk][:, 2].max()) for pose in performance.poses[::10])
    size = np.array([max(apart - 2 * _HAND, 0.08), height, depth])
    path = performance.path.copy()
    middle = palms.mean(axis=1)
    middle[:, 2] = np.maximum(middle[:, 2] + 0.2 * depth, belly + 0.01 + depth / 2)
    path[:, :3, 3] += np.einsum("fij,fj->fi", path[:, :3, :3], middle)
    return Carried(box(size, np.array([0.0, -height / 2, 0.0])), path)
