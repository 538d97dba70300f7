"""How much detail a preview may have and still keep up with the hand."""

from collections.abc import Sequence

_MEMORY = 0.6
"""Weight of the past in the moving average of a duration."""
_LEVELS_KNOWN = 16
"""Measured last: those between the levels, such as all vertices of a surface, would be more with every surface."""


class LevelOfDetail:
    """The most detailed level that is made within a time budget, learned from what earlier ones took."""

    def __init__(self, levels: Sequence[int], budget_ms: float, power: float) -> None:
        """Expect the duration to grow with the ``power`` of the level."""
        self._levels, self._budget_ms, self._power = tuple(levels), budget_ms, power
        self._average_ms: dict[int, float] = {}

    def choose(self) -> int:
        """Level of the next preview; the lowest while nothing is known."""
        if not self._average_ms:
            return min(self._levels)
        within = [level for level in self._levels if self.expected_ms(level) <= self._budget_ms]
        return max(within, default=min(self._levels))

    def expected_ms(self, level: int) -> float:
        """Duration at ``level``: measured, or scaled from the nearest measured one; 0 while nothing is known."""
        if not self._average_ms:
            return 0.0
        nearest = min(self._average_ms, key=lambda known: abs(known - level))
        return self._average_ms[nearest] * (level / nearest) ** self._power

    def learn(self, level: int, milliseconds: float) -> None:
        """``level`` took this long.

        By how much it has become slower or faster than before, so have the others: what changes is the load of the
        machine, and a level that was too slow once would never be tried again.
        """
        past = self._average_ms.pop(level, milliseconds)
        change = _MEMORY + (1 - _MEMORY) * milliseconds / max(past, 1e-3)
        self._average_ms[level] = past
        latest = list(self._average_ms.items())[-_LEVELS_KNOWN:]
        self._average_ms = {known: average * change for known, average in latest}
