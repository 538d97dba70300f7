"""What the depth camera of a scene sees, frame by frame, and whose surface it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.geometry.camera import transform_points
from engine.geometry.ray_casting import DepthRenderer
from external.anny.rig import Array
from external.scenes.cameras import Viewpoint
from external.scenes.solids import Solid

_NEAR_M = 0.05


@dataclass(frozen=True, eq=False)
class Seen:
    """One frame."""

    depth_m: NDArray[np.float32]
    """(H, W) without noise; 0 where there is nothing."""
    face: NDArray[np.int32]
    """(H, W) the triangle of its own mesh that a pixel sees, -1 where that is nobody's."""
    subject: NDArray[np.int16]
    """(H, W) whose it is, -1 nobody's."""
    in_picture: tuple[float, ...]
    """For each subject, the part of its surface that projects into the picture, hidden or not."""
    visible: tuple[float, ...]
    """``in_picture`` times the part that is seen of the pixels that it would fill alone."""


class SceneRenderer:
    """Renders subjects that share a topology among things that stand still, and others that move as a whole."""

    def __init__(
        self, view: Viewpoint, faces: NDArray[np.int32], subjects: int, still: Solid, device: torch.device | str = "cpu"
    ) -> None:
        """
        Args:
            faces: (T, 3) of each of the ``subjects``.
            still: the room; things that move are part of it, see `render`.
        """
        self._view, self._faces, self._still = view, faces, still
        self._alone = DepthRenderer(faces, view.camera, device)
        self._all: DepthRenderer | None = None
        self._subjects, self._device = subjects, device

    def render(self, frame: int, bodies: Sequence[NDArray[np.float32]], moving: Sequence[Solid] = ()) -> Seen:
        """One frame with ``bodies``, each (V, 3) in the room, and ``moving`` things, as many in every frame."""
        assert len(bodies) == self._subjects
        things = [self._still, *moving]
        if self._all is None:
            self._all = DepthRenderer(self._all_faces(len(bodies[0]), things), self._view.camera, self._device)
        pose = self._view.poses[frame]
        vertices = np.concatenate([*bodies, *(thing.vertices for thing in things)]).astype(np.float32)
        hits = self._all.trace(vertices, pose[None])
        depth, face = hits.depth_m[0].cpu().numpy(), hits.face[0].cpu().numpy()
        count = len(self._faces)
        subject = np.where((face >= 0) & (face < count * len(bodies)), face // count, -1).astype(np.int16)
        in_picture, visible = [], []
        for index, body in enumerate(bodies):
            part = self._in_picture(body, pose)
            alone = int((self._alone.render(body, pose) > 0).sum())
            in_picture.append(part)
            visible.append(part * float((subject == index).sum()) / alone if alone else 0.0)
        own_face = np.where(subject >= 0, face % count, -1).astype(np.int32)
        return Seen(depth, own_face, subject, tuple(in_picture), tuple(visible))

    def _all_faces(self, vertices: int, things: Sequence[Solid]) -> NDArray[np.int32]:
        faces, offset = [], 0
        for index in range(self._subjects):
            faces.append(self._faces + np.int32(index * vertices))
        offset = self._subjects * vertices
        for thing in things:
            faces.append(thing.faces + np.int32(offset))
            offset += len(thing.vertices)
        return np.concatenate(faces)

    def _in_picture(self, body: NDArray[np.float32], pose: Array) -> float:
        corners = body[self._faces].astype(np.float64)
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        centres = transform_points(np.linalg.inv(pose), corners.mean(axis=1)).astype(np.float64)
        camera, ahead = self._view.camera, centres[:, 2] > _NEAR_M
        pixels = camera.project(np.where(ahead[:, None], centres, 1.0))
        inside = ahead & (pixels >= 0).all(axis=1) & (pixels < (camera.width, camera.height)).all(axis=1)
        return float(areas[inside].sum() / areas.sum())
