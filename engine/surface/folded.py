"""Decoders folded for their codes: the form in which they are evaluated at many points."""

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import Cancelled
from engine.model import NeuralParametricModel
from engine.networks.decoder import Decoder
from engine.networks.positional_encoding import PI

# Points per matrix product: hidden values stay in the cache of a CPU, a GPU wants many. In full precision every product
# has exactly this size, so that a point's value does not depend on the points that are evaluated with it.
_CHUNK = {("cpu", False): 512, ("cpu", True): 2048, ("cuda", False): 1 << 13, ("cuda", True): 1 << 17}
# Points between two looks at whether somebody cancelled: a few milliseconds.
_POLLED = {"cpu": 2048, "cuda": 1 << 17}


@dataclass(frozen=True, eq=False)
class _Layer:
    """A hidden layer, split by what its inputs are."""

    bias: Tensor
    """(outputs,): float32 where the code adds to it and in the last layer, else of the type of the products."""
    weight: Tensor
    """(outputs, inputs): of the hidden values, then of the embedding in the first and the skip layer."""
    of_code: Tensor | None
    """(outputs, C), float32: of the code."""
    of_plain: Tensor | None
    """(outputs, 3), float32: of plain coordinates."""
    embedded: bool
    """Whether the embedding is among the inputs of ``weight``."""
    norm: tuple[Tensor, Tensor] | None
    """Weight and bias (outputs,) of layer normalisation."""


@dataclass(frozen=True, eq=False)
class _Weights:
    """The parameters of a decoder in the form that products want: weight norm folded in, columns in order, padded."""

    layers: list[_Layer]
    last: _Layer
    bands: Tensor
    """(frequencies,) factors of the positional encoding."""
    embedding_width: int
    version: int
    """Number of changes of the decoder's parameters up to then."""


