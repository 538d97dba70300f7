"""Where a fit of one depth frame can begin: with the codes of the encoders, or with the best of many training codes.

    python benchmarks/encoders.py --model MODEL [--identities N --frames F --seed S] [--json FILE]

Unseen subjects: bodies of another seed, or hands where the model is one of hands, in the motion families that are kept
out of the training library; their depth is rendered from the front. Each frame is taken alone. The starts are

* encoder: what both encoders make of the frame;
* best by score: of 200 random training frames, whose codes go together, the one that matches the depth best, as the
  search of a fit sees it;
* best by truth: of the same, the one that is closest to the true surface, which no search can know.

The distance is that of surface points from the truth by correspondence: points of the true canonical surface are
brought to the surface of the shape code along its gradient, posed, and compared with where they truly are. The score is
`engine.methods.npm.search.match_scores`. Both are in canonical units, lower is better.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.evaluate.representation import corresponding_points
from engine.methods.npm.encoded import encode_frames
from engine.methods.npm.observations import Observations
from engine.methods.npm.observing import observe
from engine.methods.npm.search import match_scores
from engine.methods.npm.surface_samples import sample_model_surface
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import load_depth_sequence
from external.anny.generate import generate_dataset
from external.anny.hands.generate import CATEGORY as HANDS
from external.anny.hands.generate import generate_hands
from external.anny.hands.motions import TEST_FAMILIES as HAND_FAMILIES
from external.anny.motions import TEST_FAMILIES as BODY_FAMILIES

TRAINING_CODES = 200
POINTS, OBSERVED = 1024, 512
STARTS = ("encoder", "best by score", "best by truth")


class TrainingCodes:
    """Pairs of codes of random training frames, and points on the surfaces that they decode to."""

    def __init__(self, model: NeuralParametricModel, count: int, seed: int) -> None:
        assert model.pose_codes is not None
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(model.info.frames), generator=generator)[:count]
        self.owners = torch.tensor([model.info.frames[row].identity for row in rows.tolist()])
        self.poses = model.pose_codes[rows.to(model.device)]
        self.model = model
        self.posed = torch.empty(len(rows), POINTS, 3, device=model.device)
        for identity in self.owners.unique().tolist():
            mine = self.owners == identity
            self.posed[mine] = posed_surface(model, model.shape_codes[identity], self.poses[mine], seed)

    def distances(self, canonical: Tensor, posed: Tensor) -> Tensor:
        """Mean distance (F, U) of each pair from the truth ``posed`` (F, P, 3) of ``canonical`` points (P, 3)."""
        result = torch.empty(len(posed), len(self.poses), device=posed.device)
        for identity in self.owners.unique().tolist():
            mine = (self.owners == identity).nonzero()[:, 0]
            shape = self.model.shape_codes[identity]
            moved = pose_points(self.model, shape, self.poses[mine], onto_surface(self.model, shape, canonical))
            for frame, truth in enumerate(posed):
                result[frame, mine.to(result.device)] = (moved - truth).norm(dim=-1).mean(-1)
        return result


def onto_surface(model: NeuralParametricModel, shape_code: Tensor, points: Tensor, steps: int = 4) -> Tensor:
    """``points`` (P, 3) moved along the gradient of the signed distance of ``shape_code`` (Cs,) to its zero level."""
    for _ in range(steps):
        moving = points.detach().requires_grad_()
        with torch.enable_grad():
            distance = model.sdf(shape_code[None], moving[None])[0]
            (gradient,) = torch.autograd.grad(distance.sum(), moving)
        step = distance.detach()[:, None] * gradient / gradient.square().sum(-1, keepdim=True).clamp_min(0.1)
        points = points - step.clamp(-0.05, 0.05)
    return points


@torch.no_grad()
def pose_points(model: NeuralParametricModel, shape_code: Tensor, pose_codes: Tensor, points: Tensor) -> Tensor:
    """(U, P, 3) of canonical ``points`` (P, 3) in poses (U, Cp)."""
    parts = [
        model.pose(shape_code.expand(len(part), -1), part, points.expand(len(part), -1, -1))
        for part in pose_codes.split(64)
    ]
    return torch.cat(parts)


def posed_surface(model: NeuralParametricModel, shape_code: Tensor, pose_codes: Tensor, seed: int) -> Tensor:
    """Points (U, P, 3) on the model's own surface."""
    points = sample_model_surface(model, shape_code, seed).points
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))[:POINTS]
    return pose_points(model, shape_code, pose_codes, points[order.to(points.device)])


