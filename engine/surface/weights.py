"""The parameters of decoders in the form in which they are evaluated."""

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional

from engine.core.cuda_graphs import GRAPH_LOCK
from engine.models.networks.decoder import Decoder
from engine.models.networks.positional_encoding import PI
from engine.surface import tensor_cores
from engine.surface.graphed import GraphedFunction
from engine.surface.precision import Products, bfloat16_is_fast, half_type


@dataclass(frozen=True, eq=False)
class Layer:
    """A hidden layer, split by what its inputs are."""

    bias: Tensor
    """(outputs,): float32 where the code adds to it and in the last layer, else of the type of the products."""
    weight: Tensor
    """(outputs, inputs): of the hidden values, then of the embedding in the first and the skip layer."""
    low: Tensor | None
    """What is to be added to ``weight``, where that is the first part of a `tensor_cores.split`."""
    of_code: Tensor | None
    """(outputs, C), float32: of the code."""
    of_plain: Tensor | None
    """(outputs, 3), float32: of plain coordinates."""
    embedded: bool
    """Whether the embedding is among the inputs of ``weight``."""
    norm: tuple[Tensor, Tensor] | None
    """Weight and bias (outputs,) of layer normalisation."""


@dataclass(frozen=True, eq=False)
class Weights:
    """The parameters of a decoder in the form that products want: weight norm folded in, columns in order, padded."""

    dtype: torch.dtype
    """Of the hidden values."""
    layers: list[Layer]
    last: Layer
    bands: Tensor
    """(frequencies,) factors of the positional encoding."""
    embedding_width: int
    version: int
    """Number of changes of the decoder's parameters up to then."""
    lasting: bool
    """Whether the parameters are frozen, so that this is kept for other codes."""
    graphed: dict[int, GraphedFunction] = field(default_factory=dict)
    """By the stream on which they are replayed."""

    def biases(self, code: Tensor) -> list[Tensor]:
        """Biases (outputs,) of the hidden layers for ``code`` (C,), or (B, outputs) of some for (B, C)."""
        biases = []
        for layer in self.layers:
            bias = layer.bias
            if layer.of_code is not None:
                bias = functional.linear(code, layer.of_code, bias).to(self.dtype)
            biases.append(bias)
        return biases

    def embed(self, points: Tensor) -> Tensor | None:
        """What the network sees of ``points`` (P, 3), in few passes: `encode_points` in the order of `_arranged`."""
        if not self.embedding_width:
            return None
        embedding = points.new_empty(len(points), self.embedding_width, dtype=self.dtype)
        scaled = points * PI
        angles = (scaled[:, None] * self.bands[:, None]).flatten(1)
        waves = angles.shape[1]
        embedding[:, :3] = scaled
        torch.sin(angles, out=embedding[:, 3 : 3 + waves])
        torch.cos(angles, out=embedding[:, 3 + waves : 3 + 2 * waves])
        embedding[:, 3 + 2 * waves :] = 0
        return embedding

    def evaluate(self, points: Tensor, embedding: Tensor | None, biases: list[Tensor], rows: Tensor | None) -> Tensor:
        """What the last layer gives (P, outputs), float32."""
        hidden: Tensor | None = None
        for layer, bias in zip(self.layers, biases, strict=True):
            inputs = [part for part in (hidden, embedding if layer.embedded else None) if part is not None]
            joined = torch.cat(inputs, dim=1) if len(inputs) > 1 else inputs[0] if inputs else None
            if joined is not None and bias.ndim == 1 and layer.of_plain is None and layer.norm is None:
                hidden = _linear(joined, layer, bias)
                continue
            # the less usual layers take a pass for each part
            value = bias if rows is None or bias.ndim == 1 else bias.index_select(0, rows)
            if joined is not None:
                value = _linear(joined, layer, torch.zeros_like(layer.bias, dtype=self.dtype), relu=False) + value
            if layer.of_plain is not None:
                value = _of_plain(points, layer.of_plain) + value
            if layer.norm is not None:
                value = functional.layer_norm(value.float(), value.shape[-1:], *layer.norm)
            hidden = value.relu_().to(self.dtype)
        assert hidden is not None
        raw = _last_linear(hidden, self.last)
        return raw if self.last.of_plain is None else raw + _of_plain(points, self.last.of_plain)

    def evaluate_alone(self, points: Tensor, biases: list[Tensor]) -> Tensor:
        """`evaluate` for one code."""
        return self.evaluate(points, self.embed(points), biases, None)

    def graphed_on(self, stream: torch.cuda.Stream, most: int) -> GraphedFunction:
        """`evaluate_alone` as CUDA graphs for up to ``most`` points that are replayed on ``stream``."""
        with GRAPH_LOCK:
            if stream.cuda_stream not in self.graphed:
                self.graphed[stream.cuda_stream] = GraphedFunction(stream, most)
            return self.graphed[stream.cuda_stream]


