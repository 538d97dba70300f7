"""Measures of a body that its gait depends on."""

from dataclasses import dataclass

import numpy as np

from external.anny.rig import Array, RestBody, Rig, bone_transforms, skin

_SIDES = "LR"
_STRAIGHT = 0.1
"""Radians that the knee of a straight leg is still bent by."""


@dataclass(frozen=True, eq=False)
class Build:
    """Lengths in metres, in the axes of the body (x left, y up, z front); left before right."""

    hips: Array
    """(2, 3) heads of the thighs from the root, the pelvis level."""
    thighs: Array
    """(2, 3) from hip to knee in the reference pose."""
    shins: Array
    """(2, 3) from knee to ankle in the reference pose."""
    ankle_height: float
    """Of the ankle above the sole of a flat foot."""
    ball: float
    """How far the ball of the foot is in front of the ankle."""
    heel: float
    """How far the end of the heel is behind the ankle."""
    stature: float

    @property
    def leg(self) -> float:
        """Distance from hip to ankle of a leg that is nearly straight; no foot is farther away."""
        return float(leg_lengths(self, straight_knees(self) + _STRAIGHT).min())

    @property
    def standing(self) -> float:
        """Height of the root above the floor with the legs nearly straight and the feet below the hips."""
        return self.leg + self.ankle_height - float(self.hips[:, 1].max())

    @property
    def stance(self) -> float:
        """Half the distance between the feet of one who stands."""
        return float(np.abs(self.hips[:, 0]).mean()) * 1.05


def measure(rig: Rig, body: RestBody) -> Build:
    """The measures of one identity."""
    poses = bone_transforms(rig, body, np.tile(np.eye(3), (1, len(rig.bone_names), 1, 1)))
    heads = poses[0, :, :3, 3]
    vertices = skin(rig, body, poses)[0]

    def of(bone: str) -> Array:
        return np.stack([heads[rig.bone(f"{bone}.{side}")] for side in _SIDES])

    hips, knees, ankles = of("upperleg01"), of("lowerleg01"), of("foot")
    strongest = np.array(rig.bone_names)[rig.weights.argmax(axis=1)]
    foot = vertices[[name in ("foot.L", "toe1-1.L", "toe3-1.L") for name in strongest]]
    return Build(
        hips=hips - heads[0],
        thighs=knees - hips,
        shins=ankles - knees,
        ankle_height=float(ankles[:, 1].mean() - vertices[:, 1].min()),
        ball=float((of("toe3-1") - ankles)[:, 2].mean()),
        heel=float(ankles[0, 2] - foot[:, 2].min()),
        stature=float(np.ptp(body.vertices[:, 1])),
    )


def straight_knees(build: Build) -> Array:
    """Angles (2,) of the knees at which the legs are longest; at 0 they are as in the reference pose."""
    return np.arctan2(*_knee_terms(build)[1::-1])


def leg_lengths(build: Build, knees: Array) -> Array:
    """Distances (..., 2) from hip to ankle for angles (..., 2) of the knees."""
    cosine, sine, rest = _knee_terms(build)
    return np.sqrt(rest + 2 * (cosine * np.cos(knees) + sine * np.sin(knees)))


def knees_of(build: Build, lengths: Array) -> Array:
    """Angles (..., 2) of the knees for distances (..., 2) from hip to ankle; those out of reach are straight."""
    cosine, sine, rest = _knee_terms(build)
    wanted = (lengths**2 - rest) / 2 / np.hypot(cosine, sine)
    return straight_knees(build) + np.arccos(np.clip(wanted, -1.0, 1.0))


def _knee_terms(build: Build) -> tuple[Array, Array, Array]:
    """c, s and r (2,) of the squared length r + 2 (c cos(knee) + s sin(knee)) of a leg whose knee turns about x."""
    a, b = build.thighs, build.shins
    cosine = a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
    sine = a[:, 2] * b[:, 1] - a[:, 1] * b[:, 2]
    rest = (a**2).sum(axis=1) + (b**2).sum(axis=1) + 2 * a[:, 0] * b[:, 0]
    return cosine, sine, rest
