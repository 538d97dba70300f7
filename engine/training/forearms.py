"""Forearms in training: what a camera sees of an arm, where the registered meshes of hands end at the wrist."""

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.geometry.rigid_alignment import rigid_alignment
from engine.training.flow_samples import FlowSampler
from engine.training.posed_bodies import PosedBodies

NUMBERS = 4
"""Normally distributed random numbers behind each forearm."""
_END_VERTICES = 16
"""Lowest ones in the canonical pose, where a hand ends."""
_SIDES = 12
_LENGTH = 0.8
"""Canonical units: beyond the crop."""
_BEND = 0.25
"""Standard deviation of the angles in the wrist beside that of the mesh, radians."""


class Forearms:
    """Where the hands of all N frames of a dataset end, and how they are turned there."""

    def __init__(self, sampler: FlowSampler) -> None:
        starts = sampler.first_canonical.tolist()
        ends = [*starts[1:], len(sampler.canonical)]
        hands = [sampler.canonical[start:end] for start, end in zip(starts, ends, strict=True)]
        lowest = [hand[:, 1].topk(min(_END_VERTICES, len(hand)), largest=False).indices for hand in hands]
        at_rest = torch.stack([hand[rows] for hand, rows in zip(hands, lowest, strict=True)])
        rows = torch.stack(lowest)[sampler.identity_of_frame] + sampler.first_posed[:, None]
        posed = sampler.posed[rows].float()
        of_frames = at_rest[sampler.identity_of_frame]
        self._rotations, _ = rigid_alignment(of_frames, posed, torch.ones_like(of_frames[..., 0]))
        self._middles = posed.mean(1)
        self._radii = (of_frames.amax(1) - of_frames.amin(1))[:, ::2] / 2  # across and along z

    def added(self, bodies: PosedBodies, frames: Tensor, present: Tensor, normal: Tensor) -> PosedBodies:
        """``bodies``, and after them the forearms of ``frames`` (B,), without a canonical place.

        Each is an elliptic tube from the wrist on, as wide as that or as a sleeve, and wider towards the elbow.

        Args:
            present: (B,) bool; other forearms have no size
            normal: (B, 4) standard normal
        """
        device, count = frames.device, len(frames)
        angles = 2 * math.pi * torch.arange(_SIDES, device=device) / _SIDES
        sleeve = 0.95 + 0.2 * normal[:, 2:3].abs()
        across, depth = (self._radii[frames] * sleeve)[:, None].unbind(2)
        wrist = torch.stack((across * angles.cos(), torch.zeros_like(across * angles), depth * angles.sin()), dim=2)
        along = torch.stack((_BEND * normal[:, 0], -torch.ones_like(normal[:, 0]), _BEND * normal[:, 1]), dim=1)
        elbow = wrist * (1.1 + 0.3 * normal[:, 3].abs())[:, None, None]
        elbow = elbow + _LENGTH * functional.normalize(along, dim=1)[:, None]
        tubes = torch.cat((wrist, elbow), dim=1) @ self._rotations[frames].transpose(1, 2) * present[:, None, None]
        vertices = (tubes + self._middles[frames, None]).flatten(0, 1)
        faces, each = _tube_faces(device), 2 * _SIDES
        which = torch.arange(count, device=device)
        triangles = faces + (len(bodies.vertices) + each * which)[:, None, None]
        first = bodies.count
        return dataclasses.replace(
            bodies,
            vertices=torch.cat((bodies.vertices, vertices)),
            canonical=torch.cat((bodies.canonical, torch.zeros_like(vertices))),
            faces=torch.cat((bodies.faces, triangles.flatten(0, 1))),
            body_of_vertex=torch.cat((bodies.body_of_vertex, first + which.repeat_interleave(each))),
            body_of_face=torch.cat((bodies.body_of_face, first + which.repeat_interleave(len(faces)))),
            count=first + count,
        )


def _tube_faces(device: torch.device) -> Tensor:
    """Triangles (T, 3) between two rings, one after the other."""
    this = torch.arange(_SIDES, device=device)
    following = (this + 1) % _SIDES
    lower = torch.stack((this, following, this + _SIDES), dim=1)
    upper = torch.stack((following, following + _SIDES, this + _SIDES), dim=1)
    return torch.cat((lower, upper))