_known_weights: WeakKeyDictionary[Decoder, dict[Products, Weights]] = WeakKeyDictionary()


def weights_of(decoder: Decoder, products: Products) -> Weights:
    """The weights of ``decoder`` for its ``products``; those of frozen decoders are kept for the next code."""
    parameters = list(decoder.parameters())
    version = sum(parameter._version for parameter in parameters)
    known = _known_weights.get(decoder, {}).get(products)
    if known is not None and known.version == version and known.bands.device == parameters[0].device:
        return known
    # captured CUDA graphs change what they train without a trace, so only frozen parameters can be relied on
    lasting = not any(parameter.requires_grad for parameter in parameters)
    arranged = _arrange(decoder, products, version, lasting)
    if lasting:
        if arranged.bands.is_cuda:  # other threads may use them on streams of their own
            torch.cuda.current_stream(arranged.bands.device).synchronize()
        _known_weights.setdefault(decoder, {})[products] = arranged
    return arranged


def _arrange(decoder: Decoder, products: Products, version: int, lasting: bool) -> Weights:
    config, device = decoder.config, next(decoder.parameters()).device
    dtype = half_type(device) if products == "half" else torch.float32
    # a GPU multiplies fast when sizes are multiples of eight: zeros are added
    embedding_width = _padded(config.point_width) if config.positional_encoding else 0
    layers: list[Layer] = []
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
        joined = functional.pad(torch.cat(parts, dim=1), (0, 0, 0, idle)).contiguous()
        high, low = tensor_cores.split(joined) if products == "split" else (joined.to(dtype), None)
        layers.append(
            Layer(
                functional.pad(bias, (0, idle)).to(dtype if of_code is None else torch.float32),
                high,
                low,
                None if of_code is None else functional.pad(of_code, (0, 0, 0, idle)).contiguous(),
                None if of_plain is None else functional.pad(of_plain, (0, 0, 0, idle)).contiguous(),
                embedded,
                norm,
            )
        )
    weight, bias = _parameters(decoder, config.layers)
    of_hidden = functional.pad(weight[:, :past], (0, past_padded - past)).contiguous()
    high, low = tensor_cores.split(of_hidden) if products == "split" else (of_hidden, None)
    if products == "half" and device.type == "cuda":
        high = functional.pad(of_hidden, (0, 0, 0, _padded(len(bias)) - len(bias))).to(dtype)
    of_plain = weight[:, past:].contiguous() if config.xyz_in_all else None
    bands = 2.0 ** torch.arange(config.frequencies, device=weight.device, dtype=torch.float32)
    last = Layer(bias, high, low, None, of_plain, False, None)
    return Weights(dtype, layers, last, bands, embedding_width, version, lasting)


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


def _linear(inputs: Tensor, layer: Layer, bias: Tensor, relu: bool = True) -> Tensor:
    """``inputs @ weight.T + bias``, with ``relu`` in the same kernel where the library has one.

    The operators are those that PyTorch itself calls when it fuses layers (nn.TransformerEncoderLayer, torch.compile).
    """
    weight = layer.weight
    if layer.low is not None:
        return tensor_cores.linear(inputs, weight, layer.low, bias, relu)
    if inputs.is_cuda and relu:  # bias and relu end the matrix product: one pass through memory instead of three
        return torch._addmm_activation(bias, inputs, weight.t())
    if _onednn(inputs):  # functional.linear calls MKL in float32, several times slower on processors of other makers
        value: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "relu" if relu else "none", [], "")
        return value
    value = functional.linear(inputs, weight, bias)
    return value.relu_() if relu else value


def _of_plain(points: Tensor, weight: Tensor) -> Tensor:
    """``points @ weight.T``, (P, outputs), whose last bits on a GPU do not depend on how many points there are."""
    if not points.is_cuda:
        return functional.linear(points, weight)
    x, y, z = points.split(1, dim=1)
    return x * weight[:, 0] + y * weight[:, 1] + z * weight[:, 2]


def _last_linear(hidden: Tensor, last: Layer) -> Tensor:
    """What the last layer gives (P, outputs) in float32, whatever ``hidden`` (P, inputs) is."""
    if hidden.dtype == last.weight.dtype == torch.float32:
        return _linear(hidden, last, last.bias, relu=False)
    if hidden.dtype == last.weight.dtype:  # the sums are float32
        return torch.mm(hidden, last.weight.t(), out_dtype=torch.float32)[:, : len(last.bias)] + last.bias
    return _linear(hidden.float(), last, last.bias, relu=False)


def _onednn(inputs: Tensor) -> bool:
    if inputs.is_cuda or not torch.backends.mkldnn.is_available():
        return False
    return inputs.dtype == torch.float32 or bfloat16_is_fast(inputs.device)
