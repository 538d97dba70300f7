"""Opened sides in a row: the frames that they share, their surfaces in memory, and where they stand."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.comparison.common_frames import common_frames
from engine.core.errors import InputError
from engine.geometry.mesh import vertex_normals
from npm_studio.session.document.compared_sides import OpenedSide

_MOST_HELD = 2**28
"""Bytes of surfaces that are kept, so that a sequence that plays again and again is read and prepared once."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh that is ready to be drawn."""

    vertices: NDArray[np.float32]
    """(V, 3) metres"""
    normals: NDArray[np.float32]
    """(V, 3) unit length"""
    faces: NDArray[np.int32]
    """(T, 3)"""


class Lineup:
    """Sides and the frames that all of them have; one of a single frame goes with every frame of the others.

    Raises:
        InputError: no frame is in all of them.
    """

    def __init__(self, sides: Sequence[OpenedSide], reference: OpenedSide | None = None) -> None:
        """
        Args:
            reference: what errors are measured against, which may be one of the sides
        """
        self.sides, self.reference = tuple(sides), reference
        every = list(self.sides) if reference is None or reference in sides else [*sides, reference]
        moving = [side for side in every if len(side.meshes) > 1] or every[:1]
        frames = common_frames([side.meshes for side in moving])
        self.frame_names = frames.names
        self.frame_rate = moving[0].meshes.frame_rate
        rows = dict(zip(moving, frames.rows, strict=True))
        still = np.zeros(len(frames), np.int64)
        self._rows = {side: rows.get(side, still) for side in every}
        self.left_out = {side: len(side.meshes) - len(frames) for side in moving}
        """How many frames of each side some other one lacks."""
        low, high = np.stack([side.bounds for side in _subjects(every)]).swapaxes(0, 1)
        self.bounds = np.stack([low.min(axis=0), high.max(axis=0)])
        """(2, 3) lowest and highest corner of all meshes, metres; of what was seen where there is no mesh."""
        self._surfaces: OrderedDict[tuple[OpenedSide, int], Surface] = OrderedDict()
        self._held, self._lock = 0, threading.Lock()

    def __len__(self) -> int:
        return len(self.frame_names)

    def row(self, side: OpenedSide, frame: int) -> int:
        """Which frame of ``side`` it is."""
        return int(self._rows[side][frame])

    def prepare(self, frame: int) -> None:
        """Read what will be drawn first, so that the window need not wait for it."""
        for side in self.sides:
            if side.observation is None:
                with suppress(InputError):  # named when it comes on show
                    self.surface(side, frame)

    def surface(self, side: OpenedSide, frame: int) -> Surface:
        """The mesh of ``side``, from any thread.

        Raises:
            InputError: its file is damaged.
        """
        key = side, self.row(side, frame)
        with self._lock:
            known = self._surfaces.get(key)
            if known is not None:
                self._surfaces.move_to_end(key)
                return known
        mesh = side.meshes.read(key[1])
        surface = Surface(mesh.vertices, vertex_normals(mesh.vertices, mesh.faces), mesh.faces)
        with self._lock:
            if key not in self._surfaces:
                self._surfaces[key] = surface
                self._held += 2 * surface.vertices.nbytes
            while self._held > _MOST_HELD and len(self._surfaces) > 1:
                self._held -= 2 * self._surfaces.popitem(last=False)[1].vertices.nbytes
        return surface


def _subjects(sides: Sequence[OpenedSide]) -> list[OpenedSide]:
    """Those that show the subject without what may be around it."""
    return [side for side in sides if side.observation is None] or list(sides)
