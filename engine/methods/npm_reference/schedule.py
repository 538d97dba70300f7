"""What each iteration of the published recipe does."""

from dataclasses import dataclass

from engine.methods.npm_reference.config import ReferenceConfig


@dataclass(frozen=True)
class Iteration:
    """One pass over all frames."""

    number: int
    """From 0"""
    shape_rate: float
    pose_rate: float
    icp_weight: float
    """0 once the nearest points are no longer looked at"""
    is_snapshot: bool
    """Whether the codes after it are put aside"""


def schedule(config: ReferenceConfig) -> tuple[Iteration, ...]:
    """The iterations up to that whose codes are kept.

    As released, that is the last snapshot: 400 of the iterations 0 to 499. Those after it change nothing that anybody
    sees, and are left out. With ``keep_last`` all are there.
    """
    count = config.iterations
    interval = max(1, count // config.rate_parts)
    between = max(1, count // config.snapshots)
    icp_until = int(config.icp_fraction * count)
    last = count - 1 if config.keep_last else (count - 1) // between * between
    return tuple(
        Iteration(
            number,
            config.shape_rate * 0.5 ** (number // interval),
            config.pose_rate * 0.5 ** (number // interval),
            config.icp_weight if number < icp_until else 0.0,
            number % between == 0 or number == last,
        )
        for number in range(last + 1)
    )


def partners(frames: int) -> list[int]:
    """The other frame of the pair of each of F ``frames``: the next one, of the last frame the one before.

    A single frame is its own partner.
    """
    return [frame + 1 if frame + 1 < frames else max(frame - 1, 0) for frame in range(frames)]
