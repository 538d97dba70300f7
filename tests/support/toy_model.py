"""A tiny model of simple dolls, trained in seconds, for tests of everything that takes a model.

A doll is a vertical capsule with two horizontal ones for arms, so its signed distance is known in closed form
(`toy_distance`), and its poses are two smooth fields (`toy_displacement`).
"""

import dataclasses
import fcntl
import hashlib
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity
from engine.models.checkpoint import load_model, save_model
from engine.models.labels import FrameLabel, ModelInfo
from engine.models.model import NeuralParametricModel
from engine.models.networks import decoder, positional_encoding
from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder

CLAMP = 0.1
CODE_SIZE = 8
NETWORK = DecoderConfig(width=64, layers=4, skip_layer=2, full_width_skip=True, frequencies=4)
# half height and radius of the trunk, length and radius of the right (+x) and of the left arm
DOLLS = {
    "tall": (0.28, 0.08, 0.34, 0.055, 0.26, 0.055),
    "small": (0.18, 0.07, 0.26, 0.045, 0.20, 0.045),
    "stout": (0.20, 0.13, 0.34, 0.070, 0.28, 0.070),
    "lean": (0.30, 0.06, 0.28, 0.040, 0.22, 0.040),
}
SHOULDER = 0.08
SEQUENCES = {"bend": (-1.0, 0.5, 1.0), "raise": (-0.5, 0.5, 1.0)}
LABELS = tuple(
    FrameLabel(identity, sequence, f"{frame:06d}")
    for identity in range(len(DOLLS))
    for sequence, amounts in SEQUENCES.items()
    for frame in range(len(amounts))
)


def toy_distance(identity: int, points: Tensor) -> Tensor:
    """Signed distance (P,) of doll ``identity`` at canonical ``points`` (P, 3); exact outside."""
    half, radius, right, right_radius, left, left_radius = list(DOLLS.values())[identity]
    trunk = _capsule(points, (0.0, -half, 0.0), (0.0, half, 0.0), radius)
    arms = (
        _capsule(points, (0.0, SHOULDER, 0.0), (right, SHOULDER, 0.0), right_radius),
        _capsule(points, (0.0, SHOULDER, 0.0), (-left, SHOULDER, 0.0), left_radius),
    )
    return torch.minimum(trunk, torch.minimum(*arms))


def toy_displacement(frame: int, points: Tensor) -> Tensor:
    """Displacement (P, 3) of canonical ``points`` (P, 3) in training frame ``frame`` (row of the pose codes)."""
    label = LABELS[frame]
    amount = SEQUENCES[label.sequence][int(label.sample)]
    x, y, _ = points.unbind(-1)
    zero = torch.zeros_like(x)
    if label.sequence == "bend":  # head and feet forward
        return amount * torch.stack((zero, zero, 1.2 * y.square()), dim=-1)
    return amount * torch.stack((zero, 1.5 * (x.abs() - 0.1).clamp_min(0).square() + 0.2 * x.square(), zero), dim=-1)


@lru_cache(maxsize=2)
def toy_model(seed: int = 0) -> NeuralParametricModel:
    """A model of 4 identities and 24 frames (2 sequences of 3 frames each), codes of 8, on the CPU.

    The distance near the surface is off by 0.0015 and posed points by 0.002 canonical units on average. Training takes
    about 5 seconds and depends on ``seed`` alone; the result is kept in the system's temporary folder under the hash
    of the sources that it depends on, so later test sessions only read it. All callers share one object: do not change
    it in place.
    """
    sources = (__file__, decoder.__file__, positional_encoding.__file__)
    key = hashlib.sha256(b"".join(Path(str(source)).read_bytes() for source in sources) + torch.__version__.encode())
    folder = Path(tempfile.gettempdir()) / f"npm-studio-toy-{key.hexdigest()[:16]}-{seed}.npm"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes one trains, and the others wait for it
        try:
            return load_model(folder)
        except InputError:
            pass  # first use on this machine, or a file of an interrupted session
        save_model(_train(seed), folder)
        return load_model(folder)


def toy_model_in(similarity: Similarity) -> NeuralParametricModel:
    """`toy_model`, of subjects of another size elsewhere."""
    model = toy_model()
    return dataclasses.replace(model, info=dataclasses.replace(model.info, similarity=similarity))


def _capsule(points: Tensor, start: tuple[float, ...], end: tuple[float, ...], radius: float) -> Tensor:
    a, b = points.new_tensor(start), points.new_tensor(end)
    along = ((points - a) @ (b - a) / (b - a).square().sum()).clamp(0, 1)
    return (points - a - along[:, None] * (b - a)).norm(dim=-1) - radius


def _train(seed: int) -> NeuralParametricModel:
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        shape_decoder = ShapeDecoder(CODE_SIZE, NETWORK)
        shape_codes = torch.nn.Parameter(torch.randn(len(DOLLS), CODE_SIZE) * 0.1)
        pools = [_pool(identity) for identity in range(len(DOLLS))]
        for _ in _steps(350, [*shape_decoder.parameters(), shape_codes]):
            points = torch.stack([_draw((near, 600), (uniform, 300)) for near, uniform in pools])
            truth = torch.stack([toy_distance(identity, points[identity]) for identity in range(len(DOLLS))])
            values = shape_decoder(shape_codes, points)
            error = (values.clamp(-CLAMP, CLAMP) - truth.clamp(-CLAMP, CLAMP)).abs().mean()
            (error + 1e-4 * shape_codes.square().mean()).backward()

        pose_decoder = PoseDecoder(CODE_SIZE, CODE_SIZE, NETWORK)
        pose_codes = torch.nn.Parameter(torch.randn(len(LABELS), CODE_SIZE) * 0.1)
        of_frame = [label.identity for label in LABELS]
        codes = shape_codes.detach()[of_frame]
        for _ in _steps(300, [*pose_decoder.parameters(), pose_codes]):
            points = torch.stack([_draw((pools[identity][0], 120)) for identity in of_frame])
            truth = torch.stack([toy_displacement(row, points[row]) for row in range(len(LABELS))])
            displacement = pose_decoder(torch.cat((codes, pose_codes), dim=1), points)
            error = ((displacement - truth).square().sum(-1) + 1e-8).sqrt().mean()
            (error + 1e-4 * pose_codes.square().mean()).backward()

    info = ModelInfo(
        name="toy dolls",
        category="dolls",
        licence="MIT",
        similarity=Similarity(scale=0.4),
        identities=tuple(DOLLS),
        frames=LABELS,
        training={"shape": {"clamp": CLAMP}},
    )
    return NeuralParametricModel(info, shape_decoder, shape_codes.detach(), pose_decoder, pose_codes.detach())


def _steps(count: int, parameters: list[Tensor]) -> Iterator[int]:
    """``count`` steps of Adam with a cosine schedule; the body of the loop computes the gradients."""
    optimizer = torch.optim.Adam(parameters, 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, count, 5e-5)
    for step in range(count):
        optimizer.zero_grad()
        yield step
        optimizer.step()
        schedule.step()


def _pool(identity: int) -> tuple[Tensor, Tensor]:
    """Points near the surface of a doll, and uniform points of the cube."""
    uniform = torch.rand(200_000, 3) - 0.5
    distance = toy_distance(identity, uniform)
    return uniform[distance.abs() < 0.03], uniform


def _draw(*pools_and_counts: tuple[Tensor, int]) -> Tensor:
    return torch.cat([pool[torch.randint(len(pool), (count,))] for pool, count in pools_and_counts])
