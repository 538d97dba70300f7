"""The two stages of training: shape (signed distance) and pose (displacement)."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.checkpoint import check_replaceable, load_model, save_model
from engine.dataset.pools import load_pools
from engine.dataset.registered import RegisteredDataset
from engine.dataset.splits import shape_rows as find_shape_rows
from engine.errors import InputError
from engine.model import ModelInfo, NeuralParametricModel
from engine.networks.decoder import PoseDecoder, ShapeDecoder
from engine.progress import Progress
from engine.surface.lipschitz import measure_lipschitz
from engine.training.config import TrainingConfig, as_dict
from engine.training.flow_points import load_sampler
from engine.training.loop import LoopResult, compiled_or_plain, optimise


def train_shape(
    dataset: RegisteredDataset,
    config: TrainingConfig,
    out: Path,
    device: torch.device,
    seed: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[NeuralParametricModel, LoopResult]:
    """Train the shape decoder and one shape code per identity; writes the model (without a pose part) to ``out``.

    The loss is the mean absolute difference of signed distances, both clamped, plus a prior on the codes
    (Park et al. 2019).

    Raises:
        InputError: pools are missing or damaged, or training diverged.
    """
    progress = progress or Progress()
    check_replaceable(out)
    stage = config.shape
    torch.manual_seed(seed)
    decoder = ShapeDecoder(stage.code_size, stage.decoder).to(device)
    count = len(dataset.identities)
    codes = nn.Parameter(torch.randn(count, stage.code_size, device=device) / stage.code_size)
    near, uniform = _load_pools(dataset, device, progress)  # (I, N, 4) each
    batch = min(stage.identities_per_batch, count)
    near_points = round(stage.near_share * stage.points_per_identity)
    half = _use_half(config, device)

    def loss_of(rows: Tensor, samples: Tensor) -> Tensor:
        predicted = decoder(rows, samples[..., :3], half).clamp(-stage.clamp, stage.clamp)
        return (predicted - samples[..., 3].clamp(-stage.clamp, stage.clamp)).abs().mean()

    loss_of = compiled_or_plain(loss_of, config.compile and device.type == "cuda", progress)

    def step(generator: torch.Generator, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        identities = torch.randperm(count, generator=generator, device=device)[:batch]
        samples = torch.cat(
            (
                _pick(near, identities, near_points, generator),
                _pick(uniform, identities, stage.points_per_identity - near_points, generator),
            ),
            dim=1,
        )
        rows = codes[identities]
        sdf_loss = loss_of(rows, samples)
        prior = rows.square().mean()
        weight = _code_weight(stage.code_weight, stage.code_weight_warmup, number)
        return sdf_loss + weight * prior, {"sdf": sdf_loss.detach(), "code": prior.detach().sqrt()}

    result = optimise(
        step, decoder, codes, stage.schedule, _state_file(out, "shape"), seed, resume, progress, "train shape"
    )
    info = ModelInfo(
        name=config.name,
        category=dataset.category,
        licence=dataset.licence,
        similarity=dataset.similarity,
        identities=dataset.identities,
        identity_datasets=tuple(subject.dataset for subject in dataset.subjects),
        training={"dataset": dataset.name, "shape": _summary(stage, result, device, seed)},
    )
    model = NeuralParametricModel(info, decoder, codes.detach()).to(device)
    # measured once here, so that nobody who meshes the model has to
    info.training["lipschitz"] = measure_lipschitz(model).as_dict()
    if not (result.interrupted and out.exists()):  # a finished model is worth more; the state to go on is kept
        save_model(model, out, getattr(torch, config.codes_storage))
    return model, result


def train_pose(
    dataset: RegisteredDataset,
    config: TrainingConfig,
    out: Path,
    device: torch.device,
    seed: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[NeuralParametricModel, LoopResult]:
    """Train the pose decoder and one pose code per frame on top of the shape stage in ``out``; rewrites ``out``.

    The loss is the distance between predicted and registered positions of points near the surface, plus a prior on
    the codes. Shape codes stay as they are; they are found by dataset and identity name.

    Raises:
        InputError: ``out`` has no shape stage, lacks an identity of the dataset, or training diverged.
    """
    progress = progress or Progress()
    stage = config.pose
    if not out.exists():
        raise InputError(out, "has no shape stage yet", "run `npm-studio train shape` with the same --out first")
    shape_model = load_model(out, device)
    shape_rows = torch.from_numpy(find_shape_rows(dataset, shape_model.info)).to(device)
    sampler = load_sampler(dataset, stage.sigmas, device, progress)
    shape_codes = shape_model.shape_codes[shape_rows][sampler.identity_of_frame]  # (N, Cs)

    torch.manual_seed(seed)
    decoder = PoseDecoder(shape_model.shape_decoder.code_size, stage.code_size, stage.decoder).to(device)
    count = len(dataset.labels)
    codes = nn.Parameter(torch.randn(count, stage.code_size, device=device) / stage.code_size)
    batch = min(stage.frames_per_batch, count)
    half = _use_half(config, device)

    def loss_of(rows: Tensor, canonical: Tensor, posed: Tensor) -> tuple[Tensor, Tensor]:
        squared = (canonical + decoder(rows, canonical, half) - posed).square().sum(-1)
        if stage.loss == "squared":
            return 0.5 * squared.mean(), squared.detach().sqrt().mean()
        # smooth at zero: the slope of a plain norm keeps codes jittering once errors are a millimetre
        return (squared + 1e-6).sqrt().mean(), squared.detach().sqrt().mean()

    loss_of = compiled_or_plain(loss_of, config.compile and device.type == "cuda", progress)

    def step(generator: torch.Generator, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        frames = torch.randint(count, (batch,), generator=generator, device=device)
        canonical, posed = sampler.draw(frames, stage.points_per_frame, stage.sigmas, generator)
        pose_rows = codes[frames]
        flow_loss, error = loss_of(torch.cat((shape_codes[frames], pose_rows), dim=1), canonical, posed)
        prior = pose_rows.square().mean()
        weight = _code_weight(stage.code_weight, stage.code_weight_warmup, number)
        return flow_loss + weight * prior, {"flow": error, "code": prior.detach().sqrt()}

    result = optimise(
        step, decoder, codes, stage.schedule, _state_file(out, "pose"), seed, resume, progress, "train pose"
    )
    info = dataclasses.replace(
        shape_model.info,
        frames=tuple(dataclasses.replace(label, identity=int(shape_rows[label.identity])) for label in dataset.labels),
        training={**shape_model.info.training, "pose": _summary(stage, result, device, seed)},
    )
    model = NeuralParametricModel(info, shape_model.shape_decoder, shape_model.shape_codes, decoder, codes.detach()).to(
        device
    )
    if not (result.interrupted and shape_model.has_pose):
        save_model(model, out, getattr(torch, config.codes_storage))
    return model, result


def _load_pools(dataset: RegisteredDataset, device: torch.device, progress: Progress) -> tuple[Tensor, Tensor]:
    near, uniform = [], []
    progress.stage("read pools", len(dataset.identities))
    for identity in range(len(dataset.identities)):
        pools = load_pools(dataset, identity)
        near.append(torch.tensor(pools.near).to(device))
        uniform.append(torch.tensor(pools.uniform).to(device))
        progress.advance(identity + 1)
    size = min(len(pool) for pool in near), min(len(pool) for pool in uniform)
    return torch.stack([pool[: size[0]] for pool in near]), torch.stack([pool[: size[1]] for pool in uniform])


def _pick(pools: Tensor, identities: Tensor, points: int, generator: torch.Generator) -> Tensor:
    """Random rows (B, points, 4) of ``pools`` (I, N, 4)."""
    columns = torch.randint(pools.shape[1], (len(identities), points), generator=generator, device=pools.device)
    return pools[identities[:, None], columns]


def _code_weight(weight: float, warmup: int, step: int) -> float:
    return weight * min(1.0, step / warmup) if warmup else weight


def _use_half(config: TrainingConfig, device: torch.device) -> bool:
    return config.half == "on" or (config.half == "auto" and device.type == "cuda")


def _state_file(out: Path, stage: str) -> Path:
    absolute = Path(os.path.abspath(out))
    return absolute.with_name(f"{absolute.stem}.training") / f"{stage}.state"


def _summary(stage: Any, result: LoopResult, device: torch.device, seed: int) -> dict[str, Any]:
    return {
        "config": as_dict(stage),
        "steps": result.steps,
        "seconds": round(result.seconds, 1),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "seed": seed,
        "final": {name: round(value, 7) for name, value in result.figures.items()},
    }
