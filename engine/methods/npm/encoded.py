"""What encoders make of observed frames: first guesses of codes."""

import torch
from torch import Tensor

from engine.dataset.preparation.view_grids_torch import occupied_nodes
from engine.methods.npm.observations import Observations
from engine.models.networks.encoder import VoxelEncoder

_FRAMES_AT_ONCE = 16


@torch.no_grad()
def encode_frames(encoder: VoxelEncoder, observations: Observations) -> Tensor:
    """Code (F, C) of each frame alone."""
    frames = torch.arange(len(observations))
    parts = [
        encoder(observed_occupancy(observations.at(part), encoder.config.resolution))
        for part in frames.split(_FRAMES_AT_ONCE)
    ]
    return torch.cat(parts)


def observed_occupancy(observations: Observations, resolution: int) -> Tensor:
    """Occupied nodes (F, R, R, R) bool of the subject, as `engine.training.encoder_inputs` makes them."""
    return occupied_nodes(observations.point_maps(), observations.subject, resolution)
