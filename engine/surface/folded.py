"""Decoders folded for one code: the form in which they are evaluated at many points."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import Cancelled
from engine.model import NeuralParametricModel
from engine.networks.decoder import Decoder
from engine.networks.positional_encoding import encode_points, encoding_width

# rows per matrix product: hidden values stay in the cache of a CPU, a GPU wants many
_CHUNK = {"cpu": 4096, "cuda": 1 << 18}


class FoldedDecoder:
    """A decoder for one code; the code's part of the first and the skip layer and weight norm are folded in.

    A snapshot: later changes of the decoder's parameters do not reach it.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder, code: Tensor, half: bool = False) -> None:
        """Fold ``code`` (C,) into ``decoder``; with ``half`` the hidden layers run in bfloat16."""
        assert code.shape == (decoder.code_size,), code.shape
        config = decoder.config
        dtype = torch.bfloat16 if half else torch.float32
        self._frequencies, self._skip = config.frequencies, config.skip_layer
        # a GPU multiplies fast when inner sizes are multiples of eight
        self._padding = -encoding_width(config.frequencies) % 8
        self._layers: list[tuple[Tensor, Tensor]] = []
        for index in range(config.layers):
            weight, bias = _parameters(decoder, index)
            if index in (0, config.skip_layer):
                past = 0 if index == 0 else len(self._layers[-1][1])
                of_hidden, of_code, of_points = weight.tensor_split((past, past + decoder.code_size), dim=1)
                of_points = functional.pad(of_points, (0, self._padding))
                bias = functional.linear(code.to(weight), of_code, bias)
                if index == 0:
                    weight = of_points
                else:
                    weight, self._skip_weight = of_hidden, of_points.to(dtype)
            self._layers.append((weight.to(dtype).contiguous(), bias.to(dtype)))
        self._last_weight, self._last_bias = _parameters(decoder, config.layers)

    @torch.no_grad()
    def __call__(self, points: Tensor) -> Tensor:
        """Outputs (P, outputs) float32 at canonical ``points`` (P, 3), before any output non-linearity."""
        assert points.ndim == 2, points.shape
        assert points.shape[1] == 3, points.shape
        values = points.new_empty(len(points), len(self._last_bias))
        step = _CHUNK.get(points.device.type, _CHUNK["cpu"])
        for start in range(0, len(points), step):
            values[start : start + step] = self._evaluate(points[start : start + step])
        return values

    def _evaluate(self, points: Tensor) -> Tensor:
        embedding = functional.pad(encode_points(points, self._frequencies), (0, self._padding))
        embedding = embedding.to(self._layers[0][0].dtype)
        hidden = embedding
        for index, (weight, bias) in enumerate(self._layers):
            hidden = functional.linear(hidden, weight, bias)
            if index == self._skip:
                hidden.addmm_(embedding, self._skip_weight.t())
            hidden.relu_()
        return functional.linear(hidden.float(), self._last_weight, self._last_bias)


def never() -> bool:
    """Nobody cancels."""
    return False


class SignedDistance:
    """The signed distance of one shape as a function of points, until somebody cancels."""

    def __init__(
        self,
        model: NeuralParametricModel,
        shape_code: Tensor,
        half: bool = False,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        """Fold ``shape_code`` (Cs,) of ``model``; ``cancelled`` is polled every few milliseconds."""
        self._decoder = FoldedDecoder(model.shape_decoder, shape_code.to(model.device), half)
        self._cancelled = cancelled

    def __call__(self, points: Tensor) -> Tensor:
        """Signed distance (P,), negative inside, at canonical ``points`` (P, 3).

        Raises:
            Cancelled: the ``cancelled`` of this object said so.
        """
        values = []
        for part in points.split(4 * _CHUNK.get(points.device.type, _CHUNK["cpu"])):
            if self._cancelled():
                raise Cancelled
            values.append(self._decoder(part)[:, 0].tanh())
        return torch.cat(values)


def _parameters(decoder: Decoder, index: int) -> tuple[Tensor, Tensor]:
    """Copies of weight (outputs, inputs) and bias (outputs,) of a layer, weight norm folded in."""
    layer = decoder.layer(index)
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    return weight.clone(), bias.clone()


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
