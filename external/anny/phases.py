"""What families of motions are written with: curves over the phase of a motion, in turns."""

from collections.abc import Callable, Sequence

import numpy as np

from external.anny.rig import Array

Draw = Callable[[float, float], float]
Family = Callable[[Array, Draw], dict[str, Array]]
"""From the phase (F,) in turns, and random numbers between two others, to joint angles (F,) in radians by name."""


def wave_of(t: Array, shift: float = 0.0) -> Array:
    """A sine of the phase in turns, in [-1, 1]."""
    return np.sin(2 * np.pi * (t + shift))


def pulse(t: Array, shift: float = 0.0) -> Array:
    """0 at phase 0, 1 at half a turn, and smoothly back."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (t + shift))


def strike(t: Array) -> Array:
    """A pulse with a short peak: back at 0 for most of the turn."""
    return pulse(t) ** 2


def both(name: str, angle: Array) -> dict[str, Array]:
    """The same angle on both sides."""
    return {f"{name}.L": angle, f"{name}.R": angle}


def visit(t: Array, values: Sequence[float]) -> Array:
    """A smooth periodic curve through ``values`` at equal distances of phase (trigonometric interpolation)."""
    count = len(values)
    coefficients = np.fft.rfft(values) / count
    curve = np.full_like(t, coefficients[0].real)
    for k, c in enumerate(coefficients[1:], start=1):
        weight = 1.0 if 2 * k == count else 2.0
        curve = curve + weight * (c * np.exp(2j * np.pi * k * t)).real
    return curve


def pick(draw: Draw, options: Sequence[Family]) -> Family:
    """One of the ``options``, by a number drawn."""
    return options[min(int(draw(0.0, float(len(options)))), len(options) - 1)]
