"""Whether a retargeted body points where the source does."""

import numpy as np

from external.anny.rig import Array, Rig
from external.bvh.motion import BodyMotion
from external.bvh.retarget import part_lines
from external.bvh.rotations import dot, unit
from external.bvh.skeleton import spoken

LARGEST_DEGREES = 5.0


def direction_errors(rig: Rig, poses: Array, motion: BodyMotion) -> dict[str, Array]:
    """Angles in degrees (F,) between the parts of a body with bone ``poses`` (F, B, 4, 4) and those of the source."""
    lines = part_lines(rig, poses[..., :3, 3])
    return {
        part: np.degrees(np.arccos(np.clip(dot(unit(lines[part]), along), -1.0, 1.0)))
        for part, along in motion.directions.items()
    }


def deviations(errors: dict[str, Array]) -> str:
    """Which parts point elsewhere than the source's, by how much and in how many frames; empty if none does."""
    found = []
    for part, degrees in errors.items():
        off = degrees > LARGEST_DEGREES
        if off.any():
            found.append(f"{spoken(part)} by up to {degrees.max():.0f} degrees in {off.sum()} of {len(off)} frames")
    return f"retargeting turned away from the source: {', '.join(found)}" if found else ""
