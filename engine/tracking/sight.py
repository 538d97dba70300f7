"""What one depth image shows of a subject, as observations of the fit: tensors of fixed sizes, without a wait.

The network's crop takes the place of the reading of a fit: the points are those that its pixels show, normals are told
from neighbours in it. The maps are those of `engine.methods.npm.observing`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.geometry.depth import MIN_COSINE
from engine.geometry.nearest_pixels import nearest_pixels
from engine.methods.npm.observations import Coordinates, Observations, ObservedLandmarks
from engine.methods.npm.observed_frame import FEWEST_PIXELS, MAP_WIDTH
from engine.sequences.subject_finder import Looks, SubjectFinder

_BRIDGED = 0.03
"""Canonical units between neighbours of a pixel, beyond which they lie on different surfaces."""
MEASURES = 6
"""Numbers of `Sight.measures`."""


@dataclass(frozen=True, eq=False)
class View:
    """One image and from where it was taken; tensors on the device that are written over for the next one."""

    depth: Tensor
    """(1, H, W) metres, 0 invalid"""
    place: Tensor
    """(24,) float32: where to look, camera axes, metres (3); rotation from camera axes to those of the crop (9), and to
    those of the fit (9); the camera in the fit, canonical units (3)"""

    @staticmethod
    def of_camera(camera: PinholeCamera, device: torch.device) -> "View":
        """Of no image yet."""
        return View(torch.zeros((1, camera.height, camera.width), device=device), torch.zeros(24, device=device))

    @property
    def anchor(self) -> Tensor:
        """(1, 3)"""
        return self.place[None, :3]

    @property
    def to_gravity(self) -> Tensor:
        """(1, 3, 3)"""
        return self.place[3:12].view(1, 3, 3)

    @property
    def to_fit(self) -> Tensor:
        """(1, 3, 3)"""
        return self.place[12:21].view(1, 3, 3)

    @property
    def centre(self) -> Tensor:
        """(1, 3)"""
        return self.place[None, 21:24]


@dataclass(frozen=True, eq=False)
class Sight:
    """What is seen."""

    observations: Observations
    """Of this one frame"""
    mask: Tensor
    """(1, H, W) bool"""
    measures: Tensor
    """(6,) score, sureness and middle (3) of the subject as in `engine.sequences.subject_finder.FoundSubject`, and how
    many pixels of the crop show it"""
    mirrored: Tensor
    """(1,) log odds that the subject is seen in a mirror; NaN where the network cannot tell"""


class Eye:
    """Looks at the images of one camera."""

    def __init__(self, finder: SubjectFinder, camera: PinholeCamera, points: int, empty_is_free: bool) -> None:
        """
        Args:
            points: of the subject that an observation has
            empty_is_free: see `engine.methods.npm.observations.Observations`
        """
        self._finder, self._points, self._empty_is_free = finder, points, empty_is_free
        stride = max(1, camera.width // MAP_WIDTH)
        self._stride = stride
        # reduced pixel j is the full pixel s j, as in `engine.methods.npm.observing`
        self._intrinsics = (
            camera.fx / stride, camera.fy / stride, (camera.cx - 0.5) / stride + 0.5, (camera.cy - 0.5) / stride + 0.5,
        )  # fmt: skip
        # evenly spread over the crop, in an order in which the first few are, too
        order = torch.randperm(points, generator=torch.Generator().manual_seed(0))
        self._order = ((order + 0.5) / points).to(finder.device)

    @torch.no_grad()
    def __call__(self, view: View) -> Sight:
        """What ``view`` shows about its anchor."""
        finder, scale = self._finder, self._finder.scale
        look = finder.look_once(view.depth, view.to_gravity, view.anchor)
        looks = look.looks
        normals = _crop_normals(looks, view, scale)
        known = looks.foreground & (normals.square().sum(1) > 0.5)
        good = torch.where(known.sum() >= FEWEST_PIXELS, known, looks.foreground).flatten()
        picks = self._picks(good)
        to_fit = view.to_fit[0]
        from_crop = to_fit @ view.to_gravity[0].T  # crop axes are gravity-aligned ones of the camera
        points = looks.points[0].flatten(1)[:, picks].T @ from_crop.T + view.anchor @ to_fit.T
        landmarks = looks.landmarks
        positions = scale * landmarks[..., 3:6] @ to_fit.T + view.centre
        every = (slice(None), slice(None, None, self._stride), slice(None, None, self._stride))
        subject = look.mask[every].contiguous()
        to_camera = view.to_fit.transpose(1, 2)
        count = looks.foreground.sum()[None]
        measures = torch.cat((look.measures[0], count.float()))
        observations = Observations(
            points=(scale * points + view.centre)[None],
            normals=(normals[0].flatten(1)[:, picks].T @ from_crop.T)[None],
            seen=count >= FEWEST_PIXELS,
            depth=scale * view.depth[every],
            subject=subject,
            silhouette=_silhouette(subject[0])[None],
            empty_is_free=self._empty_is_free,
            rotations=to_camera,
            translations=-(to_camera @ view.centre[..., None])[..., 0],
            intrinsics=self._intrinsics,
            times_s=torch.zeros(1, device=view.depth.device),
            coordinates=Coordinates(
                looks.canonical[0].flatten(1)[:, picks].T[None], looks.deviations[0].flatten()[picks][None]
            ),
            landmarks=ObservedLandmarks(landmarks[..., :3], positions, landmarks[..., 6])
            if landmarks.shape[1]
            else None,
        )
        return Sight(observations, look.mask, measures, looks.mirrored)

    def _picks(self, good: Tensor) -> Tensor:
        """(M,) of the pixels ``good`` (S * S,) of a crop, evenly spread; anything where there is none."""
        until = good.long().cumsum(0)
        wanted = (self._order * until[-1]).floor().long() + 1
        return torch.searchsorted(until, wanted).clamp_max(len(good) - 1)


def _crop_normals(looks: Looks, view: View, scale: float) -> Tensor:
    """(1, 3, S, S) unit normals in the axes of the crop, towards the camera; zero where they cannot be trusted."""
    points, valid = looks.points, looks.valid
    across = torch.zeros_like(points)
    down = torch.zeros_like(points)
    across[..., 1:-1] = points[..., 2:] - points[..., :-2]
    down[..., 1:-1, :] = points[..., 2:, :] - points[..., :-2, :]
    complete = torch.zeros_like(valid)
    complete[:, 1:-1, 1:-1] = (
        valid[:, 1:-1, 2:] & valid[:, 1:-1, :-2] & valid[:, 2:, 1:-1] & valid[:, :-2, 1:-1] & valid[:, 1:-1, 1:-1]
    )
    near = (across.square().sum(1) < (_BRIDGED / scale) ** 2) & (down.square().sum(1) < (_BRIDGED / scale) ** 2)
    normals = torch.linalg.cross(down, across, dim=1)
    length = normals.norm(dim=1, keepdim=True)
    normals = normals / length.clamp_min(1e-12)
    rays = points + (view.to_gravity @ view.anchor[..., None])[..., None]  # from the camera, in axes of the crop
    cosine = -(normals * rays).sum(1) / rays.norm(dim=1).clamp_min(1e-6)
    normals = normals * cosine.sign()[:, None]
    trusted = complete & near & (cosine.abs() > MIN_COSINE) & (length[:, 0] > 0)
    return normals * trusted[:, None]


def _silhouette(subject: Tensor) -> Tensor:
    """(h, w) as `Observations.silhouette`, of ``subject`` (h, w) bool."""
    if subject.device.type != "cpu":
        return nearest_pixels(subject)  # GPU only
    mask = subject.numpy()
    if not mask.any():
        return torch.zeros(mask.shape, dtype=torch.int32)
    row, column = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return torch.from_numpy((row * mask.shape[1] + column).astype(np.int32))
