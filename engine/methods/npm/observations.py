"""What a depth camera saw, as tensors in the space of the fit on the fitting device.

That space is the world of the recording, Y up where the vertical is known, in the units and about the centre of the
model's similarity: where a subject stands where the model has it, it is canonical space.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

_NEAREST_DEPTH = 1e-3
"""Canonical units in front of the camera that points behind it are projected from."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Canonical coordinates that a network says of observed points."""

    canonical: Tensor
    """(F, M, 3)"""
    deviations: Tensor
    """(F, M) expected error along an axis"""


@dataclass(frozen=True, eq=False)
class ObservedLandmarks:
    """Where K points of the whole surface are, the hidden ones too, as far as a network tells."""

    canonical: Tensor
    """(F, K, 3)"""
    positions: Tensor
    """(F, K, 3)"""
    deviations: Tensor
    """(F, K) expected error of both together along an axis"""


@dataclass(frozen=True, eq=False)
class Observations:
    """All frames of a sequence; canonical units throughout."""

    points: Tensor
    """(F, M, 3) random observed points of the subject"""
    normals: Tensor
    """(F, M, 3) their unit normals, towards the camera; zero where unknown"""
    seen: Tensor
    """(F,) bool: the frame shows enough of the subject to be fitted; the points of others are zero"""
    depth: Tensor
    """(F, h, w) depth of the scene along the optical axis in reduced maps, 0 where nothing was measured"""
    subject: Tensor
    """(F, h, w) bool: the pixel shows the subject"""
    silhouette: Tensor
    """(F, h, w) int32: flat index of the nearest pixel that shows the subject"""
    empty_is_free: bool
    """Whether a pixel without depth saw empty space, and not something that the sensor missed"""
    rotations: Tensor
    """(C, 3, 3) axes of the fit to camera axes: of each frame, or one of all frames where the camera stands still"""
    translations: Tensor
    """(C, 3) origin in camera axes"""
    intrinsics: tuple[float, float, float, float]
    """fx, fy, cx, cy in pixels of the reduced maps"""
    times_s: Tensor
    """(F,) seconds"""
    coordinates: Coordinates | None = None
    """Of ``points``; None where the model has no network that says them"""
    landmarks: ObservedLandmarks | None = None
    """None where the model's network says none; of frames that are not seen they mean nothing"""
    masks: tuple[bytes, ...] | None = None
    """Of all frames read: which pixels (H, W) of the images were taken for the subject, see
    `engine.sequences.isolation.packed`; None where that was all that the sequence shows"""
    subjects: int = 1
    """How many subjects were found; these observations are of one of them"""
    mirrored: Tensor | None = None
    """(F,) log odds that the subject is seen in a mirror, NaN where it is not seen; None where no network tells"""
    floor: float | None = None
    """Height along y, canonical units, that nothing of the subject is below; None where nobody knows"""
    others: tuple["Observations", ...] = ()
    """What other cameras saw of the subject in the same frames, in the same space"""

    @property
    def views(self) -> tuple["Observations", ...]:
        """What each camera saw: these, and the others."""
        return (self, *self.others)

    @property
    def seen_by_any(self) -> Tensor:
        """(F,) bool: some camera shows enough of the subject."""
        return torch.stack([view.seen for view in self.views]).any(0)

    def __len__(self) -> int:
        return len(self.points)

    def at(self, frames: Tensor) -> "Observations":
        """Those of ``frames`` (f,) alone."""
        rotations, translations = self._cameras_of(frames)
        coordinates, landmarks = self.coordinates, self.landmarks
        if coordinates is not None:
            coordinates = Coordinates(coordinates.canonical[frames], coordinates.deviations[frames])
        if landmarks is not None:
            parts = (landmarks.canonical, landmarks.positions, landmarks.deviations)
            landmarks = ObservedLandmarks(*(part[frames] for part in parts))
        return replace(
            self,
            points=self.points[frames],
            normals=self.normals[frames],
            seen=self.seen[frames],
            depth=self.depth[frames],
            subject=self.subject[frames],
            silhouette=self.silhouette[frames],
            rotations=rotations,
            translations=translations,
            times_s=self.times_s[frames],
            coordinates=coordinates,
            landmarks=landmarks,
            mirrored=None if self.mirrored is None else self.mirrored[frames],
            others=tuple(other.at(frames) for other in self.others),
        )

    def relocated(self, rotations: Tensor, translations: Tensor) -> "Observations":
        """In the axes of a subject at ``rotations`` (F, 3, 3) and ``translations`` (F, 3)."""
        frames = torch.arange(len(self), device=self.points.device)
        to_camera, shifts = self._cameras_of(frames)
        to_camera, shifts = to_camera.expand(len(self), -1, -1), shifts.expand(len(self), -1)
        landmarks = self.landmarks
        if landmarks is not None:
            landmarks = replace(landmarks, positions=(landmarks.positions - translations[:, None]) @ rotations)
        return replace(
            self,
            points=(self.points - translations[:, None]) @ rotations,
            normals=self.normals @ rotations,
            rotations=to_camera @ rotations,
            translations=shifts + (to_camera @ translations[..., None])[..., 0],
            landmarks=landmarks,
            floor=None,
            others=tuple(other.relocated(rotations, translations) for other in self.others),
        )

    def camera_centres(self, frames: Tensor) -> Tensor:
        """Of ``frames`` (f,), or of all where the camera stands still: (f or 1, 3), canonical."""
        rotations, translations = self._cameras_of(frames)
        return -(rotations.transpose(1, 2) @ translations[..., None])[..., 0]

    def project(self, frames: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Pixel positions (f, N, 2) in the reduced maps and depths (f, N) of ``points`` (f, N, 3).

        Each of ``frames`` (f,) sees its own points.
        """
        rotations, translations = self._cameras_of(frames)
        return self._project(points, rotations, translations[:, None])

    def project_all(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Pixel positions (C, U, N, 2) and depths (C, U, N) of ``points`` (U, N, 3), seen by every camera."""
        return self._project(points, self.rotations[:, None], self.translations[:, None, None])

    def point_maps(self) -> Tensor:
        """What each pixel of the reduced maps sees (F, h, w, 3); the camera where it sees nothing."""
        fx, fy, cx, cy = self.intrinsics
        height, width = self.depth.shape[1:]
        column = (torch.arange(width, device=self.depth.device) + 0.5 - cx) / fx
        row = (torch.arange(height, device=self.depth.device) + 0.5 - cy) / fy
        rays = torch.stack(
            (column.expand(height, -1), row[:, None].expand(-1, width), torch.ones_like(self.depth[0])), -1
        )
        camera = self.depth[..., None] * rays - self.translations[:, None, None]
        return torch.einsum("fhwi,fij->fhwj", camera, self.rotations.expand(len(self), -1, -1))

    def from_camera(self, frames: Tensor, directions: Tensor) -> Tensor:
        """``directions`` (f, N, 3) in the axes of the camera of each frame, in axes of the fit."""
        return directions @ self._cameras_of(frames)[0]

    def _cameras_of(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        if len(self.rotations) == 1:
            return self.rotations, self.translations
        frames = frames.to(self.rotations.device)
        return self.rotations[frames], self.translations[frames]

    def _project(self, points: Tensor, rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
        fx, fy, cx, cy = self.intrinsics
        camera = points @ rotations.transpose(-2, -1) + translations
        z = camera[..., 2].clamp_min(_NEAREST_DEPTH)
        return torch.stack((fx * camera[..., 0] / z + cx, fy * camera[..., 1] / z + cy), dim=-1), camera[..., 2]

    def pixel_index(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Flat index (...) into a map of the pixel that holds each of ``pixels`` (..., 2), and whether it is inside."""
        height, width = self.depth.shape[1:]
        column, row = pixels[..., 0].floor().long(), pixels[..., 1].floor().long()
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return row.clamp(0, height - 1) * width + column.clamp(0, width - 1), inside