class FoldedDecoder:
    """A decoder for one code or several; the code's part of the first and the skip layer is folded into their biases.

    A snapshot: later changes of the decoder's parameters do not reach it.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder, code: Tensor, half: bool = False) -> None:
        """Fold ``code`` (C,) or (B, C) into ``decoder``; with ``half`` the hidden layers run in `half_type`."""
        assert code.shape[-1:] == (decoder.code_size,) and code.ndim in (1, 2), code.shape
        self._decoder, self._half, self._several = decoder, half, code.ndim == 2
        device = next(decoder.parameters()).device
        self._dtype = half_type(device) if half else torch.float32
        self._weights = _weights(decoder, self._dtype)
        code = code.to(device, torch.float32)
        biases: list[Tensor] = []
        for layer in self._weights.layers:
            bias = layer.bias
            if layer.of_code is not None:
                bias = functional.linear(code, layer.of_code, bias).to(self._dtype)
            biases.append(bias)
        self._biases = biases

    @torch.no_grad()
    def __call__(self, points: Tensor, rows: Tensor | None = None) -> Tensor:
        """Outputs (P, outputs) float32 at canonical ``points`` (P, 3), those of the decoder in evaluation mode.

        Args:
            rows: (P,) which of the codes each point belongs to; only where there are several.
        """
        assert points.ndim == 2, points.shape
        assert points.shape[1] == 3, points.shape
        assert (rows is not None) == self._several
        count, step = len(points), _CHUNK["cuda" if points.is_cuda else "cpu", self._half]
        if not self._half and count % step:
            points = functional.pad(points, (0, 0, 0, -count % step))
            rows = None if rows is None else functional.pad(rows, (0, -count % step))
        parts = []
        for start in range(0, len(points), step):
            part, of_part = points[start : start + step], None if rows is None else rows[start : start + step]
            parts.append(self._decoder.finish(self._evaluate(part, of_part), part))
        return _joined(parts, points.new_empty(0, self._decoder.outputs))[:count]

    def _embed(self, points: Tensor) -> Tensor:
        """What the network sees of ``points`` (P, 3), in few passes: `encode_points` in the order of `_arranged`."""
        embedding = points.new_empty(len(points), self._weights.embedding_width, dtype=self._dtype)
        scaled = points * PI
        angles = (scaled[:, None] * self._weights.bands[:, None]).flatten(1)
        waves = angles.shape[1]
        embedding[:, :3] = scaled
        torch.sin(angles, out=embedding[:, 3 : 3 + waves])
        torch.cos(angles, out=embedding[:, 3 + waves : 3 + 2 * waves])
        embedding[:, 3 + 2 * waves :] = 0
        return embedding

    def _evaluate(self, points: Tensor, rows: Tensor | None) -> Tensor:
        embedding = self._embed(points) if self._weights.embedding_width else None
        hidden: Tensor | None = None
        for layer, bias in zip(self._weights.layers, self._biases, strict=True):
            inputs = [part for part in (hidden, embedding if layer.embedded else None) if part is not None]
            joined = torch.cat(inputs, dim=1) if len(inputs) > 1 else inputs[0] if inputs else None
            if joined is not None and bias.ndim == 1 and layer.of_plain is None and layer.norm is None:
                hidden = _linear(joined, layer.weight, bias)
                continue
            # the less usual layers take a pass for each part
            value = bias if rows is None or bias.ndim == 1 else bias.index_select(0, rows)
            if joined is not None:
                nothing = torch.zeros_like(layer.bias, dtype=self._dtype)
                value = _linear(joined, layer.weight, nothing, relu=False) + value
            if layer.of_plain is not None:
                value = functional.linear(points, layer.of_plain) + value
            if layer.norm is not None:
                value = functional.layer_norm(value.float(), value.shape[-1:], *layer.norm)
            hidden = value.relu_().to(self._dtype)
        assert hidden is not None
        last = self._weights.last
        raw = _linear(hidden.float(), last.weight, last.bias, relu=False)
        return raw if last.of_plain is None else raw + functional.linear(points, last.of_plain)


def never() -> bool:
    """Nobody cancels."""
    return False


class SignedDistance:
    """The signed distance of one shape, or several, as a function of points, until somebody cancels."""

    def __init__(
        self,
        model: NeuralParametricModel,
        shape_code: Tensor,
        half: bool = False,
        cancelled: Callable[[], bool] = never,
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


def half_type(device: torch.device) -> torch.dtype:
    """The 16 bits in which hidden layers run in half precision.

    A GPU multiplies float16 as fast as bfloat16 and rounds it eight times finer, as fine as TF32; hidden values of
    these networks are far from its limits. CPUs multiply bfloat16 only.
    """
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def half_is_fast(device: torch.device) -> bool:
    """Whether ``device`` multiplies matrices of `half_type` in hardware."""
    return device.type == "cuda" or bfloat16_is_fast(device)


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _joined(parts: list[Tensor], nothing: Tensor) -> Tensor:
    """``parts`` one after the other, without a copy where there is only one; ``nothing`` where there is none."""
    return torch.cat(parts) if len(parts) > 1 else parts[0] if parts else nothing


def _linear(inputs: Tensor, weight: Tensor, bias: Tensor, relu: bool = True) -> Tensor:
    """``inputs @ weight.T + bias``, with ``relu`` in the same kernel where the library has one.

    Both operators are those that PyTorch itself calls when it fuses layers (nn.TransformerEncoderLayer, torch.compile).
    """
    if inputs.is_cuda and relu:  # bias and relu end the matrix product: one pass through memory instead of three
        return torch._addmm_activation(bias, inputs, weight.t())
    if _onednn(inputs):  # functional.linear calls MKL in float32, several times slower on processors of other makers
        value: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "relu" if relu else "none", [], "")
        return value
    value = functional.linear(inputs, weight, bias)
    return value.relu_() if relu else value


def _onednn(inputs: Tensor) -> bool:
    if inputs.is_cuda or not torch.backends.mkldnn.is_available():
        return False
    return inputs.dtype == torch.float32 or bfloat16_is_fast(inputs.device)


_known_weights: WeakKeyDictionary[Decoder, dict[torch.dtype, _Weights]] = WeakKeyDictionary()


def _weights(decoder: Decoder, dtype: torch.dtype) -> _Weights:
    """The weights of ``decoder`` for products in ``dtype``; those of frozen decoders are kept for the next code."""
    parameters = list(decoder.parameters())
    version = sum(parameter._version for parameter in parameters)
    known = _known_weights.get(decoder, {}).get(dtype)
    if known is not None and known.version == version and known.bands.device == parameters[0].device:
        return known
    arranged = _arrange(decoder, dtype, version)
    # recorded CUDA graphs change what they train without a trace, so only frozen parameters can be relied on
    if not any(parameter.requires_grad for parameter in parameters):
        if arranged.bands.is_cuda:  # other threads may use them on streams of their own
            torch.cuda.current_stream(arranged.bands.device).synchronize()
        _known_weights.setdefault(decoder, {})[dtype] = arranged
    return arranged


def _arrange(decoder: Decoder, dtype: torch.dtype, version: int) -> _Weights:
    config = decoder.config
    # a GPU multiplies fast when sizes are multiples of eight: zeros are added
    embedding_width = _padded(config.point_width) if config.positional_encoding else 0
    layers: list[_Layer] = []
    past, past_padded = 0, 0
    for index in range(config.layers):
        weight, bias = _parameters(decoder, index)
        parts = [functional.pad(weight[:, :past], (0, past_padded - past))]
        of_code, of_plain, norm = None, None, None
        embedded = index in (0, config.skip_layer) and config.positional_encoding
        if index in (0, config.skip_layer):
            _, of_code, of_points = weight.tensor_split((past, past + decoder.code_size), dim=1)
            if config.positional_encoding:
                parts.append(_arranged(of_points, embedding_width))
            else:  # plain coordinates would move by a thousandth in half precision
                of_plain = of_points
        elif config.xyz_in_all:
            of_plain = weight[:, past:]
        past = len(weight)
        past_padded = past if config.layer_norm else _padded(past)
        if config.layer_norm:
            scale, shift = decoder.get_submodule(f"bn{index}").parameters()
            norm = scale.clone(), shift.clone()
        idle = past_padded - past
        layers.append(
            _Layer(
                functional.pad(bias, (0, idle)).to(dtype if of_code is None else torch.float32),
                functional.pad(torch.cat(parts, dim=1), (0, 0, 0, idle)).to(dtype).contiguous(),
                None if of_code is None else functional.pad(of_code, (0, 0, 0, idle)).contiguous(),
                None if of_plain is None else functional.pad(of_plain, (0, 0, 0, idle)).contiguous(),
                embedded,
                norm,
            )
        )
    weight, bias = _parameters(decoder, config.layers)
    of_hidden = functional.pad(weight[:, :past], (0, past_padded - past)).contiguous()
    of_plain = weight[:, past:].contiguous() if config.xyz_in_all else None
    bands = 2.0 ** torch.arange(config.frequencies, device=weight.device, dtype=torch.float32)
    return _Weights(layers, _Layer(bias, of_hidden, None, of_plain, False, None), bands, embedding_width, version)


def _arranged(weight: Tensor, width: int) -> Tensor:
    """Columns of ``weight`` (outputs, E) in the order of coordinates, all sines, all cosines, zeros up to ``width``."""
    plain, waves = weight.tensor_split((3,), dim=1)
    sines, cosines = waves.unflatten(1, (-1, 2, 3)).unbind(dim=2)
    arranged = torch.cat((plain, sines.flatten(1), cosines.flatten(1)), dim=1)
    return functional.pad(arranged, (0, width - arranged.shape[1]))


def _padded(width: int) -> int:
    return width + -width % 8


def _parameters(decoder: Decoder, index: int) -> tuple[Tensor, Tensor]:
    """Copies of weight (outputs, inputs) and bias (outputs,) of a layer, weight norm folded in."""
    layer = decoder.layer(index)
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    return weight.clone(), bias.clone()
