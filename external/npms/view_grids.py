"""Occupancy and partial signed-distance grids of a depth sequence, as files of the published NPM code.

Per frame, with N nodes per axis::

    <frame>/partial_views/voxelized_view0_{N}res.npz
    <frame>/partial_sdf_grd/partial_sdf_grd_{N}.npz
"""

import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from engine.core.errors import Cancelled, InputError, Setting, remedy
from engine.core.files import check_name
from engine.core.progress import Progress
from engine.dataset.preparation.view_grids import PosedDepthImage, occupancy_grid, partial_sdf_grid
from engine.geometry.similarity import Similarity
from engine.sequences.depth_sequence import DepthSequence
from external.npms.grid_files import write_partial_sdf, write_voxelized_view

GridKind = Literal["occupancy", "partial-sdf"]
KINDS: tuple[GridKind, ...] = ("occupancy", "partial-sdf")


def write_view_grids(
    sequence: DepthSequence,
    out: Path,
    similarity: Similarity,
    resolution: int,
    kinds: Collection[GridKind] = KINDS,
    progress: Progress | None = None,
) -> int:
    """Write the grids of every frame below ``out``; returns how many frames were written.

    Frames are done side by side, for compressing a grid takes longer than computing it. A user who stops the work
    keeps the frames made so far.

    Raises:
        InputError: a frame shows nothing inside the cube.
        Cancelled: stopped before the first frame.
    """
    progress = progress or Progress()
    names = [check_name(name, sequence.root) for name in sequence.frame_names]
    progress.stage("grids", len(names))

    def write(index: int) -> int:
        if progress.cancelled():
            return 0
        depth_m = sequence.depth_m(index)
        if not depth_m.any():
            raise InputError(f"{sequence.root}: frame {names[index]}", "shows nothing", "take it out of the folder")
        view = PosedDepthImage(depth_m, sequence.camera, sequence.camera_at(index), similarity)
        occupancy = occupancy_grid(view, resolution)
        if not occupancy.occupied.any():
            problem = "shows no surface inside the canonical cube"
            fix = remedy("choose another {}", Setting.NORMALISATION)
            raise InputError(f"{sequence.root}: frame {names[index]}", problem, fix)
        if "occupancy" in kinds:
            path = out / names[index] / "partial_views" / f"voxelized_view0_{resolution}res.npz"
            write_voxelized_view(path, occupancy)
        if "partial-sdf" in kinds:
            path = out / names[index] / "partial_sdf_grd" / f"partial_sdf_grd_{resolution}.npz"
            write_partial_sdf(path, partial_sdf_grid(view, resolution))
        return 1

    written = 0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as executor:  # a grid of 256^3 takes 150 MB
        jobs = [executor.submit(write, index) for index in range(len(names))]
        try:
            for job in jobs:
                written += job.result()
                progress.advance(written)
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise
    if written == 0:
        raise Cancelled
    return written
