"""How fine a preview may be and still keep up with the hand."""

LADDER = (32, 40, 48, 64, 80, 96, 128)
_START = 48
_MEMORY = 0.7
"""Weight of the past in the moving average of a duration."""


class LevelOfDetail:
    """The finest grid whose mesh is made within a time budget, learned from what earlier ones took."""

    def __init__(self, budget_ms: float) -> None:
        self._budget_ms = budget_ms
        self._average_ms: dict[int, float] = {}

    def choose(self, finest: int) -> int:
        """Grid nodes per axis for the next preview, at most ``finest``."""
        steps = [resolution for resolution in LADDER if resolution < finest] + [finest]
        if not self._average_ms:
            return min(_START, finest)
        within = [resolution for resolution in steps if self.expected_ms(resolution) <= self._budget_ms]
        return max(within, default=steps[0])

    def expected_ms(self, resolution: int) -> float:
        """Duration at ``resolution``: measured, or scaled by the surface's cells from the nearest measured one."""
        nearest = min(self._average_ms, key=lambda known: abs(known - resolution))
        return self._average_ms[nearest] * (resolution / nearest) ** 2

    def learn(self, resolution: int, milliseconds: float) -> None:
        """A mesh at ``resolution`` took this long."""
        past = self._average_ms.get(resolution, milliseconds)
        self._average_ms[resolution] = _MEMORY * past + (1 - _MEMORY) * milliseconds
