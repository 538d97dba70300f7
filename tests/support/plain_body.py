"""A body of cylinders, whose measurements are known, in the canonical pose."""

from dataclasses import dataclass

import mcubes
import numpy as np

from engine.geometry.mesh import Mesh

SPACING = 0.0125


@dataclass(frozen=True)
class PlainBody:
    """Metres; the trunk stands on the crotch, which is at level zero."""

    trunk: float = 0.6
    trunk_radius: float = 0.14
    leg: float = 0.8
    """From the crotch along the axis to the sole."""
    leg_radius: float = 0.07
    left_leg: float = 0.0
    """By which the left one is longer."""
    spread: float = 20.0
    """Degrees of each leg from the vertical."""
    arm: float = 0.62
    left_arm: float = 0.0
    arm_drop: float = 10.0
    """Degrees below the horizontal."""
    head: float = 0.1

    @property
    def height(self) -> float:
        return self.leg + self.trunk + 2 * self.head - 0.01  # the head reaches into the trunk

    def surface(self) -> Mesh:
        """By marching cubes."""
        axes = [np.arange(*ends, SPACING) for ends in ((-1.0, 1.0), (-1.0, 1.0), (-0.25, 0.25))]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        vertices, faces = mcubes.marching_cubes(self._distances(points), 0.0)
        inside_out = np.asarray(faces)[:, ::-1]
        return Mesh((vertices * SPACING + [axis[0] for axis in axes]).astype(np.float32), inside_out.astype(np.int32))

    def _distances(self, points: np.ndarray) -> np.ndarray:
        """Signed, negative inside, of the last axis of ``points``."""
        shoulder = self.trunk - 0.07
        half = self.trunk / 2
        parts = [_cylinder(points, np.array([0.0, half, 0.0]), np.array([0, 1, 0]), half, self.trunk_radius)]
        parts.append(np.linalg.norm(points - (0, self.trunk + self.head - 0.01, 0), axis=-1) - self.head)
        tilt, drop = np.radians(self.spread), np.radians(self.arm_drop)
        for side in (1, -1):
            leg = self.leg + (self.left_leg if side > 0 else 0)
            arm = self.arm + (self.left_arm if side > 0 else 0)
            down = np.array([side * np.sin(tilt), -np.cos(tilt), 0])
            hip = np.array([side * 0.085, 0.0, 0.0])
            length = leg + 0.05  # begins within the trunk
            parts.append(_cylinder(points, hip + down * (leg - length / 2), down, length / 2, self.leg_radius))
            out = np.array([side * np.cos(drop), -np.sin(drop), 0])
            start = np.array([side * self.trunk_radius * 0.7, shoulder, 0.0])
            parts.append(_cylinder(points, start + out * arm / 2, out, arm / 2, 0.045))
        return np.min(parts, axis=0)


def _cylinder(
    points: np.ndarray, centre: np.ndarray, axis: np.ndarray, half_length: float, radius: float
) -> np.ndarray:
    along = (points - centre) @ axis
    across = np.linalg.norm(points - centre - along[..., None] * axis, axis=-1)
    beyond = np.stack((across - radius, np.abs(along) - half_length), axis=-1)
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=-1)
    result: np.ndarray = outside + np.minimum(beyond.max(axis=-1), 0)
    return result
