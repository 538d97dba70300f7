"""The frames of a live source as a sequence that can be read again, for a run to be measured and shown on."""

import tempfile
import threading
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame, DepthSource
from engine.tracking.tracker import TrackedFrame


class KeptFrames:
    """Tracked frames in a temporary file, without loss; packed by another thread. A context manager."""

    def __init__(self, source: DepthSource, root: Path, folder: Path | None = None) -> None:
        """
        Args:
            root: what the sequence is said to come from
            folder: of the temporary file
        """
        self._source, self._root = source, root
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._pool, self._lock = ThreadPoolExecutor(1), threading.Lock()
        self._places: list[Future[tuple[int, int]]] = []
        self._names: list[str] = []
        self._times: list[float] = []
        self._poses: list[NDArray[np.float64]] = []
        self._times_assumed = False
        self.skipped = 0
        """Frames that came between those kept, too fast to be tracked"""

    def __enter__(self) -> "KeptFrames":
        return self

    def __exit__(self, *failure: object) -> None:
        self._pool.shutdown()
        self._file.close()

    def __len__(self) -> int:
        return len(self._names)

    def keep(self, frame: DepthFrame, tracked: TrackedFrame) -> None:
        self._places.append(self._pool.submit(self._write, np.ascontiguousarray(frame.depth_m, np.float32)))
        self._names.append(tracked.name)
        self._times.append(tracked.time_s)
        self._poses.append(tracked.camera_to_world)
        self._times_assumed |= frame.time_s is None
        self.skipped += frame.dropped

    def sequence(self) -> DepthSequence:
        """All frames so far, in the world of the track; to be read as long as this is open."""
        camera = self._source.camera
        places = [place.result() for place in self._places]

        def read(index: int) -> NDArray[np.float32]:
            start, length = places[index]
            with self._lock:
                self._file.seek(start)
                stored = self._file.read(length)
            return np.frombuffer(zlib.decompress(stored), np.float32).reshape(camera.height, camera.width)

        return DepthSequence(
            name=self._source.name,
            root=self._root,
            camera=camera,
            frame_names=tuple(self._names),
            times_s=np.array(self._times),
            read_frame=read,
            cameras_to_world=np.stack(self._poses),
            world=World.UPRIGHT,
            times_assumed=self._times_assumed,
            origin=f"{self._source.origin}; as it was tracked",
        )

    def _write(self, depth: NDArray[np.float32]) -> tuple[int, int]:
        stored = zlib.compress(depth.tobytes(), 1)
        with self._lock:
            start = self._file.seek(0, 2)
            self._file.write(stored)
        return start, len(stored)
