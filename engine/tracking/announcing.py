"""Tells other programs what a tracker says, while it does."""

from collections.abc import Callable, Sequence
from typing import Any

from engine.geometry.mesh import Mesh
from engine.tracking.lines import end_line, frame_line, shape_line
from engine.tracking.sending import Sender
from engine.tracking.tracker import TrackedFrame


class Announcer:
    """Sends a line for each frame, and one for each new shape before it; see docs/tracking.md."""

    def __init__(
        self,
        start: str,
        sender: Callable[[Callable[[], Sequence[str]]], Sender],
        mesh: Callable[[TrackedFrame], Mesh] | None = None,
    ) -> None:
        """
        Args:
            start: the first line
            sender: makes the sender, given the lines that whoever connects later has missed
            mesh: of frames whose meshes are sent, see `engine.tracking.tracker.Tracker.mesh`; None for poses alone
        """
        self._start, self._mesh = start, mesh
        self._shape: str | None = None
        self._version: int | None = None
        self._sender = sender(self._missed)
        self._sender.send(start)

    def tell(self, tracked: TrackedFrame) -> None:
        """Returns at once, but for the mesh, if there is one."""
        mesh = None if self._mesh is None or tracked.shape_version == 0 else self._mesh(tracked)
        if tracked.shape_version not in (0, self._version):
            self._version, self._shape = tracked.shape_version, shape_line(tracked, mesh)
            self._sender.send(self._shape)
        self._sender.send(frame_line(tracked, mesh))

    def end(self, summary: dict[str, Any]) -> None:
        """Of a track that has ended; waits a moment for those who still read."""
        self._sender.send(end_line(summary | {"dropped_lines": self._sender.dropped}))
        self._sender.close()

    def _missed(self) -> Sequence[str]:
        return [self._start] if self._shape is None else [self._start, self._shape]
