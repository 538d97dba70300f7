"""Time of the Cython kernels in csrc against their NumPy twins.

    python benchmarks/depth_kernels.py [--out FILE.json] [--size WIDTHxHEIGHT] [--repeats N]

The image is a wavy surface at 2 m with sensor noise, a step and 10 % holes. Each figure is the median of the repeats.
PCA normals are compared with a vectorised version, their twin loops over pixels; validity and sign are those of one
million points around the surface.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from csrc import depth as kernels
from csrc import depth_numpy as twins
from engine.core.files import write_json


def depth_image(width: int, height: int) -> np.ndarray:
    """(height, width) float32 metres."""
    generator = np.random.default_rng(0)
    depth = 2 + 0.1 * np.sin(np.arange(width) / 20) + 0.001 * generator.standard_normal((height, width))
    depth[:, width // 2 :] += 0.5
    depth[generator.random((height, width)) < 0.1] = 0
    return depth.astype(np.float32)


def vectorised_pca_normals(points: np.ndarray, window: int, max_distance: float) -> np.ndarray:
    """`csrc.depth.pca_normals` by shifted images and one batched eigendecomposition."""
    reach, (height, width) = window // 2, points.shape[:2]
    valid = np.isfinite(points[..., 2])
    padded = np.pad(points.astype(np.float64), ((reach, reach), (reach, reach), (0, 0)), constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, (window, window), axis=(0, 1))  # (H, W, 3, k, k)
    offsets = views[valid].reshape(valid.sum(), 3, -1) - points[valid][..., None]  # (P, 3, k * k)
    with np.errstate(invalid="ignore"):
        near = (offsets**2).sum(axis=1) <= max_distance**2
    offsets = np.where(near[:, None], offsets, 0)
    offsets = np.where(near[:, None], offsets - offsets.sum(axis=2, keepdims=True) / near.sum(axis=1)[:, None, None], 0)
    variances, directions = np.linalg.eigh(offsets @ offsets.transpose(0, 2, 1))
    normal = directions[..., 0] * np.where((directions[..., 0] * points[valid]).sum(axis=1) < 0, 1, -1)[:, None]
    low, middle, high = variances.T
    normal[low * middle + low * high + middle * high <= twins.FLATNESS * variances.sum(axis=1) ** 2] = np.nan
    normals = np.full((height, width, 3), np.nan, np.float32)
    normals[valid] = normal
    return normals


def median_ms(function: Callable[..., Any], arguments: tuple[Any, ...], repeats: int) -> float:
    """Median milliseconds of one call, after one call to warm up."""
    function(*arguments)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/depth_kernels.json"))
    parser.add_argument("--size", default="640x480", metavar="WIDTHxHEIGHT")
    parser.add_argument("--repeats", type=int, default=21)
    options = parser.parse_args()
    width, height = (int(number) for number in options.size.split("x"))
    depth = depth_image(width, height)
    points = twins.backproject_depth(depth, 0.9 * width, 0.9 * width, width / 2, height / 2)
    cases: dict[str, tuple[Any, ...]] = {
        "backproject_depth": (depth, 0.9 * width, 0.9 * width, width / 2, height / 2),
        "depth_normals": (points,),
        "triangulate_depth": (points, 0.05),
    }
    surroundings = np.random.default_rng(1).uniform([-1, -1, 1], [1, 1, 3], (1_000_000, 3)).astype(np.float32)
    cases["pca_normals"] = (points, 5, 0.05)
    cases["validity_and_sign"] = (surroundings, depth > 0, *cases["backproject_depth"], 0.025)
    alternatives = {"pca_normals": vectorised_pca_normals}
    results: dict[str, dict[str, float]] = {}
    print(f"{width}x{height} pixels, {kernels.thread_count()} threads, median of {options.repeats}")
    print(f"load average {os.getloadavg()[0]:.2f}")
    print(f"{'kernel':<20}{'NumPy ms':>10}{'Cython ms':>11}{'ratio':>8}")
    for name, arguments in cases.items():
        alternative = alternatives.get(name, getattr(twins, name))
        twin = median_ms(alternative, arguments, min(options.repeats, 5))
        kernel = median_ms(getattr(kernels, name), arguments, options.repeats)
        results[name] = {"numpy_ms": round(twin, 3), "cython_ms": round(kernel, 3), "ratio": round(twin / kernel, 2)}
        print(f"{name:<20}{twin:>10.2f}{kernel:>11.2f}{twin / kernel:>8.1f}")
    report = {
        "benchmark": "depth_kernels",
        "width": width,
        "height": height,
        "repeats": options.repeats,
        "threads": kernels.thread_count(),
        "logical_cpus": os.cpu_count(),
        "load_average": os.getloadavg(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernels": results,
    }
    write_json(options.out, report)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
