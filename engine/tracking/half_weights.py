"""A decoder whose hidden layers keep their weights in bfloat16, instead of rounding them in every pass."""

import copy
from dataclasses import replace

import torch

from engine.methods.npm.variables import FittedModel
from engine.models.networks.decoder import PoseDecoder


def with_half_weights(fitted: FittedModel) -> FittedModel:
    """``fitted`` with a pose decoder that is evaluated as before, to the last bit; as it is where it is not halved."""
    decoder = fitted.model.pose_decoder
    if not fitted.half or decoder is None:
        return fitted
    return replace(fitted, model=replace(fitted.model, pose_decoder=_halved(decoder)))


@torch.no_grad()
def _halved(decoder: PoseDecoder) -> PoseDecoder:
    """Layers that see a code or that put out what is meant in full precision are left."""
    halved, config = copy.deepcopy(decoder), decoder.config
    for index in range(config.layers):
        if index not in (0, config.skip_layer):
            halved.layer(index).to(torch.bfloat16)
    return halved
