"""The published way to train (Palafox et al. 2021), written to be read: what `training.py` measures against.

The code is concatenated to every point, weight normalisation is that of PyTorch, all arithmetic is in float32 without
graphs or compilation, batches are a few identities or frames with many points each, and Adam updates networks and whole
code books. Loaders are left out: samples come from the caller.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.networks.decoder import DecoderConfig
from engine.models.networks.positional_encoding import PI

NETWORK_RATE, CODES_RATE = 5e-4, 1e-3
CLAMP = 0.1
CODE_WEIGHT, CODE_WEIGHT_EPOCHS = 1e-4, 100


@dataclass(frozen=True)
class PublishedStage:
    """Batches and lengths of one stage."""

    rows: int
    """Identities or frames of a batch."""
    epochs: int
    halving: int
    """Epochs between two halvings of the learning rates."""
    points: int = 50_000
    """Of each row."""


SHAPE = PublishedStage(rows=4, epochs=4000, halving=500)
POSE = PublishedStage(rows=2, epochs=200, halving=30)


class ReferenceDecoder(nn.Module):
    """The network of both stages; the names of its parameters are those of `engine.models.networks.decoder.Decoder`."""

    def __init__(self, code_size: int, outputs: int, config: DecoderConfig) -> None:
        super().__init__()
        self.code_size, self.config = code_size, config
        embedded = code_size + config.point_width
        before = embedded
        for index in range(config.layers):
            if index == config.skip_layer:
                before += embedded
            shrink = index + 1 == config.skip_layer and not config.full_width_skip
            after = config.width - (embedded if shrink else 0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # PyTorch has a newer one; this one was used
                self.add_module(f"lin{index}", nn.utils.weight_norm(nn.Linear(before, after)))
            before = after
        self.add_module(f"lin{config.layers}", nn.Linear(before, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, outputs) of the last layer for ``inputs`` (N, C + 3): the code, then the canonical point."""
        encoded = encode(inputs[:, self.code_size :], self.config.frequencies)
        embedded = torch.cat((inputs[:, : self.code_size], encoded), dim=1)
        hidden = embedded
        for index in range(self.config.layers):
            if index == self.config.skip_layer:
                hidden = torch.cat((hidden, embedded), dim=1)
            hidden = self.get_submodule(f"lin{index}")(hidden).relu()
        return self.get_submodule(f"lin{self.config.layers}")(hidden)


def encode(points: Tensor, frequencies: int) -> Tensor:
    """Positional encoding (N, 3 + 6 L) of points (N, 3), all bands open."""
    scaled = points * PI
    parts = [scaled]
    for band in range(frequencies):
        parts += [torch.sin(scaled * 2.0**band), torch.cos(scaled * 2.0**band)]
    return torch.cat(parts, dim=1)


def with_codes(codes: Tensor, points: Tensor) -> Tensor:
    """Inputs (B P, C + 3) of the network: ``codes`` (B, C) repeated for each of their ``points`` (B, P, 3)."""
    repeated = codes[:, None].expand(-1, points.shape[1], -1)
    return torch.cat((repeated, points), dim=2).flatten(0, 1)


def signed_distance(decoder: ReferenceDecoder, codes: Tensor, points: Tensor) -> Tensor:
    """(B, P) for shape codes (B, Cs) and points (B, P, 3)."""
    return decoder(with_codes(codes, points)).tanh().view(points.shape[:2])


def posed_points(decoder: ReferenceDecoder, codes: Tensor, points: Tensor) -> Tensor:
    """Posed positions (B, P, 3) for shape and pose codes (B, Cs + Cp) and canonical points (B, P, 3)."""
    return points + decoder(with_codes(codes, points)).view(points.shape)


def shape_loss(decoder: ReferenceDecoder, codes: Tensor, samples: tuple[Tensor, ...]) -> Tensor:
    """Mean absolute difference of clamped distances; samples are points (B, P, 3) and signed distances (B, P)."""
    points, distances = samples
    predicted = signed_distance(decoder, codes, points)
    return (predicted.clamp(-CLAMP, CLAMP) - distances.clamp(-CLAMP, CLAMP)).abs().mean()


def pose_loss(decoder: ReferenceDecoder, codes: Tensor, samples: tuple[Tensor, ...]) -> Tensor:
    """Half the mean squared distance; samples are canonical and posed points (B, P, 3)."""
    canonical, posed = samples
    return 0.5 * (posed_points(decoder, codes, canonical) - posed).square().sum(dim=-1).mean()


class ReferenceTraining:
    """One stage of training, a step at a time."""

    def __init__(
        self,
        decoder: ReferenceDecoder,
        book: Tensor,
        loss: Callable[[ReferenceDecoder, Tensor, tuple[Tensor, ...]], Tensor],
        published: PublishedStage,
        shape_codes: Tensor | None = None,
    ) -> None:
        """
        Args:
            book: (N, C) the codes that are learned.
            shape_codes: (N, Cs) fixed codes that stand before them in the input, in the pose stage.
        """
        self.decoder, self.loss, self.published, self.shape_codes = decoder, loss, published, shape_codes
        self.book = nn.Parameter(book)
        self.optimiser = torch.optim.Adam(
            [
                {"params": list(decoder.parameters()), "lr": NETWORK_RATE},
                {"params": [self.book], "lr": CODES_RATE},
            ]
        )

    def codes(self, rows: Tensor) -> Tensor:
        """What the network is given for ``rows`` (B,): (B, C) or (B, Cs + C)."""
        learned = self.book[rows]
        return learned if self.shape_codes is None else torch.cat((self.shape_codes[rows], learned), dim=1)

    def step(self, epoch: float, rows: Tensor, samples: tuple[Tensor, ...]) -> None:
        """Descend on ``samples`` of ``rows`` (B,), with the learning rates and the code weight of ``epoch``."""
        factor = 0.5 ** (epoch // self.published.halving)
        for group, rate in zip(self.optimiser.param_groups, (NETWORK_RATE, CODES_RATE), strict=True):
            group["lr"] = rate * factor
        self.optimiser.zero_grad()
        prior = CODE_WEIGHT * min(1.0, epoch / CODE_WEIGHT_EPOCHS) * self.book[rows].square().mean()
        (self.loss(self.decoder, self.codes(rows), samples) + prior).backward()
        self.optimiser.step()


def initial_codes(rows: int, size: int, seed: int, device: torch.device) -> Tensor:
    """(rows, size) normal, with a standard deviation of 1 / size."""
    return (torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)) / size).to(device)
