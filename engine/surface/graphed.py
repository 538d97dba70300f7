"""Evaluations captured as CUDA graphs: one launch in place of dozens, each of which takes a host longer than a GPU."""

import logging
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from engine.core.cuda_graphs import GRAPH_LOCK, capture_stream, capturing

_log = logging.getLogger(__name__)

_MOST_FAILURES = 3

_CapturedGraph = tuple[torch.cuda.CUDAGraph, Tensor, Tensor]
"""Graph, and the points (L, 3) and values (L, ...) that it works on."""


class GraphedFunction:
    """A function of points and biases, captured on a GPU once for each number of points, and replayed on one stream.

    Graphs are of fixed memory, into which arguments are copied. Threads take turns.
    """

    def __init__(self, stream: torch.cuda.Stream, most: int) -> None:
        """
        Args:
            stream: the current one whenever this is used.
            most: points in a graph.
        """
        self._stream, self._most = stream, most
        self._biases: list[Tensor] = []
        self._given: list[Tensor] = []
        """What `_biases` are copies of."""
        self._failures = 0
        self._capture_stream = capture_stream(self, stream.device, stream.priority)
        self._drop_graphs()

    def run(
        self,
        function: Callable[[Tensor, list[Tensor]], Tensor],
        points: Tensor,
        biases: list[Tensor],
        length: int,
        values: Tensor,
    ) -> None:
        """Fill ``values`` (P, ...) with ``function(points, biases)``, a row for each point.

        Args:
            function: always the same one; does no more than start work on the GPU.
            points: (P, 3)
            biases: (outputs,) each, always of the same sizes.
            length: number of points to capture for, at least P.
        """
        with GRAPH_LOCK:
            if not self._given:
                self._biases, self._given = [bias.clone() for bias in biases], biases
            if biases is not self._given:
                for copy, bias, before in zip(self._biases, biases, self._given, strict=True):
                    if bias is not before:
                        copy.copy_(bias)
                self._given = biases
            known = self._graph_of(function, length, points)
            if known is None:
                padded = torch.cat((points, points.new_zeros(length - len(points), points.shape[1])))
                values.copy_(function(padded, biases)[: len(values)])
                return
            graph, its_points, its_values = known
            its_points[: len(points)].copy_(points)
            graph.replay()
            values.copy_(its_values[: len(values)])

    def _graph_of(
        self, function: Callable[[Tensor, list[Tensor]], Tensor], length: int, like: Tensor
    ) -> _CapturedGraph | None:
        """The graph for ``length`` points, made if there is none; None where that is impossible."""
        if self._failures == _MOST_FAILURES:
            return None
        try:
            # the largest first: the others find room in its memory
            for needed in (self._most, length):
                if needed not in self._graphs:
                    self._graphs[needed] = self._capture(function, like.new_zeros(needed, like.shape[1]))
        except RuntimeError as error:  # no memory left for it, or another thread waited for the whole device
            self._failures += 1
            _log.info(
                "no CUDA graph for %d points (%d of %d failures): %s", length, self._failures, _MOST_FAILURES, error
            )
            self._stream.synchronize()  # graphs may be running
            self._drop_graphs()
            return None
        return self._graphs[length]

    def _capture(self, function: Callable[[Tensor, list[Tensor]], Tensor], points: Tensor) -> _CapturedGraph:
        function(points, self._biases)  # libraries choose their kernels and load them
        graph = torch.cuda.CUDAGraph()
        self._capture_stream.wait_stream(self._stream)
        with capturing(), torch.cuda.stream(self._capture_stream):
            # not by torch.cuda.graph, which waits for the GPU and gives all unused memory back; other threads may use
            # the device in the meantime
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                values = function(points, self._biases)
            except BaseException:
                with suppress(RuntimeError):  # says again that something failed
                    graph.capture_end()
                raise
            graph.capture_end()
        self._stream.wait_stream(self._capture_stream)
        return graph, points, values

    def _drop_graphs(self) -> None:
        """Give all graphs up: with one of them, PyTorch gives up working memory that the others share."""
        self._graphs: dict[int, _CapturedGraph] = {}
        """By the number of points."""
        self._pool = torch.cuda.graph_pool_handle()
