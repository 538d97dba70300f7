"""Moving meshes in metres: what methods give, what is stored as truth, shown, compared and exported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity

FrameOfReference = Literal["world", "camera"]


@dataclass(frozen=True, eq=False)
class MeshSequence:
    """F meshes in metres, read when they are asked for."""

    title: str
    frame_names: tuple[str, ...]
    times_s: NDArray[np.float64]
    """(F,) seconds from any origin, increasing; NaN where nobody said when a frame was."""
    read: Callable[[int], Mesh]
    """Vertices (V, 3) in metres and faces (T, 3) of one frame; raises InputError where its file is damaged."""
    one_topology: bool
    """Whether all frames have the same faces, vertex for vertex."""
    frame: FrameOfReference = "world"
    """World as the recording or the dataset says, or the axes of the camera (OpenCV)."""
    exact: Callable[[int], tuple[NDArray[np.float64], NDArray[np.int32]]] | None = None
    """What `read` gives, before it is rounded to single precision; for meshes that are stored in another unit."""

    def __post_init__(self) -> None:
        assert self.times_s.shape == (len(self.frame_names),), (self.times_s.shape, len(self.frame_names))
        assert len(self.frame_names) > 0

    def __len__(self) -> int:
        return len(self.frame_names)

    def __iter__(self) -> Iterator[Mesh]:
        return (self.read(index) for index in range(len(self)))

    @property
    def frame_rate(self) -> float:
        """Frames per second; 30 for a single frame."""
        return frame_rate_of(self.times_s)

    def index_of(self, frame_name: str) -> int | None:
        """Position of the frame called ``frame_name``; None where the sequence has no such frame."""
        return self.frame_names.index(frame_name) if frame_name in self.frame_names else None

    def vertices(self) -> NDArray[np.float32]:
        """All vertices (F, V, 3) of a sequence with one topology."""
        assert self.one_topology, self.title
        return np.stack([mesh.vertices for mesh in self])

    def read_double(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Vertices (V, 3) in metres and faces (T, 3) of one frame, as precise as they are stored."""
        if self.exact is not None:
            return self.exact(index)
        mesh = self.read(index)
        return mesh.vertices.astype(np.float64), mesh.faces

    def select(self, rows: Sequence[int]) -> "MeshSequence":
        """The frames of ``rows`` alone, at least one, in that order."""
        exact = self.exact
        return replace(
            self,
            frame_names=tuple(self.frame_names[row] for row in rows),
            times_s=self.times_s[list(rows)],
            read=lambda index: self.read(rows[index]),
            exact=None if exact is None else lambda index: exact(rows[index]),
        )

    def map(self, change: Callable[[int, NDArray[np.float32]], NDArray[np.float32]]) -> "MeshSequence":
        """The sequence with the vertices (V, 3) of each frame changed; ``change`` takes its index and them."""

        def read(index: int) -> Mesh:
            mesh = self.read(index)
            return Mesh(change(index, mesh.vertices), mesh.faces)

        return replace(self, read=read, exact=None)


def mesh_sequence(
    title: str,
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    frame_names: Sequence[str],
    times_s: NDArray[np.float64],
    frame: FrameOfReference = "world",
) -> MeshSequence:
    """A sequence with one topology from arrays: ``vertices`` (F, V, 3) in metres, ``faces`` (T, 3)."""
    assert vertices.ndim == 3 and vertices.shape[2] == 3, vertices.shape
    assert len(vertices) == len(frame_names), (len(vertices), len(frame_names))
    return MeshSequence(
        title, tuple(frame_names), np.asarray(times_s, np.float64), lambda i: Mesh(vertices[i], faces), True, frame
    )


def in_metres(stored: MeshSequence, similarity: Similarity) -> MeshSequence:
    """The sequence in metres of which ``stored`` has the vertices in canonical units of ``similarity``."""

    def exact(index: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        vertices, faces = stored.read_double(index)
        return vertices / similarity.scale + similarity.centre, faces

    def read(index: int) -> Mesh:
        vertices, faces = exact(index)
        return Mesh(vertices.astype(np.float32), faces)

    return replace(stored, read=read, exact=exact)


def frame_rate_of(times_s: NDArray[np.float64], default: float = 30.0) -> float:
    """Frames per second of time stamps (F,), to a thousandth; ``default`` where there is no interval.

    The inverse of the mean of all intervals that are within half of the median one, which leaves out gaps: the median
    alone is off where time stamps are rounded to milliseconds.
    """
    intervals = np.diff(times_s)
    intervals = np.sort(intervals[intervals > 1e-4])
    if len(intervals) == 0:
        return default
    usual = np.abs(intervals / intervals[(len(intervals) - 1) // 2] - 1) < 0.5
    rate = float(1 / intervals[usual].mean())
    return round(rate, 3) or rate or default


def regular_times(count: int, frame_rate: float) -> NDArray[np.float64]:
    """Time stamps (F,) in seconds of frames at a constant rate, from zero."""
    return np.arange(count, dtype=np.float64) / frame_rate
