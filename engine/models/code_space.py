"""Statistics of learned codes, and their principal directions as sliders."""

from dataclasses import dataclass

import torch
from torch import Tensor

FARTHEST = 3.0
"""Standard deviations from the mean that draws reach along a component."""


@dataclass(frozen=True, eq=False)
class CodeSpace:
    """Mean, spread and principal directions of a set of codes; a slider moves along one direction in its own std."""

    mean: Tensor
    """(C,)"""
    std: Tensor
    """(C,) per dimension"""
    components: Tensor
    """(K, C) orthonormal rows by falling variance; K <= min(N - 1, C), the rank of the codes."""
    scales: Tensor
    """(K,) standard deviation of the codes along each component"""

    @property
    def safe_std(self) -> Tensor:
        """`std` (C,) to divide by: one code alone has none, and dimensions that are hardly used must not count most."""
        return self.std.clamp_min(max(0.1 * float(self.std.mean()), 1e-3))

    @property
    def derivative(self) -> Tensor:
        """(C, K) of `code` by its coefficients: one standard deviation along each component."""
        return (self.scales[:, None] * self.components).T

    @staticmethod
    def from_codes(codes: Tensor) -> "CodeSpace":
        """Principal component analysis of ``codes`` (N, C), with sample (N - 1) variances; of one code K is 0."""
        assert codes.ndim == 2, codes.shape
        assert len(codes) > 0
        exact = codes.detach().double().cpu()
        mean = exact.mean(dim=0)
        degrees = max(len(codes) - 1, 1)
        # the same as of the codes, of which there may be thousands, in a fraction of the time
        triangle = torch.linalg.qr(exact - mean, mode="r").R
        _, singular, components = torch.linalg.svd(triangle, full_matrices=False)
        kept = singular > 1e-6 * max(float(singular.max()), 1e-12)
        kept[degrees:] = False
        components, scales = components[kept], singular[kept] / degrees**0.5
        # the sign of a component is arbitrary: make its largest entry positive, so that it never changes
        largest = components.abs().argmax(dim=1, keepdim=True)
        components = components * components.gather(1, largest).sign()
        std = (exact - mean).square().sum(dim=0).div(degrees).sqrt()
        return CodeSpace(*(value.to(codes) for value in (mean, std, components, scales)))

    def code(self, coefficients: Tensor) -> Tensor:
        """Codes (..., C) at ``coefficients`` (..., k), in standard deviations along the first k <= K components."""
        count = coefficients.shape[-1]
        assert count <= len(self.scales), f"{count} coefficients for {len(self.scales)} components"
        return self.mean + (coefficients.to(self.scales) * self.scales[:count]) @ self.components[:count]

    def coefficients(self, code: Tensor) -> Tensor:
        """Coefficients (..., K) of ``code`` (..., C); what lies outside the span of the codes is left out."""
        assert code.shape[-1] == len(self.mean), code.shape
        return (code.to(self.mean) - self.mean) @ self.components.T / self.scales

    def random(self, generator: torch.Generator, count: int, std: float = 1.0) -> Tensor:
        """A code (C,), normally distributed with ``std`` along the first ``count`` components (at most K)."""
        count = min(count, len(self.scales))
        return self.code(std * torch.randn(count, generator=generator, device=generator.device))

    def draw(self, count: int, generator: torch.Generator, spread: float = 1.0) -> Tensor:
        """Coefficients (N, K) of ``count`` draws from the normal distribution that has the covariance of the codes.

        All standard deviations are ``spread`` times as large. Along each component the distribution is cut off at
        `FARTHEST` of them: with a hundred components, some would be farther out in every other draw.
        """
        inside = torch.special.ndtr(torch.tensor(FARTHEST, dtype=torch.float64))
        uniform = torch.rand((count, len(self.scales)), generator=generator, dtype=torch.float64)
        return (spread * torch.special.ndtri(1 - inside + (2 * inside - 1) * uniform)).to(self.scales)

    def nearer(self, coefficients: Tensor) -> Tensor:
        """Fraction (...) of the normal distribution of the codes that is nearer to its mean than ``coefficients``.

        Near is meant in standard deviations along all K components: the squared distance of ``coefficients`` (..., K)
        has a chi-squared distribution with K degrees of freedom. One half is usual, close to one is unheard of.
        """
        squared = coefficients.double().square().sum(dim=-1)
        return torch.special.gammainc(torch.full_like(squared, len(self.scales) / 2), squared / 2)


def interpolate(code_a: Tensor, code_b: Tensor, steps: int) -> Tensor:
    """``steps`` >= 2 codes (steps, C) on the straight line from ``code_a`` (C,) to ``code_b`` (C,), both included."""
    assert code_a.shape == code_b.shape, (code_a.shape, code_b.shape)
    assert steps >= 2, steps
    return between(code_a, code_b, torch.linspace(0, 1, steps, dtype=code_a.dtype, device=code_a.device)[:, None])


def between(code_a: Tensor, code_b: Tensor, fraction: float | Tensor) -> Tensor:
    """The code (C,) at ``fraction`` of the way from ``code_a`` (C,) to ``code_b`` (C,); (N, C) at fractions (N, 1)."""
    return torch.lerp(code_a, code_b, fraction)
