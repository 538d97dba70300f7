"""The multilayer perceptron that both decoders share (DeepSDF trunk, Park et al. 2019, with positional encoding)."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.networks.positional_encoding import encode_points, encoding_width
from engine.models.networks.rigid_motion import PARAMETERS, rigid_displacement

_NEAR_ZERO = 1e-5


@dataclass(frozen=True)
class DecoderConfig:
    """Size and kind of a decoder."""

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
    layer_norm: bool = False
    """Layer normalisation of the hidden layers, instead of weight normalisation."""
    positional_encoding: bool = True
    """Encode points; off: the network sees their plain coordinates and ``frequencies`` says nothing."""
    xyz_in_all: bool = False
    """Append the plain coordinates to the input of every layer but the first and the skip."""
    dropout: float = 0.0
    """Probability of dropping a hidden unit while training."""
    latent_dropout: float = 0.0
    """Probability of dropping an entry of a code while training, for all points of a row alike (published: 0.2)."""
    tanh: bool = True
    """Squash the signed distance by tanh, as the published decoder always does; says nothing in a pose decoder."""
    se3: bool = False
    """Move each point by a rigid motion instead of a translation; says nothing in a shape decoder."""

    @property
    def point_width(self) -> int:
        """Channels of an embedded point."""
        return encoding_width(self.frequencies) if self.positional_encoding else 3

    def check(self, code_size: int) -> None:
        """Raise ValueError, saying why, when no decoder for codes of ``code_size`` can be like this."""
        embedded = code_size + self.point_width
        if self.width < 1 or self.layers < 2 or self.frequencies < 0:
            raise ValueError(
                f"width {self.width}, layers {self.layers} and frequencies {self.frequencies} are too small"
            )
        if not 0 < self.skip_layer < self.layers:
            raise ValueError(f"skip_layer {self.skip_layer} is not inside the {self.layers} hidden layers")
        if not self.full_width_skip and self.width <= embedded:
            raise ValueError(f"width {self.width} leaves no room for a skip of {embedded}; set full_width_skip")
        if self.xyz_in_all and self.width <= 3:
            raise ValueError(f"width {self.width} leaves no room for xyz_in_all")
        if self.weight_norm and self.layer_norm:
            raise ValueError("weight_norm and layer_norm exclude each other")
        if not (0 <= self.dropout < 1 and 0 <= self.latent_dropout < 1):
            raise ValueError(f"dropout {self.dropout} and latent_dropout {self.latent_dropout} must be in [0, 1)")


class WeightNormLinear(nn.Module):
    """Linear layer with weight normalisation, ``W = g v / |v|`` by rows (Salimans and Kingma 2016).

    Parameter names are those of the published checkpoints.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        plain = nn.Linear(inputs, outputs)
        self.bias = nn.Parameter(plain.bias.detach().clone())
        # on the meta device a norm is Python code of TorchDynamo, which takes a second to import
        lengths = plain.weight.new_empty(outputs, 1) if plain.weight.is_meta else plain.weight.norm(dim=1, keepdim=True)
        self.weight_g = nn.Parameter(lengths.detach())
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

    def __init__(self, code_size: int, outputs: int, config: DecoderConfig, raw_outputs: int | None = None) -> None:
        """
        Args:
            raw_outputs: units of the last layer, where `finish` makes something else of them.
        """
        super().__init__()
        self.code_size, self.outputs, self.config = code_size, outputs, config
        config.check(code_size)
        embedded = code_size + config.point_width
        hidden = WeightNormLinear if config.weight_norm else nn.Linear
        before = embedded
        for index in range(config.layers):
            if index == config.skip_layer:
                before += embedded
            elif index and config.xyz_in_all:
                before += 3
            after = config.width
            if index + 1 == config.skip_layer:
                after -= 0 if config.full_width_skip else embedded
            elif config.xyz_in_all:
                after -= 3
            self.add_module(f"lin{index}", hidden(before, after))
            if config.layer_norm:
                self.add_module(f"bn{index}", nn.LayerNorm(after))
            before = after
        if config.xyz_in_all:
            before += 3
        self.add_module(f"lin{config.layers}", nn.Linear(before, outputs if raw_outputs is None else raw_outputs))

    def layer(self, index: int) -> nn.Linear:
        """Layer ``index``; the last one is ``config.layers``."""
        return cast(nn.Linear, self.get_submodule(f"lin{index}"))

    def forward(
        self,
        codes: Tensor,
        points: Tensor,
        half: bool = False,
        alpha: float | Tensor | None = None,
        depth: float | Tensor | None = None,
    ) -> Tensor:
        """Evaluate points of several codes at once.

        Args:
            codes: (B, C)
            points: (B, P, 3), canonical
            half: run the hidden layers in bfloat16; encoding, plain coordinates and last layer stay in float32.
            alpha: how many bands of the positional encoding are open (`encode_points`); None: all.
            depth: how many hidden layers are in use (`engine.models.networks.curriculum`); None: all. Of 6.25, seven
                layers are in use and the seventh is mixed with its input, one part to three.

        Returns:
            (B, P, outputs) float32
        """
        return self.finish(self.raw(codes, points, half, alpha, depth), points)

    def code_weight(self, index: int) -> Tensor:
        """Weight (width, C) of the code in layer ``index``, the first or the skip layer."""
        weight = self.layer(index).weight
        past = 0 if index == 0 else weight.shape[1] - self.code_size - self.config.point_width
        return weight[:, past : past + self.code_size]

    def code_biases(self, codes: Tensor, half: bool = False) -> tuple[Tensor, Tensor]:
        """What ``codes`` (B, C) add to the first and to the skip layer, with their biases: (B, width) each."""
        first, skip = (
            functional.linear(codes, self.code_weight(index), self.layer(index).bias)
            for index in (0, self.config.skip_layer)
        )
        return (first.bfloat16(), skip.bfloat16()) if half else (first, skip)

    def raw(
        self,
        codes: Tensor,
        points: Tensor,
        half: bool = False,
        alpha: float | Tensor | None = None,
        depth: float | Tensor | None = None,
        biases: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """The last layer's (B, P, raw outputs) float32; arguments as in `forward`.

        Args:
            points: (B, P, 3), or (1, P, 3) for all codes alike, which costs less.
            biases: of each point (B, P, width), instead of those that `code_biases` makes of the codes.
        """
        assert codes.ndim == 2 and codes.shape[1] == self.code_size, codes.shape
        assert points.ndim == 3 and points.shape[0] in (1, len(codes)) and points.shape[2] == 3, points.shape
        config = self.config
        codes = functional.dropout(codes, config.latent_dropout, self.training)
        embedding = self.embed(points, alpha)  # (B, P, E)
        # matrix products on a GPU want inner sizes that are multiples of eight
        padding = -embedding.shape[-1] % 8 if half else 0
        embedding = functional.pad(embedding, (0, padding))
        idle = 0  # units that were added to the layer before the skip for the same reason: always zero
        # bfloat16 would move plain coordinates by a thousandth; the high bands of the encoding make up for that
        half_points = half and config.positional_encoding
        device = points.device.type
        with torch.autocast(device, torch.bfloat16, enabled=half):
            hidden = embedding
            for index in range(config.layers):
                # how much of this layer is in use; the layers up to the skip always are
                fraction = None if depth is None or index <= config.skip_layer else depth - index
                if isinstance(fraction, float | int) and fraction <= 0:
                    break
                layer = self.layer(index)
                weight = layer.weight
                assert isinstance(weight, Tensor) and isinstance(layer.bias, Tensor)
                past = 0 if index == 0 else hidden.shape[-1] - idle
                if index in (0, config.skip_layer):
                    point_weight = functional.pad(weight[:, past + self.code_size :], (0, padding))
                    if biases is None:
                        code_weight = weight[:, past : past + self.code_size]
                        value = functional.linear(codes, code_weight, layer.bias)[:, None]  # (B, 1, width)
                    else:
                        value = biases[min(index, 1)]
                    with torch.autocast(device, torch.bfloat16, enabled=half_points):
                        value = functional.linear(embedding, point_weight) + value
                    if past:
                        value = value + functional.linear(hidden, functional.pad(weight[:, :past], (0, idle)))
                    idle = 0
                else:
                    bias: Tensor = layer.bias
                    past_weight = weight[:, :past]
                    if half and index + 1 == config.skip_layer and not (config.layer_norm or config.xyz_in_all):
                        idle = -len(bias) % 8
                        bias, past_weight = (
                            functional.pad(bias, (0, idle)),
                            functional.pad(past_weight, (0, 0, 0, idle)),
                        )
                    value = functional.linear(hidden, past_weight, bias)
                    if config.xyz_in_all:
                        value = value + _of_plain(points, weight[:, past:])
                if config.layer_norm:
                    value = self.get_submodule(f"bn{index}")(value)
                if fraction is not None:
                    value = _mixed(hidden, value, fraction)
                hidden = functional.dropout(functional.relu(value), config.dropout, self.training)
        last = self.layer(config.layers)
        assert isinstance(last, nn.Linear)
        with torch.autocast(device, enabled=False):
            if config.xyz_in_all:
                hidden = torch.cat((hidden.to(points.dtype), points.expand(len(hidden), -1, -1)), dim=-1)
            return functional.linear(hidden.to(last.weight.dtype), last.weight, last.bias)

    def embed(self, points: Tensor, alpha: float | Tensor | None = None) -> Tensor:
        """What the network sees (..., E) of canonical ``points`` (..., 3)."""
        return encode_points(points, self.config.frequencies, alpha) if self.config.positional_encoding else points

    def finish(self, raw: Tensor, points: Tensor) -> Tensor:
        """Outputs (..., outputs) of the last layer's ``raw`` (..., raw outputs) at canonical ``points`` (..., 3)."""
        return raw


class ShapeDecoder(Decoder):
    """Shape code and canonical point to signed distance (negative inside)."""

    def __init__(self, code_size: int, config: DecoderConfig) -> None:
        super().__init__(code_size, 1, config)

    def forward(
        self,
        codes: Tensor,
        points: Tensor,
        half: bool = False,
        alpha: float | Tensor | None = None,
        depth: float | Tensor | None = None,
    ) -> Tensor:
        """Signed distance (B, P) at ``points`` (B, P, 3) for ``codes`` (B, C); arguments as in `Decoder.forward`."""
        return super().forward(codes, points, half, alpha, depth)[..., 0]

    def finish(self, raw: Tensor, points: Tensor) -> Tensor:
        """Signed distance (..., 1)."""
        return raw.tanh() if self.config.tanh else raw


class PoseDecoder(Decoder):
    """Shape code, pose code and canonical point to a displacement (B, P, 3).

    Decoders with ``se3`` put out rigid motions, whose displacement is returned; they start near the identity.
    """

    def __init__(self, shape_code_size: int, pose_code_size: int, config: DecoderConfig) -> None:
        super().__init__(shape_code_size + pose_code_size, 3, config, PARAMETERS if config.se3 else 3)
        self.shape_code_size, self.pose_code_size = shape_code_size, pose_code_size
        if config.se3:
            # of the bias too: with the usual one, the first motions turn everything by up to a radian
            for parameter in self.layer(config.layers).parameters():
                nn.init.uniform_(parameter, -_NEAR_ZERO, _NEAR_ZERO)

    def finish(self, raw: Tensor, points: Tensor) -> Tensor:
        """Displacement (..., 3)."""
        return rigid_displacement(raw, points) if self.config.se3 else raw


def _of_plain(points: Tensor, weight: Tensor) -> Tensor:
    """Part (B, P, W) that coordinates (B, P, 3) add to a layer by its ``weight`` (W, 3), in float32."""
    with torch.autocast(points.device.type, enabled=False):
        return functional.linear(points, weight.float())


def _mixed(before: Tensor, after: Tensor, fraction: float | Tensor) -> Tensor:
    """``after`` where ``fraction`` is one or more, ``before`` where it is zero or less."""
    if isinstance(fraction, Tensor):
        return before + fraction.clamp(0, 1) * (after - before)
    return after if fraction >= 1 else before + fraction * (after - before)