def compare(
    model: NeuralParametricModel,
    training: TrainingCodes,
    observations: Observations,
    canonical: Tensor,
    posed: Tensor,
    seed: int,
) -> dict[str, dict[str, list[float]]]:
    """Distance and score of each start, frame by frame; arguments as in `TrainingCodes.distances`."""
    assert model.shape_encoder is not None and model.pose_encoder is not None
    shapes, poses = encode_frames(model.shape_encoder, observations), encode_frames(model.pose_encoder, observations)
    picks = torch.randint(observations.points.shape[1], (OBSERVED,), generator=torch.Generator().manual_seed(seed))
    observed = observations.points[:, picks.to(model.device)]
    scores = match_scores(observations, observed, training.posed)
    distances = training.distances(canonical, posed)
    result: dict[str, dict[str, list[float]]] = {name: {"distance": [], "score": []} for name in STARTS}

    def note(name: str, distance: Tensor, score: Tensor) -> None:
        result[name]["distance"].append(float(distance))
        result[name]["score"].append(float(score))

    for frame, (shape, pose) in enumerate(zip(shapes, poses, strict=True)):
        moved = pose_points(model, shape, pose[None], onto_surface(model, shape, canonical))[0]
        own = posed_surface(model, shape, pose[None], seed)
        score = match_scores(observations.at(torch.tensor([frame])), observed[frame : frame + 1], own)
        note("encoder", (moved - posed[frame]).norm(dim=-1).mean(), score)
        for name, criterion in (("best by score", scores), ("best by truth", distances)):
            best = int(criterion[frame].argmin())
            note(name, distances[frame, best], scores[frame, best])
    return result


def make_subjects(
    model: NeuralParametricModel, out: Path, identities: int, frames: int, seed: int
) -> RegisteredDataset:
    """Unseen subjects of the kind that the model is of, one motion each."""
    if model.info.category == HANDS:
        side = "left" if all("left" in name for name in model.info.identities) else "right"
        generate_hands(out, identities, 1, frames, seed, side, tuple(HAND_FAMILIES))
    else:
        generate_dataset(out, identities, 1, frames, seed, tuple(BODY_FAMILIES))
    return load_registered_dataset(out)


def measure(
    model: NeuralParametricModel, identities: int, frames: int, seed: int, work: Path
) -> dict[str, dict[str, list[float]]]:
    """Distances and scores of the starts over all frames of unseen subjects."""
    dataset = make_subjects(model, work / "subjects", identities, frames, seed)
    training = TrainingCodes(model, TRAINING_CODES, seed)
    result: dict[str, dict[str, list[float]]] = {name: {"distance": [], "score": []} for name in STARTS}
    for identity, name in enumerate(dataset.identities):
        (sequence,) = dataset.sequences_of(identity)
        capture = work / name
        render_sequence(dataset, identity, sequence, capture)
        observations = observe(load_depth_sequence(capture), model)
        places = [(sequence, frame) for frame in range(len(observations))]
        points = corresponding_points(dataset, identity, places, POINTS, np.random.default_rng(seed))
        canonical, posed = (torch.from_numpy(value).to(model.device) for value in points)
        found = compare(model, training, observations, canonical, posed, seed)
        for start, figures in found.items():
            for figure, values in figures.items():
                result[start][figure] += values
    return result


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--identities", type=int, default=16)
    parser.add_argument("--frames", type=int, default=8, help="depth frames of each, from one motion")
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        model = load_model(options.model, resolve_device(options.device))
        if model.shape_encoder is None or model.pose_encoder is None or not model.has_pose:
            raise InputError(options.model, "has no encoders for both codes", "train them with `npm-studio train`")
        with tempfile.TemporaryDirectory() as work:
            found = measure(model, options.identities, options.frames, options.seed, Path(work))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    results: dict[str, Any] = {
        "model": options.model.name,
        "machine": describe_device(model.device),
        "seed": options.seed,
        "identities": options.identities,
        "frames": options.identities * options.frames,
        "training_codes": min(TRAINING_CODES, len(model.info.frames)),
        "starts": {},
    }
    print(f"{results['model']} on {results['machine']}: {results['frames']} frames; canonical units")
    print(
        f"{'start':16s} {'mean distance':>14s} {'median':>8s} {'mean score':>11s}   encoder is closer / scores better"
    )
    for name, figures in found.items():
        distance, score = np.array(figures["distance"]), np.array(figures["score"])
        summary = {
            "distance_mean": float(distance.mean()),
            "distance_median": float(np.median(distance)),
            "score_mean": float(score.mean()),
        }
        shares = ""
        if name != "encoder":
            summary["encoder_is_closer"] = float((np.array(found["encoder"]["distance"]) < distance).mean())
            summary["encoder_scores_better"] = float((np.array(found["encoder"]["score"]) < score).mean())
            shares = f"{summary['encoder_is_closer']:.0%} / {summary['encoder_scores_better']:.0%}"
        results["starts"][name] = summary
        print(
            f"{name:16s} {summary['distance_mean']:14.4f} {summary['distance_median']:8.4f} "
            f"{summary['score_mean']:11.4f}   {shares}"
        )
    if options.json:
        write_json(options.json, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
