"""The multilayer perceptron that both decoders share (DeepSDF trunk, Park et al. 2019, with positional encoding)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.networks.positional_encoding import encode_points, encoding_width


@dataclass(frozen=True)
class DecoderConfig:
    """Size of a decoder."""

    width: int = 512
    """Units of each hidden layer."""
    layers: int = 8
    """Number of hidden layers."""
    skip_layer: int = 4
    """Index of the layer that sees the embedded input a second time."""
    full_width_skip: bool = False
    """Keep the layer before the skip at full width instead of shrinking it by the input's width."""
    frequencies: int = 8
    """Bands of the positional encoding."""
    weight_norm: bool = True
    """Weight normalisation of the hidden layers."""

    def check(self, code_size: int) -> None:
        """Raise ValueError, saying why, when no decoder for codes of ``code_size`` can have these sizes."""
        embedded = code_size + encoding_width(self.frequencies)
        if self.width < 1 or self.layers < 2 or self.frequencies < 0:
            raise ValueError(
                f"width {self.width}, layers {self.layers} and frequencies {self.frequencies} are too small"
            )
        if not 0 < self.skip_layer < self.layers:
            raise ValueError(f"skip_layer {self.skip_layer} is not inside the {self.layers} hidden layers")
        if not self.full_width_skip and self.width <= embedded:
            raise ValueError(f"width {self.width} leaves no room for a skip of {embedded}; set full_width_skip")


class WeightNormLinear(nn.Module):
    """Linear layer with weight normalisation, ``W = g v / |v|`` by rows (Salimans and Kingma 2016).

    Parameter names are those of the published checkpoints.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        plain = nn.Linear(inputs, outputs)
        self.bias = nn.Parameter(plain.bias.detach().clone())
        self.weight_g = nn.Parameter(plain.weight.detach().norm(dim=1, keepdim=True))
        self.weight_v = nn.Parameter(plain.weight.detach().clone())

    @property
    def weight(self) -> Tensor:
        """(outputs, inputs)"""
        return self.weight_v * (self.weight_g / self.weight_v.norm(dim=1, keepdim=True))


class Decoder(nn.Module):
    """Maps a code and points to ``outputs`` numbers per point.

    The code enters the first and the skip layer only. It is the same for all points of a row, so its part of these
    two products is computed once per row and added as a bias; this equals concatenating the code to every point.
    """

    def __init__(self, code_size: int, outputs: int, config: DecoderConfig) -> None:
        super().__init__()
        self.code_size, self.outputs, self.config = code_size, outputs, config
        embedded = code_size + encoding_width(config.frequencies)
        config.check(code_size)
        hidden = WeightNormLinear if config.weight_norm else nn.Linear
        before = embedded
        for index in range(config.layers):
            if index == config.skip_layer:
                before += embedded
            after = config.width
            if index + 1 == config.skip_layer and not config.full_width_skip:
                after -= embedded
            self.add_module(f"lin{index}", hidden(before, after))
            before = after
        self.add_module(f"lin{config.layers}", nn.Linear(before, outputs))

    def layer(self, index: int) -> nn.Module:
        """Layer ``index``; the last one is ``config.layers``."""
        return self.get_submodule(f"lin{index}")

    def forward(self, codes: Tensor, points: Tensor, half: bool = False) -> Tensor:
        """Evaluate points of several codes at once.

        Args:
            codes: (B, C)
            points: (B, P, 3), canonical
            half: run the hidden layers in bfloat16; encoding, codes' sum and last layer stay in float32.

        Returns:
            (B, P, outputs) float32, before any output non-linearity.
        """
        assert codes.ndim == 2 and codes.shape[1] == self.code_size, codes.shape
        assert points.ndim == 3 and points.shape[0] == codes.shape[0] and points.shape[2] == 3, points.shape
        embedding = encode_points(points, self.config.frequencies)  # (B, P, E)
        # matrix products on a GPU want inner sizes that are multiples of eight
        padding = -embedding.shape[-1] % 8 if half else 0
        embedding = functional.pad(embedding, (0, padding))
        with torch.autocast(points.device.type, torch.bfloat16, enabled=half):
            hidden = embedding
            for index in range(self.config.layers):
                layer = self.layer(index)
                weight = layer.weight
                assert isinstance(weight, Tensor) and isinstance(layer.bias, Tensor)
                if index in (0, self.config.skip_layer):
                    past = 0 if index == 0 else hidden.shape[-1]
                    point_weight = functional.pad(weight[:, past + self.code_size :], (0, padding))
                    code_weight = weight[:, past : past + self.code_size]
                    row = functional.linear(codes, code_weight, layer.bias)[:, None]  # (B, 1, width)
                    value = functional.linear(embedding, point_weight) + row
                    if past:
                        value = value + functional.linear(hidden, weight[:, :past])
                else:
                    value = functional.linear(hidden, weight, layer.bias)
                hidden = functional.relu(value)
        last = self.layer(self.config.layers)
        assert isinstance(last, nn.Linear)
        with torch.autocast(points.device.type, enabled=False):
            return functional.linear(hidden.float(), last.weight, last.bias)


class ShapeDecoder(Decoder):
    """Shape code and canonical point to signed distance (negative inside), squashed by tanh."""

    def __init__(self, code_size: int, config: DecoderConfig) -> None:
        super().__init__(code_size, 1, config)

    def forward(self, codes: Tensor, points: Tensor, half: bool = False) -> Tensor:
        """Signed distance (B, P) at ``points`` (B, P, 3) for ``codes`` (B, C); arguments as in `Decoder.forward`."""
        return super().forward(codes, points, half)[..., 0].tanh()


class PoseDecoder(Decoder):
    """Shape code, pose code and canonical point to a displacement."""

    def __init__(self, shape_code_size: int, pose_code_size: int, config: DecoderConfig) -> None:
        super().__init__(shape_code_size + pose_code_size, 3, config)
        self.shape_code_size, self.pose_code_size = shape_code_size, pose_code_size
