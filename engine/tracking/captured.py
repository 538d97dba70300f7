"""Work on fixed tensors that is captured as a CUDA graph, and launched at once instead of kernel by kernel."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import torch

from engine.core.cuda_graphs import GRAPH_LOCK, capture_stream, capturing

_log = logging.getLogger(__name__)
_WARM_UPS = 2
"""Calls before the capture, in which libraries choose their kernels and load them."""

Outcome = TypeVar("Outcome")


class Captured(Generic[Outcome]):
    """A function without arguments whose tensors always are the same ones, on a CPU called as it is.

    What it returns is overwritten by the next call.
    """

    def __init__(self, function: Callable[[], Outcome], device: torch.device) -> None:
        """
        Args:
            function: starts work on ``device`` and waits for none of it.
        """
        self._function, self._device = function, device
        self._calls = 0
        self._known: tuple[torch.cuda.CUDAGraph, Outcome] | None = None
        self._failure: str | None = None
        if device.type == "cuda":  # GPU only
            self._stream = capture_stream(self, device, -1)

    @property
    def state(self) -> str:
        """Whether it is captured, and else why not, in words."""
        return "captured" if self._known is not None else self._failure or "not captured"

    def __call__(self) -> Outcome:
        if self._device.type != "cuda":
            return self._function()
        return self._on_gpu()  # GPU only

    def _on_gpu(self) -> Outcome:  # GPU only
        current = torch.cuda.current_stream(self._device)
        self._calls += 1
        if self._known is None and self._failure is None and self._calls > _WARM_UPS:
            try:
                self._known = self._capture(current)
            except RuntimeError as error:
                self._failure = str(error).splitlines()[0]
                _log.warning("no CUDA graph: %s", error)
                current.synchronize()
        if self._known is not None:
            with GRAPH_LOCK:
                self._known[0].replay()
            return self._known[1]
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            outcome = self._function()
        current.wait_stream(self._stream)
        return outcome

    def _capture(self, current: torch.cuda.Stream) -> tuple[torch.cuda.CUDAGraph, Outcome]:  # GPU only
        graph = torch.cuda.CUDAGraph()
        self._stream.wait_stream(current)
        with capturing(), torch.cuda.stream(self._stream):
            # the backward passes are started by a thread of PyTorch's, which is why only this one is held to the rules
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                outcome = self._function()
            except BaseException:
                with suppress(RuntimeError):  # says again that something failed
                    graph.capture_end()
                raise
            graph.capture_end()
        current.wait_stream(self._stream)
        return graph, outcome
