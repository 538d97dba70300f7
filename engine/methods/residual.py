"""What a fit leaves unexplained, in words that need no knowledge of the method."""

import numpy as np

from engine.core.errors import Notice, Remedy
from engine.geometry.signed_distance import unsigned_distance
from engine.methods.run import Run
from engine.sequences.depth_sequence import DepthSequence

_FRAMES, _POINTS = 5, 2000
POOR = 0.03
"""Of the size of what is seen: more is no fit of a model of its class."""


def residual_notice(run: Run, sequence: DepthSequence) -> Notice | None:
    """How far what was seen lies from the meshes of ``run``, in some frames; None where no frame is in both."""
    index_of = {name: index for index, name in enumerate(sequence.frame_names)}
    rows = [(row, index_of[name]) for row, name in enumerate(run.frame_names) if name in index_of]
    random = np.random.default_rng(0)
    distances, sizes = [], []
    for place in sorted(set(np.linspace(0, len(rows) - 1, min(_FRAMES, len(rows))).round().astype(int).tolist())):
        row, index = rows[place]
        mesh, points = run.meshes.read(row), sequence.points_world(index).astype(np.float64)
        if mesh.is_empty:
            continue
        chosen = points[random.choice(len(points), min(_POINTS, len(points)), replace=False)]
        distances.append(float(unsigned_distance(chosen, mesh.vertices, mesh.faces).mean()))
        sizes.append(float(np.ptp(np.quantile(points, (0.005, 0.995), axis=0), axis=0).max()))
    if not distances:
        return None
    distance, size = float(np.median(distances)), float(np.median(sizes))
    fraction = distance / max(size, 1e-9)
    text = f"what was seen lies {distance * 1000:.3g} mm from the fit on average, {fraction:.1%} of its {size:.3g} m"
    if fraction <= POOR:
        return Notice(text)
    other = "look at it; a model of another class or of too few identities, or another place of the subject, does this"
    return Notice(f"warning: a poor fit: {text}", Remedy(other))
