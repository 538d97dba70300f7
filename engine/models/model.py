"""The neural parametric model: two decoders and the codes learned with them."""

from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from engine.models.labels import ModelInfo
from engine.models.networks.coordinates import CoordinateNetwork
from engine.models.networks.decoder import PoseDecoder, ShapeDecoder
from engine.models.networks.encoder import VoxelEncoder

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class NeuralParametricModel:
    """A learned model; everything that meshes, fits or shows takes one of these.

    The pose part is None after the shape stage of training.
    """

    info: ModelInfo
    shape_decoder: ShapeDecoder
    shape_codes: Tensor
    """(I, Cs), one per training identity."""
    pose_decoder: PoseDecoder | None = None
    pose_codes: Tensor | None = None
    """(N, Cp), one per training frame."""
    shape_encoder: VoxelEncoder | None = None
    """From what a camera saw to a first guess of the shape code."""
    pose_encoder: VoxelEncoder | None = None
    coordinate_network: CoordinateNetwork | None = None
    """From what a camera sees to canonical coordinates, pixel by pixel."""

    def __post_init__(self) -> None:
        assert self.shape_codes.ndim == 2 and self.shape_codes.shape[1] == self.shape_decoder.code_size
        assert len(self.info.identities) == len(self.shape_codes)
        assert len(self.info.identity_datasets) in (0, len(self.shape_codes))
        if self.pose_codes is not None:
            assert self.pose_decoder is not None
            assert self.pose_codes.ndim == 2 and self.pose_codes.shape[1] == self.pose_decoder.pose_code_size
            assert len(self.info.frames) == len(self.pose_codes)
        if self.shape_encoder is not None:
            assert self.shape_encoder.config.code_size == self.shape_decoder.code_size
        if self.pose_encoder is not None:
            assert self.pose_decoder is not None
            assert self.pose_encoder.config.code_size == self.pose_decoder.pose_code_size

    @property
    def device(self) -> torch.device:
        return self.shape_codes.device

    @property
    def has_pose(self) -> bool:
        return self.pose_decoder is not None and self.pose_codes is not None and len(self.pose_codes) > 0

    @property
    def may_have_sides(self) -> bool:
        """Whether it may be of one side, as hands are; its network would say so."""
        return self.coordinate_network is None or self.coordinate_network.config.sides

    def to(self, device: torch.device | str) -> "NeuralParametricModel":
        """The same model on ``device``, frozen and in evaluation mode (modules are moved, not copied)."""
        return replace(
            self,
            shape_decoder=_frozen(self.shape_decoder, device),
            shape_codes=self.shape_codes.detach().to(device),
            pose_decoder=None if self.pose_decoder is None else _frozen(self.pose_decoder, device),
            pose_codes=None if self.pose_codes is None else self.pose_codes.detach().to(device),
            shape_encoder=None if self.shape_encoder is None else _frozen(self.shape_encoder, device),
            pose_encoder=None if self.pose_encoder is None else _frozen(self.pose_encoder, device),
            coordinate_network=None if self.coordinate_network is None else _frozen(self.coordinate_network, device),
        )

    def sdf(self, shape_codes: Tensor, points: Tensor, half: bool = False) -> Tensor:
        """Signed distance (B, P), negative inside, for ``shape_codes`` (B, Cs) at canonical ``points`` (B, P, 3)."""
        return self.shape_decoder(shape_codes, points, half)

    def pose(self, shape_codes: Tensor, pose_codes: Tensor, points: Tensor, half: bool = False) -> Tensor:
        """Posed positions (B, P, 3) of canonical ``points`` (B, P, 3).

        Args:
            shape_codes: (B, Cs)
            pose_codes: (B, Cp)
            points: (B, P, 3), or (1, P, 3) for all codes alike
            half: hidden layers in bfloat16
        """
        assert self.pose_decoder is not None, "this model has no pose decoder"
        codes = torch.cat((shape_codes, pose_codes), dim=1)
        return points + self.pose_decoder(codes, points, half)

    def frames_of(self, identity: int) -> list[int]:
        """Rows of ``pose_codes`` that belong to ``identity``, in training order."""
        return self.info.frames_of(identity)


def _frozen(module: Module, device: torch.device | str) -> Module:
    return module.to(device).eval().requires_grad_(False)
