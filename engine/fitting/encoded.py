"""What encoders make of observed frames: first guesses of codes."""

import torch
from torch import Tensor

from engine.fitting.observations import Observations
from engine.networks.encoder import VoxelEncoder

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
    """Occupied nodes (F, R, R, R) bool, as `engine.prepare.view_grids.occupancy_grid`, from the reduced maps."""
    points = observations.maps[..., :3]  # (F, h, w, 3)
    nodes = torch.round((points + 0.5) * (resolution - 1)).long()
    seen = ((nodes >= 0) & (nodes < resolution)).all(dim=-1) & (observations.depth > 0)
    frame = torch.arange(len(points), device=points.device)[:, None, None].expand(seen.shape)[seen]
    occupied = torch.zeros((len(points), *(resolution,) * 3), dtype=torch.bool, device=points.device)
    occupied[(frame, *nodes[seen].unbind(-1))] = True
    return occupied
