"""Decoders folded for their codes: the form in which they are evaluated at many points."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.core.errors import Cancelled
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder
from engine.surface.precision import Products, kind_of_products
from engine.surface.weights import weights_of

# Points per matrix product: hidden values stay in the cache of a CPU, a GPU wants many.
_CHUNK: dict[tuple[str, Products], int] = {
    ("cpu", "float32"): 512,
    ("cpu", "half"): 2048,
    ("cuda", "float32"): 1 << 13,
    ("cuda", "tf32"): 1 << 13,
    ("cuda", "split"): 1 << 15,
    ("cuda", "half"): 1 << 15,
}
# Products in which the library's choice of a kernel depends on how many points there are, and a point's last bits on
# the kernel: they always have exactly the size above.
_OF_ONE_SIZE = ("float32", "tf32")
# Points between two looks at whether somebody cancelled: a few milliseconds.
_POLLED = {"cpu": 2048, "cuda": 1 << 17}


class FoldedDecoder:
    """A decoder for one code or several; the code's part of the first and the skip layer is folded into their biases.

    A snapshot: later changes of the decoder's parameters do not reach it.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder, code: Tensor, half: bool = False) -> None:
        """Fold ``code`` (C,) or (B, C) into ``decoder``; with ``half`` the hidden layers run in `half_type`."""
        assert code.shape[-1:] == (decoder.code_size,) and code.ndim in (1, 2), code.shape
        device = next(decoder.parameters()).device
        self._decoder, self._several = decoder, code.ndim == 2
        self._products = kind_of_products(device, half)
        self._weights = weights_of(decoder, self._products)
        self._biases = self._weights.biases(code.to(device, torch.float32))

    @torch.no_grad()
    def __call__(self, points: Tensor, rows: Tensor | None = None) -> Tensor:
        """Outputs (P, outputs) float32 at canonical ``points`` (P, 3), those of the decoder in evaluation mode.

        Args:
            rows: (P,) which of the codes each point belongs to; only where there are several.
        """
        assert points.ndim == 2, points.shape
        assert points.shape[1] == 3, points.shape
        assert (rows is not None) == self._several
        replays = points.is_cuda and not self._several and self._weights.lasting
        raw = self._replay(points) if replays else self._evaluate(points, rows)
        return self._decoder.finish(raw, points)

    def _evaluate(self, points: Tensor, rows: Tensor | None) -> Tensor:
        count, step = len(points), self._step(points)
        idle = self._length(count % step, step) - count % step
        if idle:
            points = functional.pad(points, (0, 0, 0, idle))
            rows = None if rows is None else functional.pad(rows, (0, idle))
        embedding = self._weights.embed(points)
        parts = []
        for start in range(0, len(points), step):
            part = slice(start, start + step)
            embedded, of_part = (None if values is None else values[part] for values in (embedding, rows))
            parts.append(self._weights.evaluate(points[part], embedded, self._biases, of_part))
        return _joined(parts, points.new_empty(0, len(self._weights.last.bias)))[:count]

    def _replay(self, points: Tensor) -> Tensor:
        """As `_evaluate`, for one code on a GPU."""
        count, step = len(points), self._step(points)
        values = points.new_empty(count, len(self._weights.last.bias))
        graphed = self._weights.graphed_on(torch.cuda.current_stream(points.device), step)
        for start in range(0, count, step):
            part = slice(start, min(start + step, count))
            length = self._length(part.stop - start, step)
            graphed.run(self._weights.evaluate_alone, points[part], self._biases, length, values[part])
        return values

    def _step(self, points: Tensor) -> int:
        return _CHUNK["cuda" if points.is_cuda else "cpu", self._products]

    def _length(self, count: int, step: int) -> int:
        """How many points to evaluate for ``count``, at most ``step``."""
        multiple = step if self._products in _OF_ONE_SIZE else _granularity(count)
        return count + -count % multiple


def not_cancelled() -> bool:
    """Nobody cancels."""
    return False


class SignedDistance:
    """The signed distance of one shape, or several, as a function of points, until somebody cancels."""

    def __init__(
        self,
        model: NeuralParametricModel,
        shape_code: Tensor,
        half: bool = False,
        cancelled: Callable[[], bool] = not_cancelled,
    ) -> None:
        """Fold ``shape_code`` (Cs,) or (B, Cs) of ``model``; ``cancelled`` is polled every few milliseconds."""
        self._decoder = FoldedDecoder(model.shape_decoder, shape_code.to(model.device), half)
        self._cancelled = cancelled

    def __call__(self, points: Tensor, rows: Tensor | None = None) -> Tensor:
        """Signed distance (P,), negative inside, at canonical ``points`` (P, 3).

        Args:
            rows: (P,) which of the codes each point belongs to; only where there are several.

        Raises:
            Cancelled: the ``cancelled`` of this object said so.
        """
        parts, step = [], _POLLED["cuda" if points.is_cuda else "cpu"]
        for start in range(0, max(len(points), 1), step):
            if self._cancelled():
                raise Cancelled
            part = slice(start, start + step)
            parts.append(self._decoder(points[part], None if rows is None else rows[part])[:, 0])
        return _joined(parts, points.new_empty(0))


def _granularity(count: int) -> int:
    """What to round ``count`` up to a multiple of: a quarter at most, so that only a few lengths occur.

    Libraries look for the fastest way to multiply matrices of a size when they first meet it, which takes a GPU longer
    than the products themselves.
    """
    return max(64, 1 << max(count.bit_length() - 3, 0))


def _joined(parts: list[Tensor], nothing: Tensor) -> Tensor:
    """``parts`` one after the other, without a copy where there is only one; ``nothing`` where there is none."""
    return torch.cat(parts) if len(parts) > 1 else parts[0] if parts else nothing
