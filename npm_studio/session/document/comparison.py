"""Two results side by side, and how far one is from the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.sequences.joining import join_frames
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.document.results import lowest_height


@dataclass(frozen=True)
class DistanceSummary:
    """Distances of one mesh's vertices to the other surface, mm."""

    mean: float
    median: float
    percentile_95: float
    largest: float


class Comparison:
    """Frames of ``left`` paired with frames of ``right`` by name, or by time where they share no names.

    A result of a single frame is paired with every frame of the other.

    Raises:
        InputError: they have no frame in common.
    """

    def __init__(self, left: MeshSequence, right: MeshSequence) -> None:
        self.left, self.right = left, right
        self.pairs = _pair(left, right)
        self.ground = min(lowest_height(left), lowest_height(right))
        """Height (m) of the lowest vertex of both."""
        self._distances: dict[int, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def frame_rate(self) -> float:
        return self.left.frame_rate if len(self.left) > 1 else self.right.frame_rate

    @property
    def frame_names(self) -> tuple[str, ...]:
        longer, side = (self.left, 0) if len(self.left) > 1 else (self.right, 1)
        return tuple(longer.frame_names[pair[side]] for pair in self.pairs)

    def distances_mm(self, frame: int) -> NDArray[np.float32] | None:
        """(V,) distance of each vertex of the left mesh to the right surface, None until `measure` was there."""
        return self._distances.get(frame)

    def measure(self, progress: Progress, first: int = 0) -> None:
        """Measure all frames, beginning with ``first``; each is available as soon as it is done.

        Raises:
            Cancelled: ``progress`` asked to stop; what was measured stays.
        """
        from engine.geometry.signed_distance import unsigned_distance

        progress.stage("measure", len(self))
        order = sorted(range(len(self)), key=lambda frame: (frame < first, frame))
        for done, frame in enumerate(order):
            if progress.cancelled():
                raise Cancelled
            if frame not in self._distances:
                left, right = self.pairs[frame]
                target = self.right.read(right)
                metres = unsigned_distance(self.left.read(left).vertices, target.vertices, target.faces)
                self._distances[frame] = (1000 * metres).astype(np.float32)
            progress.advance(done + 1)

    def summary(self, frame: int) -> DistanceSummary | None:
        """Figures of one frame, None until it is measured."""
        distances = self._distances.get(frame)
        if distances is None:
            return None
        median, percentile_95 = np.percentile(distances, [50, 95])
        return DistanceSummary(float(distances.mean()), float(median), float(percentile_95), float(distances.max()))


def _pair(left: MeshSequence, right: MeshSequence) -> tuple[tuple[int, int], ...]:
    if len(left) == 1 or len(right) == 1:
        count = max(len(left), len(right))
        return tuple((min(frame, len(left) - 1), min(frame, len(right) - 1)) for frame in range(count))
    return join_frames(left, right).pairs


def round_scale(value: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below ``value``: where a colour scale ends."""
    if not (np.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))
