"""Posed surfaces made before they are asked for, while a sequence plays."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from npm_studio.session.live.request import PosedMesh, make_posed_mesh

MAX_BYTES = 128 * 2**20
"""Of posed surfaces kept: two hundred frames at the resolution of fine meshes."""

Pose = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Posed positions (N, 3) of canonical ones (N, 3)."""


class IncrementalPosing:
    """A surface that is posed part by part; work that was given up is resumed later."""

    def __init__(self, mesh: Mesh) -> None:
        self.posed: PosedMesh | None = None
        """The whole of it, when it is ready."""
        self._mesh, self._vertices, self._done = mesh, np.empty_like(mesh.vertices), 0

    @property
    def bytes(self) -> int:
        """Of vertices and normals; the faces are those of the canonical surface."""
        return 2 * self._vertices.nbytes

    def resume(self, pose: Pose, chunk: int, cancelled: Callable[[], bool]) -> bool:
        """Pose ``chunk`` vertices at a time; False when ``cancelled`` said so before the end."""
        while self._done < len(self._vertices):
            if cancelled():
                return False
            part = slice(self._done, self._done + chunk)
            self._vertices[part] = pose(self._mesh.vertices[part])
            self._done += chunk
        if self.posed is None:
            self.posed = make_posed_mesh(self._vertices, self._mesh)
        return True


class PrefetchedPoses:
    """The posings asked for last, by key, as many as fit into `MAX_BYTES`."""

    def __init__(self, max_bytes: int | None = None) -> None:
        self._max_bytes = MAX_BYTES if max_bytes is None else max_bytes
        self._posings: OrderedDict[bytes, IncrementalPosing] = OrderedDict()

    def get(self, key: bytes) -> PosedMesh | None:
        """The surface of ``key`` when all of it is posed."""
        posing = self._posings.get(key)
        return None if posing is None else posing.posed

    def posing(self, key: bytes, mesh: Mesh) -> IncrementalPosing:
        """That of ``key``, begun or new."""
        posing = self._posings.setdefault(key, IncrementalPosing(mesh))
        self._posings.move_to_end(key)
        while len(self._posings) > 1 and sum(one.bytes for one in self._posings.values()) > self._max_bytes:
            self._posings.popitem(last=False)
        return posing

    def clear(self) -> None:
        self._posings.clear()
