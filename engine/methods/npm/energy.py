"""The data terms of a fit: how far posed surface points are from what the camera saw."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from engine.methods.npm.config import FitConfig
from engine.methods.npm.observations import Observations

PLANE_SOFTNESS = 0.004
"""Below this distance point-to-plane terms are quadratic, above it linear; canonical units."""
POINT_SOFTNESS = 0.02
"""The same for point-to-point terms, which are longer: half of the gate, within which partners may be wrong."""
NORMAL_WEIGHT = 0.03
"""Canonical units that a unit difference of normals counts as when partners are chosen."""
VISIBLE_BAND = 0.02
"""Model points farther behind the observed surface than this are hidden and say nothing."""
SILHOUETTE_SLACK = 1.0
"""Pixels beside the silhouette that cost nothing: half of one for its rounding, half for that of the projection."""
_NOT_ALLOWED = 1e3
"""Squared canonical units that a model point which faces away counts as farther: more than any in the cube."""
_UNKNOWN_NORMAL = 0.5
"""Squared length between that of a unit normal and the zero that stands for an unknown one."""
_SMALLEST_SQUARE = 1e-12
"""Under a root, where its gradient would be infinite."""


@dataclass(frozen=True, eq=False)
class DataTerms:
    """Mean terms per frame, each (F,)."""

    observed: Tensor
    projective: Tensor
    free_space: Tensor

    def per_frame(self, config: FitConfig) -> Tensor:
        """Weighted sum (F,)."""
        return self.observed + config.projective_weight * self.projective + config.free_space_weight * self.free_space


def data_terms(
    observations: Observations,
    frames: Tensor,
    picks: Tensor,
    posed: Tensor,
    normals: Tensor,
    config: FitConfig,
    point_pull: float = 0.0,
) -> DataTerms:
    """The three data terms of posed surface points.

    * observed: each observed point against its nearest front-facing model point (distance in position and normal),
      point to plane along the observed normal, plus ``point_pull`` times point to point: a start far away needs the
      pull, but it also draws limbs away from their outline, as nothing is observed beyond it. Beyond the gate the
      plane says nothing and the distance counts.
    * projective: each visible model point against the plane seen at its pixel, which is the projective signed
      distance corrected for slant.
    * free space: model points in front of what was seen, by their depth gap, and model points beside the
      silhouette, by their distance to it.

    Args:
        frames: (f,) indices into ``observations``
        picks: (f, K) indices of observed points
        posed: (f, N, 3) posed surface points, canonical units, with gradients
        normals: (f, N, 3) their unit normals, constant
    """
    assert posed.ndim == 3 and posed.shape == normals.shape, (posed.shape, normals.shape)
    observed = torch.gather(observations.points[frames], 1, picks[..., None].expand(-1, -1, 3))
    observed_normals = torch.gather(observations.normals[frames], 1, picks[..., None].expand(-1, -1, 3))
    view = posed.detach() - observations.camera_centres(frames)[:, None]
    front = (view * normals).sum(-1) < 0  # (f, N)

    partner = nearest_partner(observed, observed_normals, posed.detach(), normals, front)
    matched = torch.gather(posed, 1, partner[..., None].expand(-1, -1, 3))
    gap = matched - observed
    plane = (gap * observed_normals).sum(-1)
    distance = _length(gap)
    # a limb that nothing explains must cost, and pull, however far away the model is
    near = distance.detach() < config.gate
    explained = torch.where(near, _soft(plane, PLANE_SOFTNESS), _soft(distance, POINT_SOFTNESS))
    observed_term = (explained + point_pull * _soft(distance, POINT_SOFTNESS)).mean(1)
    projective, free_space = projective_terms(observations, frames, posed, front, config.gate)
    return DataTerms(observed_term, projective, free_space)


def nearest_partner(
    observed: Tensor, observed_normals: Tensor, model: Tensor, model_normals: Tensor, allowed: Tensor
) -> Tensor:
    """Index (f, K) of the allowed model point nearest to each observed point in position and weighted normal.

    Args:
        observed, observed_normals: (f, K, 3)
        model, model_normals: (f, N, 3)
        allowed: (f, N) bool; where a frame allows none, all are allowed
    """
    with torch.no_grad():
        allowed = allowed | ~allowed.any(1, keepdim=True)
        # |q - b|^2 without |q|^2, which does not change the winner, as one product: [q, 1] . [-2 b, |b|^2]
        base = torch.cat((model, NORMAL_WEIGHT * model_normals), dim=-1)
        offset = base.square().sum(-1, keepdim=True) + (~allowed).float()[..., None] * _NOT_ALLOWED
        query = torch.cat((observed, NORMAL_WEIGHT * observed_normals, torch.ones_like(observed[..., :1])), dim=-1)
        return torch.bmm(query, torch.cat((-2 * base, offset), dim=-1).transpose(1, 2)).argmin(-1)


def projective_terms(
    observations: Observations, frames: Tensor, posed: Tensor, front: Tensor, gate: float
) -> tuple[Tensor, Tensor]:
    """Projective and free-space term (f,) each, of ``posed`` (f, N, 3) with front-facing mask ``front`` (f, N)."""
    pixels, z = observations.project(frames, posed)
    index, inside = observations.pixel_index(pixels.detach())
    height, width = observations.depth.shape[1:]
    flat = frames[:, None] * (height * width) + index  # (f, N)
    depth = observations.depth.view(-1)[flat]
    seen = inside & (depth > 0)
    ahead = depth - z.detach()  # positive: in front of what was seen
    at_pixel = observations.maps.view(-1, 6)[flat]
    gap = posed - at_pixel[..., :3]
    plane = (gap * at_pixel[..., 3:]).sum(-1)
    known = at_pixel[..., 3:].square().sum(-1) > _UNKNOWN_NORMAL
    visible = seen & known & front & (ahead > -VISIBLE_BAND) & (gap.detach().norm(dim=-1) < gate)
    projective = (visible.float() * _soft(plane, PLANE_SOFTNESS)).mean(1)

    in_front = (seen & (ahead > VISIBLE_BAND)).float() * _soft(depth - VISIBLE_BAND - z, POINT_SOFTNESS)
    nearest = observations.silhouette.view(-1)[flat].long()
    target = torch.stack((nearest % width + 0.5, nearest // width + 0.5), dim=-1)
    beside = (_length(pixels - target) - SILHOUETTE_SLACK).clamp_min(0) * z.detach() / observations.intrinsics[0]
    outside = (inside & (depth <= 0)).float() * _soft(beside, PLANE_SOFTNESS)
    return projective, (in_front + outside).mean(1)


def _soft(residual: Tensor, softness: float) -> Tensor:
    """Absolute value, quadratic below ``softness``."""
    return smooth_l1_loss(residual, torch.zeros_like(residual), beta=softness, reduction="none")


def _length(vectors: Tensor) -> Tensor:
    """Norms (...) of ``vectors`` (..., D), with a gradient at zero too."""
    return (vectors.square().sum(-1) + _SMALLEST_SQUARE).sqrt()
