"""Decoders folded for one code: the form in which they are evaluated at many points."""

import torch
from torch import Tensor
from torch.nn import functional

from engine.model import NeuralParametricModel
from engine.networks.decoder import Decoder
from engine.networks.positional_encoding import encode_points

# rows per matrix product: hidden values stay in the cache of a CPU, a GPU wants many
_CHUNK = {"cpu": 4096, "cuda": 1 << 18}


class FoldedDecoder:
    """A decoder for one code; the code's part of the first and the skip layer and weight norm are folded in.

    A snapshot: later changes of the decoder's parameters do not reach it.
    """

    def __init__(self, decoder: Decoder, code: Tensor, half: bool = False) -> None:
        """Fold ``code`` (C,) into ``decoder``; with ``half`` the hidden layers run in bfloat16."""
        assert code.shape == (decoder.code_size,), code.shape
        self._config = decoder.config
        self._dtype = torch.bfloat16 if half else torch.float32
        self._padding = 0
        self._hidden: list[tuple[Tensor | None, Tensor | None, Tensor]] = []
        with torch.no_grad():
            for index in range(decoder.config.layers):
                layer = decoder.layer(index)
                weight, bias = layer.weight, layer.bias
                assert isinstance(weight, Tensor) and isinstance(bias, Tensor)
                of_hidden, of_points = weight, None
                if index in (0, decoder.config.skip_layer):
                    past = 0 if index == 0 else self._hidden[-1][2].shape[0]
                    # a GPU multiplies fast when inner sizes are multiples of eight
                    self._padding = -(weight.shape[1] - past - decoder.code_size) % 8
                    bias = functional.linear(code.to(weight), weight[:, past : past + decoder.code_size], bias)
                    of_points = functional.pad(weight[:, past + decoder.code_size :], (0, self._padding))
                    of_hidden = weight[:, :past] if past else None
                self._hidden.append((self._cast(of_hidden), self._cast(of_points), self._cast(bias)))
            last = decoder.layer(decoder.config.layers)
            self._last_weight, self._last_bias = last.weight.detach(), last.bias.detach()

    def _cast(self, value: Tensor | None) -> Tensor | None:
        return None if value is None else value.to(self._dtype).contiguous()

    @torch.no_grad()
    def __call__(self, points: Tensor) -> Tensor:
        """Outputs (P, outputs) float32 at canonical ``points`` (P, 3), on the decoder's device, before any
        output non-linearity."""
        assert points.ndim == 2 and points.shape[1] == 3, points.shape
        values = points.new_empty(len(points), len(self._last_bias))
        step = _CHUNK.get(points.device.type, _CHUNK["cpu"])
        for start in range(0, len(points), step):
            values[start : start + step] = self._evaluate(points[start : start + step])
        return values

    def _evaluate(self, points: Tensor) -> Tensor:
        embedding = functional.pad(encode_points(points, self._config.frequencies), (0, self._padding)).to(self._dtype)
        hidden = embedding
        for of_hidden, of_points, bias in self._hidden:
            if of_points is None:
                value = functional.linear(hidden, of_hidden, bias)
            elif of_hidden is None:
                value = functional.linear(embedding, of_points, bias)
            else:
                value = functional.linear(hidden, of_hidden, bias).addmm_(embedding, of_points.t())
            hidden = value.relu_()
        return functional.linear(hidden.float(), self._last_weight, self._last_bias)


class FoldedDistance:
    """The signed distance of one shape as a function of points."""

    def __init__(self, model: NeuralParametricModel, shape_code: Tensor, half: bool = False) -> None:
        """Fold ``shape_code`` (Cs,) of ``model``."""
        self._decoder = FoldedDecoder(model.shape_decoder, shape_code, half)

    def __call__(self, points: Tensor) -> Tensor:
        """Signed distance (P,), negative inside, at canonical ``points`` (P, 3)."""
        return self._decoder(points)[:, 0].tanh_()
