"""Planes through the signed distance of a shape, evaluated in a thread of their own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import Cancelled
from engine.core.streams import begin_with_all_cores, lane_stream
from engine.models.model import NeuralParametricModel
from engine.surface.folded import SignedDistance
from npm_studio.session.live.field_picture import paint_field
from npm_studio.session.live.worker import once

ROUGH_NODES, FINE_NODES = 65, 193
"""Nodes along each side of a plane: while it moves, and when it has come to rest."""
_IN_PLANE = ((2, 1), (0, 2), (0, 1))
"""For a plane across x, y and z: the axes along its width and its height."""


@dataclass(frozen=True)
class SlicePlane:
    """A rectangle across one axis of canonical space."""

    axis: int
    position: float
    """On the axis."""
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    """Corners of the box that bounds it; what they say of ``axis`` is not used."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        width, height = (self.high[axis] - self.low[axis] for axis in _IN_PLANE[self.axis])
        return width, height

    def corners(self) -> NDArray[np.float32]:
        """(4, 3) upper left, upper right, lower right, lower left."""
        return self.nodes(2).reshape(4, 3)[[2, 3, 1, 0]]

    def nodes(self, count: int) -> NDArray[np.float32]:
        """(count, count, 3) points; rows run upwards, columns along the width."""
        across, up = _IN_PLANE[self.axis]
        points = np.empty((count, count, 3), np.float32)
        points[..., self.axis] = self.position
        points[..., across] = np.linspace(self.low[across], self.high[across], count)
        points[..., up] = np.linspace(self.low[up], self.high[up], count)[:, None]
        return points


@dataclass(frozen=True, eq=False)
class SliceRequest:
    """A plane wanted."""

    shape: Tensor
    """(Cs,) on the CPU"""
    plane: SlicePlane
    limit: float
    """Canonical distance at the ends of the colours."""
    spacing: float
    """Canonical distance between two contour lines."""


@dataclass(frozen=True, eq=False)
class SliceReply:
    """A plane evaluated."""

    request: SliceRequest
    values: NDArray[np.float32]
    """(N, N) signed distance, canonical units, at ``request.plane.nodes(N)``"""
    picture: NDArray[np.uint8]
    """(P, P, 4) of the plane, upper row first"""


class SliceWorker:
    """One thread and one slot: the latest request wins. The rough answer always comes, the fine one may be given up."""

    def __init__(
        self,
        model: NeuralParametricModel,
        on_reply: Callable[[SliceReply], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        """``on_reply`` and ``on_error`` are called in the thread; ``on_error`` for the first of equal errors only."""
        self._model, self._on_reply, self._on_error = model, on_reply, once(on_error)
        self._stream = lane_stream(model.device, "slices", urgent=True)
        self._condition = threading.Condition()
        self._waiting: SliceRequest | None = None
        self._closed = False
        self._may_give_up = False
        self._field: tuple[Tensor, SignedDistance] | None = None
        self._thread = threading.Thread(target=self._run, name="slices", daemon=True)
        self._thread.start()

    def post(self, request: SliceRequest) -> None:
        """Ask for ``request`` in place of whatever was waiting."""
        with self._condition:
            self._waiting = request
            self._condition.notify()

    def close(self, timeout: float = 10.0) -> bool:
        """Stop, and wait for the thread; False when it did not end in ``timeout`` seconds."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        begin_with_all_cores()
        while (request := self._take()) is not None:
            try:
                for nodes in (ROUGH_NODES, FINE_NODES):
                    self._may_give_up = nodes == FINE_NODES
                    values = self._evaluate(request, nodes)
                    picture = paint_field(values, request.plane.size, request.limit, request.spacing)
                    self._on_reply(SliceReply(request, values, picture))
            except Cancelled:
                continue
            except Exception as error:
                if not self._closed:
                    self._on_error(error)

    def _take(self) -> SliceRequest | None:
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._waiting is not None)
            request, self._waiting = self._waiting, None
            return None if self._closed else request

    def _cancelled(self) -> bool:
        return self._closed or (self._may_give_up and self._waiting is not None)

    def _evaluate(self, request: SliceRequest, count: int) -> NDArray[np.float32]:
        with torch.no_grad(), torch.cuda.stream(self._stream):
            if self._field is None or not torch.equal(self._field[0], request.shape):
                field = SignedDistance(self._model, request.shape, cancelled=self._cancelled)
                self._field = request.shape, field
            points = torch.from_numpy(request.plane.nodes(count).reshape(-1, 3)).to(self._model.device)
            values: NDArray[np.float32] = self._field[1](points).reshape(count, count).cpu().numpy()
        return values
