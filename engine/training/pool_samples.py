"""Signed-distance pools on the training device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.core.progress import Progress
from engine.dataset.pools import load_pools
from engine.dataset.registered import RegisteredDataset


@dataclass(frozen=True, eq=False)
class PoolSampler:
    """The pools of several identities, cut to the size of the smallest."""

    near: Tensor
    """(I, N, 4): x, y, z and signed distance, canonical, close to the surface"""
    uniform: Tensor
    """(I, M, 4): the same, uniform in the cube"""
    surface: Tensor
    """(I, K, 6): points on the surface and their normals"""

    @staticmethod
    def load(
        dataset: RegisteredDataset, device: torch.device, progress: Progress, identities: Sequence[int] | None = None
    ) -> "PoolSampler":
        """Read the pools of ``identities`` (all by default) to ``device``.

        Raises:
            InputError: pools are missing or damaged.
        """
        chosen = range(len(dataset.identities)) if identities is None else identities
        progress.stage("read pools", len(chosen))
        pools: dict[str, list[Tensor]] = {"near": [], "uniform": [], "surface": []}
        for done, identity in enumerate(chosen):
            read = load_pools(dataset, identity)
            for name, parts in pools.items():
                parts.append(torch.tensor(getattr(read, name)).to(device))
            progress.advance(done + 1)
        return PoolSampler(
            **{name: torch.stack([part[: min(map(len, parts))] for part in parts]) for name, parts in pools.items()}
        )

    def draw(self, identities: Tensor, mine: slice, near: int, uniform: int, generator: torch.Generator) -> Tensor:
        """Random samples (B', near + uniform, 4) of ``identities[mine]``, identities (B,)."""
        return torch.cat(
            (
                _pick(self.near, identities, mine, near, generator),
                _pick(self.uniform, identities, mine, uniform, generator),
            ),
            dim=1,
        )

    def draw_surface(self, identities: Tensor, mine: slice, points: int, generator: torch.Generator) -> Tensor:
        """Random surface points and normals (B', points, 6) of ``identities[mine]``."""
        return _pick(self.surface, identities, mine, points, generator)


def _pick(pools: Tensor, identities: Tensor, mine: slice, points: int, generator: torch.Generator) -> Tensor:
    shape = len(identities), points
    columns = torch.randint(pools.shape[1], shape, generator=generator, device=pools.device)[mine]
    return pools[identities[mine, None], columns]
