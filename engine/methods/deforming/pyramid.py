"""A frame by a pyramid of small networks, each of which moves points in finer detail than the one before.

The idea is that of Li and Harada, Non-rigid point cloud registration with neural deformation pyramid, NeurIPS 2022.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.geometry.mesh import Mesh
from engine.geometry.rigid_alignment import rotation_matrices
from engine.geometry.robust import redescending
from engine.geometry.topology import directed_edges
from engine.methods.deforming.config import PyramidConfig
from engine.methods.deforming.deformer import Deformer
from engine.methods.deforming.seen import FEWEST_POINTS, SeenSurface
from engine.methods.deforming.template import diagonal

_WIDTH = 64
"""Of the networks of all levels; each has two hidden layers."""
_RATE = 1e-2
_LEAST_GAIN = 1e-3
"""A level ends when its loss has not fallen by this part of it for as many steps as `_PATIENCE` says."""
_PATIENCE = 15
_EDGES = 4000
"""Random edges of the mesh whose lengths are watched, per step."""


class Level(nn.Module):
    """Moves each of points (N, 3) by a rigid motion of its own: a turn about the origin, and a translation.

    The network sees sines and cosines of one frequency, and begins with the identity.
    """

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self.frequency = frequency
        self.layers = nn.Sequential(
            nn.Linear(6, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 6)
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, points: Tensor) -> Tensor:
        waves = self.frequency * points
        turn, shift = self.layers(torch.cat((waves.sin(), waves.cos()), dim=-1)).split(3, dim=-1)
        return (rotation_matrices(turn) @ points[..., None])[..., 0] + shift


def pyramid(template: Mesh, config: PyramidConfig, device: torch.device, seed: int) -> Deformer:
    """Deforms ``template`` by a new pyramid in each frame, the mesh of the frame before being where it begins."""
    scale = 2 / diagonal(template.vertices)
    edges = torch.from_numpy(np.unique(np.sort(directed_edges(template.faces), axis=1), axis=0)).to(device)
    rest = _lengths(torch.from_numpy(template.vertices * np.float32(scale)).to(device), edges)
    generator = torch.Generator().manual_seed(seed)

    def register(vertices: NDArray[np.float64], seen: SeenSurface, go_on: Callable[[], None]) -> NDArray[np.float64]:
        shown = torch.from_numpy(seen.shows(vertices, template.faces)).to(device)
        if int(shown.sum()) < FEWEST_POINTS:
            return np.full_like(vertices, np.nan)
        middle = vertices.mean(axis=0)
        points, target = (
            torch.tensor((each - middle) * scale, dtype=torch.float32, device=device)
            for each in (vertices, seen.mesh.vertices)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # of the networks
            levels = [Level(math.pi * 2.0**power).to(device) for power in range(config.first, config.last + 1)]
        for level in levels:
            _optimise(level, points, target, shown, edges, rest, config, generator, go_on)
            with torch.no_grad():
                points = level(points)
        moved: NDArray[np.float64] = points.double().cpu().numpy() / scale + middle
        return moved

    return Deformer(template, register, lambda vertices: vertices, "float32")


def _optimise(
    level: Level,
    points: Tensor,
    target: Tensor,
    shown: Tensor,
    edges: Tensor,
    rest: Tensor,
    config: PyramidConfig,
    generator: torch.Generator,
    go_on: Callable[[], None],
) -> None:
    """Train ``level`` to bring ``points`` (V, 3) to ``target`` (P, 3), where they are ``shown`` (V,).

    The loss is a robust Chamfer distance, both ways, and what edges (E, 2) have changed of their lengths ``rest`` (E,).
    """
    optimiser = torch.optim.Adam(level.parameters(), lr=_RATE)
    visible = shown.nonzero()[:, 0]
    best, waited = math.inf, 0
    for _ in range(config.iterations):
        go_on()
        source = points[_some(visible, config.points, generator)]
        goal = _some(target, config.points, generator)
        watched = torch.randint(len(edges), (min(_EDGES, len(edges)),), generator=generator).to(points.device)
        ends = level(points[edges[watched]])
        stretch = ((ends[:, 0] - ends[:, 1]).norm(dim=-1) / rest[watched].clamp_min(1e-6) - 1).square()
        loss = chamfer(level(source), goal, config.reach) + config.stiffness * stretch.clamp_max(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        value = float(loss.detach())
        waited = 0 if value < (1 - _LEAST_GAIN) * best else waited + 1
        best = min(best, value)
        if waited >= _PATIENCE:
            break


def chamfer(source: Tensor, goal: Tensor, reach: float) -> Tensor:
    """Mean squared distances from ``source`` (N, 3) to ``goal`` (M, 3) and back, in ``reach`` squared.

    Each is weighted by the loss of Geman and McClure, by which a distance of ``reach`` counts a quarter.
    """
    with torch.no_grad():
        apart = torch.cdist(source, goal)
        forth, back = apart.argmin(1), apart.argmin(0)
    total = source.new_zeros(())
    for squared in ((source - goal[forth]).square().sum(-1), (source[back] - goal).square().sum(-1)):
        total = total + (redescending(squared.detach(), reach) * squared).mean() / reach**2
    return total


def _some(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Random ``count`` of ``rows`` (N, ...), or all where there are fewer."""
    if len(rows) <= count:
        return rows
    return rows[torch.randint(len(rows), (count,), generator=generator).to(rows.device)]


def _lengths(points: Tensor, edges: Tensor) -> Tensor:
    return (points[edges[:, 0]] - points[edges[:, 1]]).norm(dim=-1)
