"""Decoders folded for one code: the form in which they are evaluated at many points."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import Cancelled
from engine.model import NeuralParametricModel
from engine.networks.decoder import Decoder

# rows per matrix product: hidden values stay in the cache of a CPU, a GPU wants many
_CHUNK = {"cpu": 4096, "cuda": 1 << 18}


@dataclass(frozen=True, eq=False)
class _Layer:
    """A hidden layer, split by what its inputs are."""

    bias: Tensor
    of_hidden: Tensor | None
    """(outputs, hidden); None in the first layer."""
    of_embedding: Tensor | None
    """(outputs, E); in the first and the skip layer."""
    of_plain: Tensor | None
    """(outputs, 3), float32: of plain coordinates."""
    norm: tuple[Tensor, Tensor] | None
    """Weight and bias (outputs,) of layer normalisation."""


class FoldedDecoder:
    """A decoder for one code; the code's part of the first and the skip layer and weight norm are folded in.

    A snapshot: later changes of the decoder's parameters do not reach it.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder, code: Tensor, half: bool = False) -> None:
        """Fold ``code`` (C,) into ``decoder``; with ``half`` the hidden layers run in bfloat16."""
        assert code.shape == (decoder.code_size,), code.shape
        config = decoder.config
        self._decoder = decoder
        self._dtype = torch.bfloat16 if half else torch.float32
        # plain coordinates would move by a thousandth in bfloat16
        self._point_dtype = self._dtype if config.positional_encoding else torch.float32
        # a GPU multiplies fast when inner sizes are multiples of eight
        self._padding = -config.point_width % 8
        self._layers: list[_Layer] = []
        past = 0
        for index in range(config.layers):
            weight, bias = _parameters(decoder, index)
            of_embedding, of_plain, norm = None, None, None
            dtype = self._dtype
            if index in (0, config.skip_layer):
                _, of_code, of_points = weight.tensor_split((past, past + decoder.code_size), dim=1)
                of_embedding = functional.pad(of_points, (0, self._padding)).to(self._point_dtype).contiguous()
                bias = functional.linear(code.to(weight), of_code, bias)
                dtype = self._point_dtype if index == 0 else dtype
            elif config.xyz_in_all:
                of_plain = weight[:, past:].contiguous()
            if config.layer_norm:
                scale, shift = decoder.get_submodule(f"bn{index}").parameters()
                norm = scale.clone(), shift.clone()
            of_hidden = weight[:, :past].to(self._dtype).contiguous() if index else None
            self._layers.append(_Layer(bias.to(dtype), of_hidden, of_embedding, of_plain, norm))
            past = len(bias)
        self._last_weight, self._last_bias = _parameters(decoder, config.layers)

    @torch.no_grad()
    def __call__(self, points: Tensor) -> Tensor:
        """Outputs (P, outputs) float32 at canonical ``points`` (P, 3), those of the decoder in evaluation mode."""
        assert points.ndim == 2, points.shape
        assert points.shape[1] == 3, points.shape
        values = points.new_empty(len(points), self._decoder.outputs)
        step = _CHUNK.get(points.device.type, _CHUNK["cpu"])
        for start in range(0, len(points), step):
            part = points[start : start + step]
            values[start : start + step] = self._decoder.finish(self._evaluate(part), part)
        return values

    def _evaluate(self, points: Tensor) -> Tensor:
        embedding = functional.pad(self._decoder.embed(points), (0, self._padding)).to(self._point_dtype)
        hidden = embedding
        for layer in self._layers:
            if layer.of_hidden is None:
                assert layer.of_embedding is not None
                value = functional.linear(embedding, layer.of_embedding, layer.bias)
            else:
                value = functional.linear(hidden, layer.of_hidden, layer.bias)
                if layer.of_embedding is not None:
                    value = _plus(value, embedding, layer.of_embedding)
                if layer.of_plain is not None:
                    value = _plus(value, points, layer.of_plain)
            if layer.norm is not None:
                value = functional.layer_norm(value.float(), value.shape[-1:], *layer.norm)
            hidden = value.relu_().to(self._dtype)
        hidden = hidden.float()
        if self._decoder.config.xyz_in_all:
            hidden = torch.cat((hidden, points), dim=-1)
        return functional.linear(hidden, self._last_weight, self._last_bias)


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
            values.append(self._decoder(part)[:, 0])
        return torch.cat(values)


def _plus(value: Tensor, inputs: Tensor, weight: Tensor) -> Tensor:
    """``value`` (P, outputs) plus ``inputs`` (P, E) times ``weight`` (outputs, E), in place where types allow it."""
    if value.dtype == inputs.dtype:
        return value.addmm_(inputs, weight.t())
    return value + functional.linear(inputs, weight)


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
