"""How far a mesh lies from a scan of all sides, and the scan from the mesh."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.methods.distances import REACH, FrameMeasure, Measures
from engine.sequences.scan import Scan, surface_samples

SAMPLES = 10_000
"""Of either surface, spread evenly."""


@dataclass(frozen=True)
class ScanDistances:
    """Mean distances between two surfaces; each is cut off at the reach of `engine.methods.distances.Measures`."""

    to_fit_m: float
    """From the scan to the fit."""
    to_scan_m: float
    """From the fit to the scan."""

    @property
    def mean_m(self) -> float:
        return (self.to_fit_m + self.to_scan_m) / 2

    def as_dict(self) -> dict[str, float]:
        return {"scan_to_fit_mm": round(1000 * self.to_fit_m, 3), "fit_to_scan_mm": round(1000 * self.to_scan_m, 3)}


def measure_scan(mesh: Mesh, scan: Scan) -> tuple[Measures, ScanDistances | None]:
    """Compare ``mesh``, world, metres, with ``scan``, as a frame whose mean distance is that of both directions.

    `FrameMeasure.beyond` is of the scan, and `FrameMeasure.unseen` the fraction of the mesh that has nothing of the
    scan within reach.
    """
    seen_m = _size(scan.surface)
    if mesh.is_empty or not np.isfinite(mesh.vertices).all():
        return Measures(0.0, (FrameMeasure(SAMPLES, seen_m),)), None
    size_m = _size(mesh)
    of_scan = _distances(scan.surface, mesh, REACH * size_m)
    of_mesh = _distances(mesh, scan.surface, REACH * size_m)
    found = ScanDistances(float(of_scan.mean(dtype=np.float64)), float(of_mesh.mean(dtype=np.float64)))
    beyond, unseen = (float((each >= REACH * size_m).mean()) for each in (of_scan, of_mesh))
    return Measures(size_m, (FrameMeasure(SAMPLES, seen_m, found.mean_m, beyond, unseen),)), found


def _distances(one: Mesh, other: Mesh, reach_m: float) -> NDArray[np.float32]:
    """(N,) of points of ``one`` from ``other``."""
    return MeshDistance()(surface_samples(one, SAMPLES), other, reach_m)


def _size(mesh: Mesh) -> float:
    return float(np.ptp(mesh.vertices.astype(np.float64), axis=0).max())
