"""Evaluations recorded as CUDA graphs: one launch in place of dozens, each of which takes a host longer than a GPU."""

import functools
import threading
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

_recording = threading.Lock()


class Recorded:
    """A function of points and settings, recorded on a GPU once for each number of points, and replayed on one stream.

    Recordings are of fixed memory, into which arguments are copied. Threads that share the stream take turns.
    """

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._pool = torch.cuda.graph_pool_handle()
        self._recordings: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        """By the number of points: graph, points and values."""
        self._settings: list[Tensor] = []
        self._given: list[Tensor] = []
        """What `_settings` are copies of."""

    def run(
        self,
        function: Callable[[Tensor, list[Tensor]], Tensor],
        points: Tensor,
        settings: list[Tensor],
        length: int,
        values: Tensor,
    ) -> None:
        """Fill ``values`` (P, ...) with ``function(points, settings)``, a row for each point; call it on the stream.

        Args:
            function: always the same one; does no more than start work on the GPU.
            points: (P, 3)
            settings: tensors, always of the same shapes.
            length: number of points to record for, at least P.
        """
        with self._lock:
            if not self._given:
                self._settings, self._given = [setting.clone() for setting in settings], settings
            if settings is not self._given:
                for copy, setting, before in zip(self._settings, settings, self._given, strict=True):
                    if setting is not before:
                        copy.copy_(setting)
                self._given = settings
            if length not in self._recordings:
                self._recordings[length] = self._record(function, points.new_zeros(length, points.shape[1]))
            graph, its_points, its_values = self._recordings[length]
            its_points[: len(points)].copy_(points)
            graph.replay()
            values.copy_(its_values[: len(values)])

    def _record(
        self, function: Callable[[Tensor, list[Tensor]], Tensor], points: Tensor
    ) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        graph, aside = torch.cuda.CUDAGraph(), _stream_aside(self._stream)
        aside.wait_stream(self._stream)
        with _recording, torch.cuda.stream(aside):
            function(points, self._settings)  # libraries choose their kernels
            # not by torch.cuda.graph, which waits for the GPU and gives all unused memory back; other threads may use
            # the device in the meantime, all but PyTorch's one generator for all
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                values = function(points, self._settings)
            except BaseException:
                with suppress(RuntimeError):  # says again that something failed
                    graph.capture_end()
                raise
            graph.capture_end()
        self._stream.wait_stream(aside)
        return graph, points, values


@functools.cache
def _stream_aside(stream: torch.cuda.Stream) -> torch.cuda.Stream:
    # libraries keep working memory per stream: what is recorded for different streams must not share it
    return torch.cuda.Stream(stream.device, priority=stream.priority)  # recorded, too
