"""First codes of a fit, by search over the training codes and the guesses of encoders."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.methods.npm.encoded import encode_frames
from engine.methods.npm.observations import Observations
from engine.methods.npm.surface_samples import sample_model_surface
from engine.methods.npm.variables import FittedModel, Variables, nearest_seen
from engine.models.model import NeuralParametricModel
from engine.sequences.placement import CameraPlacement

COARSE_POINTS = 96, 48
"""Model and observed points of the look at the whole library."""
FINE_POINTS = 256, 192
"""Model and observed points of the look at the shortlist."""
FREE_SPACE_WEIGHT = 1.0
"""Of the mean intrusion into empty space beside the mean distance of observed points."""
INTRUSION_FREE, INTRUSION_LIMIT = 0.02, 0.3
"""Canonical units in front of what was seen that cost nothing (noise, another body), and beyond which all is as bad."""
SHAPE_FRAMES, SHAPE_CANDIDATES = 8, 8
"""Frames, and training poses of each, with which the guess of a shape encoder is compared with the training shapes."""
LIBRARY_IDENTITIES, LIBRARY_FRAMES = 32, 3000
"""Training identities and poses that are searched; evenly spaced ones of larger models."""
IDENTITY_CANDIDATES = 4
"""Training identities whose codes are blended into the first shape code."""
POSE_CANDIDATES = 24
"""Training poses kept per frame for the choice of a coherent first path."""
PATH_WEIGHT = 0.5
"""How much a jump between consecutive frames of the first path counts against a better match."""
_AT_HOME = 0.1
"""Canonical units between where a subject is seen and where the model has it that are left to the pose."""
_EVERY_POINT = 8
"""Of the fine points, for distances between poses, of which only the order matters."""
_POSES_AT_ONCE = 256
_CPU_CACHE, _GPU_BLOCK = 1 << 20, 1 << 27
"""Distances that are held at once."""


def searched_variables(fitted: FittedModel, observations: Observations, seed: int, progress: Progress) -> Variables:
    """Training codes of the model, and what its encoders make of ``observations``, that explain them best.

    The shape blends the training identities that match best over all frames, or is the mean guess of the shape encoder
    where that matches better, unless one is kept. The poses are those training codes and guesses of the pose encoder
    that match under this shape, chosen for all frames at once so that the path through them is short (dynamic
    programming over the best candidates of each frame). A subject that is far from where the model has it is brought
    there first, frame by frame.

    Raises:
        Cancelled: asked to stop.
    """
    model = fitted.model
    translations = away_from_model(model, observations)
    variables = replace(fitted.mean(len(observations)), translations=translations)
    observations = observations.relocated(variables.rotations, translations)
    seen = observations.seen_by_any.nonzero()[:, 0]
    shape_code, codes = _search(fitted, observations.at(seen), seed, progress)
    poses = variables.poses.index_copy(0, seen, fitted.poses.coefficients(codes))
    return nearest_seen(
        replace(variables, shape=fitted.shapes.coefficients(shape_code), poses=poses), observations.times_s, seen
    )


def away_from_model(model: NeuralParametricModel, observations: Observations) -> Tensor:
    """Translations (F, 3) from where the model has its subjects to where each frame shows one, zero for small ones."""
    x, y, z = model.info.similarity.to_canonical(CameraPlacement.of_model(model).visible_world).tolist()
    # a median is not moved by what some cameras do not see, whose points are left out
    points = torch.cat(
        [torch.where(view.seen[:, None, None], view.points, torch.nan) for view in observations.views], 1
    )
    shift = torch.nan_to_num(points.nanmedian(1).values - torch.tensor([x, y, z], device=points.device))
    return torch.where((shift.norm(dim=1) > _AT_HOME)[:, None], shift, 0.0)


def _search(fitted: FittedModel, observations: Observations, seed: int, progress: Progress) -> tuple[Tensor, Tensor]:
    """Shape code (Cs,) and pose codes (F, Cp)."""
    model, half = fitted.model, fitted.half
    assert model.pose_codes is not None
    device = model.device
    generator = torch.Generator().manual_seed(seed)
    rows, identity_of_row = _library(model)
    identities = identity_of_row.unique()
    progress.stage("search", len(identities))
    observed = _random_observed(observations, COARSE_POINTS[1], generator)
    scores = torch.empty(len(observations), len(rows), device=device)
    for done, identity in enumerate(identities.tolist()):
        if progress.cancelled():
            raise Cancelled
        chosen = (identity_of_row == identity).nonzero()[:, 0]
        samples = sample_model_surface(model, model.shape_codes[identity], seed)
        points = _subset(samples.points, COARSE_POINTS[0], generator)
        posed = _pose_all(model, model.shape_codes[identity], model.pose_codes[rows[chosen].to(device)], points, half)
        scores[:, chosen.to(device)] = _scores(observations, observed, posed)
        progress.advance(done + 1)

    if fitted.keeps_shape:
        shape_code = fitted.shapes.mean
    else:
        shape_code = _blended_shape(model, scores, identity_of_row, IDENTITY_CANDIDATES)
    guessed_poses = None if model.pose_encoder is None else encode_frames(model.pose_encoder, observations)
    if model.shape_encoder is not None and not fitted.keeps_shape:
        some = _evenly(torch.arange(len(observations)), SHAPE_FRAMES).to(device)
        seen = observations.at(some)
        near = scores[some].topk(min(SHAPE_CANDIDATES, len(rows)), dim=1, largest=False).indices.unique().cpu()
        codes = model.pose_codes[rows[near].to(device)]
        if guessed_poses is not None:
            codes = torch.cat((codes, guessed_poses[some]))
        guess = encode_frames(model.shape_encoder, seen).mean(0)
        shape_code = _better_shape(model, seen, shape_code, guess, codes, seed, half)

    count = min(POSE_CANDIDATES, len(rows))
    shortlist = scores.topk(count, dim=1, largest=False).indices.unique().cpu()  # library entries that any frame likes
    codes = model.pose_codes[rows[shortlist].to(device)]
    if guessed_poses is not None:
        codes = torch.cat((codes, guessed_poses))
    samples = sample_model_surface(model, shape_code, seed)
    posed = _pose_all(model, shape_code, codes, _subset(samples.points, FINE_POINTS[0], generator), half)
    scores = _scores(observations, _random_observed(observations, FINE_POINTS[1], generator), posed)  # (F, U)
    jumps = _mean_distances(posed)  # (U, U)
    path = shortest_path(scores, PATH_WEIGHT * jumps)
    return shape_code, codes[path].clone()


def _blended_shape(model: NeuralParametricModel, scores: Tensor, identity_of_row: Tensor, count: int) -> Tensor:
    """Mean shape code (Cs,) of the ``count`` identities that match best, by ``scores`` (F, R) of poses of theirs."""
    identities, device = identity_of_row.unique(), scores.device
    best_of_identity = torch.stack(
        [scores[:, (identity_of_row == identity).to(device)].amin(1).mean() for identity in identities.tolist()]
    )
    return model.shape_codes[identities.to(device)[best_of_identity.argsort()[:count]]].mean(0)


def _better_shape(
    model: NeuralParametricModel,
    observations: Observations,
    shape_code: Tensor,
    guess: Tensor,
    pose_codes: Tensor,
    seed: int,
    half: bool,
) -> Tensor:
    """``shape_code`` or ``guess`` (Cs,), whichever explains ``observations`` better in the best of ``pose_codes``."""
    totals = []
    for code in (shape_code, guess):
        generator = torch.Generator().manual_seed(seed)  # the same points for both
        observed = _random_observed(observations, FINE_POINTS[1], generator)
        try:
            points = sample_model_surface(model, code, seed).points
        except InputError:  # a guess far from all training codes has no surface
            return shape_code
        posed = _pose_all(model, code, pose_codes, _subset(points, FINE_POINTS[0], generator), half)
        totals.append(_scores(observations, observed, posed).amin(1).mean())
    return guess if bool(totals[1] < totals[0]) else shape_code


def _scores(observations: Observations, observed: Sequence[Tensor], posed: Tensor) -> Tensor:
    """`match_scores` (F, U), means over the cameras that show the subject, of ``observed`` points of each of them."""
    if len(observed) == 1:
        return match_scores(observations, observed[0], posed)
    each = [match_scores(view, points, posed) for view, points in zip(observations.views, observed, strict=True)]
    weights = torch.stack([view.seen for view in observations.views]).float()[..., None]
    return (torch.stack(each) * weights).sum(0) / weights.sum(0).clamp_min(1)


def match_scores(observations: Observations, observed: Tensor, posed: Tensor) -> Tensor:
    """How badly each of ``posed`` (U, N, 3) explains each frame: (F, U), canonical units.

    The mean distance of ``observed`` points (F, K, 3) to the nearest model point, plus the mean distance by which
    model points lie in space that was seen to be empty.
    """
    frames, kept = observed.shape[:2]
    result = torch.empty(frames, len(posed), device=posed.device)
    width = observations.depth.shape[2]
    subject_depth = torch.where(observations.subject, observations.depth, 0)
    query = observed.reshape(-1, 3).T  # (3, F K)
    query_squared = query.square().sum(0)
    # blocks that stay in the cache of a CPU: the work is reading and writing distances, not computing them
    block = max(1, (_CPU_CACHE if posed.device.type == "cpu" else _GPU_BLOCK) // (query.shape[1] * posed.shape[1]))
    for start in range(0, len(posed), block):
        part = posed[start : start + block]
        half_squared = 0.5 * part.square().sum(-1, keepdim=True)
        products = (part.reshape(-1, 3) @ query).view(*part.shape[:2], -1)  # (u, N, F K)
        nearest = query_squared - 2 * (products - half_squared).amax(1)
        nearest = nearest.clamp_min(0).sqrt().view(len(part), frames, kept).mean(-1)  # (u, F)
        pixels, z = observations.project_all(part)  # (C, u, N): of one camera for all frames, or of each frame
        index, inside = observations.pixel_index(pixels)
        depth = _at_pixels(subject_depth, index)  # (F, u, N)
        target = _at_pixels(observations.silhouette, index).long()
        offset = torch.stack((target % width + 0.5, target // width + 0.5), dim=-1) - pixels
        beside = offset.norm(dim=-1) * z / observations.intrinsics[0]
        ahead = (depth - z - INTRUSION_FREE).clamp_min(0)
        empty = torch.where(depth > 0, ahead.clamp(max=INTRUSION_LIMIT), beside) * inside
        result[:, start : start + block] = nearest.T + FREE_SPACE_WEIGHT * empty.mean(-1)
    return result


def _at_pixels(maps: Tensor, index: Tensor) -> Tensor:
    """Values (F, u, N) of ``maps`` (F, h, w) at flat pixels ``index`` (F, u, N), or (1, u, N) for all frames."""
    if len(index) == 1:
        return maps.flatten(1)[:, index[0]]
    return torch.gather(maps.flatten(1), 1, index.flatten(1)).view(index.shape)


def shortest_path(costs: Tensor, jumps: Tensor) -> Tensor:
    """Indices (F,) that minimise the sum of ``costs`` (F, U) and of ``jumps`` (U, U) between neighbours (Viterbi)."""
    total, parents = costs[0], []
    for frame in range(1, len(costs)):
        best, parent = (total[:, None] + jumps).min(0)
        parents.append(parent)
        total = best + costs[frame]
    path = [int(total.argmin())]
    for parent in reversed(parents):
        path.append(int(parent[path[-1]]))
    return torch.tensor(path[::-1], device=costs.device)


def _library(model: NeuralParametricModel) -> tuple[Tensor, Tensor]:
    """Rows (R,) of the pose codes to try, and the identity (R,) of each."""
    identity_of_row = torch.tensor([frame.identity for frame in model.info.frames])
    rows = torch.arange(len(identity_of_row))[
        torch.isin(identity_of_row, _evenly(identity_of_row.unique(), LIBRARY_IDENTITIES))
    ]
    rows = _evenly(rows, LIBRARY_FRAMES)
    return rows, identity_of_row[rows]


def _evenly(values: Tensor, count: int) -> Tensor:
    """``values`` (N,), or evenly spaced ``count`` of them when there are more."""
    if len(values) <= count:
        return values
    return values[torch.linspace(0, len(values) - 1, count).round().long()]


def _mean_distances(posed: Tensor) -> Tensor:
    """Mean distance of corresponding points between all pairs of ``posed`` (U, N, 3): (U, U)."""
    few = posed[:, ::_EVERY_POINT]
    return torch.stack([(few - one).norm(dim=-1).mean(-1) for one in few])


def _pose_all(
    model: NeuralParametricModel, shape_code: Tensor, pose_codes: Tensor, points: Tensor, half: bool
) -> Tensor:
    """(U, N, 3) posed ``points`` (N, 3) for ``pose_codes`` (U, Cp)."""
    with torch.no_grad():
        parts = [
            model.pose(shape_code.expand(len(part), -1), part, points.expand(len(part), -1, -1), half)
            for part in pose_codes.split(_POSES_AT_ONCE)
        ]
    return torch.cat(parts)


def _random_observed(observations: Observations, count: int, generator: torch.Generator) -> list[Tensor]:
    """Points (F, ``count``, 3) of each camera."""
    picks = torch.randint(observations.points.shape[1], (count,), generator=generator)
    return [view.points[:, picks.to(view.points.device)] for view in observations.views]


def _subset(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return points[torch.randperm(len(points), generator=generator)[:count].to(points.device)]
