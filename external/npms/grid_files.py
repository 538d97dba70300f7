"""Grids over the cube [-0.5, 0.5]^3: GAPS ``.grd``, and the voxel and signed-distance grids of the published NPM code.

Layouts::

    sdf_{res}.grd                            int32 x 3, float32 x 16 (4 x 4, world to grid), float32 values, x fastest
    partial_views/voxelized_view{v}_{res}res.npz
                                             point_cloud (P, 3), compressed_occupancies (res^3 / 8,) uint8, first bit
                                             highest, z fastest; bb_min, bb_max, res
    partial_sdf_grd/partial_sdf_grd_{res}.npz
                                             points_world (P, 3), sdf_grid and validity_mask (res^3,), z fastest
    ifnet_sdf_grd_{res}.npz                  sdf_grd_flat (res^3,), z fastest

Arrays in memory are indexed [x, y, z]; nodes of the cubes are at ``linspace(-0.5, 0.5, res)``. Every reader compares
the declared resolution with the size of the file before it allocates, and raises an `InputError` that names the file.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.core.npz import NpzFile
from engine.dataset.preparation.view_grids import OccupancyGrid, PartialSdfGrid

MAX_RESOLUTION = 512
"""Finest compressed grid that is read; its size on disk says nothing about its size in memory."""

_HEADER = struct.Struct("<3i16f")


@dataclass(frozen=True, eq=False)
class GapsGrid:
    """A GAPS grid: ``values`` (X, Y, Z) float32 and ``world_to_grid`` (4, 4) float32, for column vectors."""

    values: NDArray[np.float32]
    world_to_grid: NDArray[np.float32]


def read_grd(path: Path) -> GapsGrid:
    """Read a GAPS grid."""
    if not path.is_file():
        raise InputError(path, "is missing", "check the folder")
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise InputError(path, f"has {size} bytes, too few for a GAPS grid", "copy or make the file again")
        fields = _HEADER.unpack(header)
        resolution = fields[:3]
        if min(resolution) < 1 or _HEADER.size + 4 * math.prod(resolution) != size:
            declared = " x ".join(str(count) for count in resolution)
            problem = f"declares a grid of {declared}, which its {size} bytes do not hold"
            raise InputError(path, problem, "it is truncated or not a GAPS grid; make it again")
        values = np.fromfile(file, "<f4")
    world_to_grid = np.array(fields[3:], np.float32).reshape(4, 4)
    if not (np.isfinite(values).all() and np.isfinite(world_to_grid).all()):
        raise InputError(path, "has numbers that are not finite", "make it again")
    # the first index is the slowest in NumPy, but x is the fastest in the file
    return GapsGrid(values.astype(np.float32, copy=False).reshape(resolution[::-1]).transpose(2, 1, 0), world_to_grid)


def write_grd(path: Path, grid: GapsGrid) -> None:
    """Write a GAPS grid."""
    assert grid.values.ndim == 3 and grid.world_to_grid.shape == (4, 4), (grid.values.shape, grid.world_to_grid.shape)
    header = _HEADER.pack(*grid.values.shape, *grid.world_to_grid.ravel().tolist())
    with replacing_file(path) as temporary:
        temporary.write_bytes(header + grid.values.transpose(2, 1, 0).astype("<f4").tobytes())


def read_voxelized_view(path: Path) -> OccupancyGrid:
    """Read the occupancy grid of one view."""
    with NpzFile(path) as archive:
        resolution = int(archive.read("res", "iu", ()))
        if not 1 <= resolution <= MAX_RESOLUTION:
            raise InputError(path, f"declares a resolution of {resolution}", f"up to {MAX_RESOLUTION} is read")
        bounds = float(archive.read("bb_min", "fi", ())), float(archive.read("bb_max", "fi", ()))
        if bounds != (-0.5, 0.5):
            raise InputError(path, f"covers {bounds[0]} to {bounds[1]}, not -0.5 to 0.5", "voxelise it again")
        count = resolution**3
        packed = archive.read("compressed_occupancies", "u", (-(-count // 8),))
        points = archive.read("point_cloud", "f", (None, 3))
    if packed.dtype != np.uint8:
        raise InputError(path, f"has compressed_occupancies of type {packed.dtype}, needs uint8", "voxelise it again")
    bits = np.unpackbits(packed, count=count)
    return OccupancyGrid(points.astype(np.float64), bits.reshape((resolution,) * 3).astype(np.bool_))


def write_voxelized_view(path: Path, grid: OccupancyGrid) -> None:
    """Write the occupancy grid of one view."""
    resolution = _resolution(grid.occupied)
    with replacing_file(path) as temporary:
        np.savez(
            temporary,
            point_cloud=grid.points,
            compressed_occupancies=np.packbits(grid.occupied.ravel()),
            bb_min=-0.5,
            bb_max=0.5,
            res=resolution,
        )


def read_partial_sdf(path: Path) -> PartialSdfGrid:
    """Read the partial signed-distance grid of one view."""
    with NpzFile(path) as archive:
        resolution = _declared_resolution(archive, "sdf_grid")
        count = resolution**3
        sdf = archive.read("sdf_grid", "f", (count,))
        valid = archive.read("validity_mask", "b", (count,))
        points = archive.read("points_world", "f", (None, 3))
    cube = (resolution,) * 3
    return PartialSdfGrid(
        points.astype(np.float64), sdf.astype(np.float32).reshape(cube), (valid.view(np.uint8) != 0).reshape(cube)
    )


def write_partial_sdf(path: Path, grid: PartialSdfGrid) -> None:
    """Write the partial signed-distance grid of one view, compressed."""
    assert _resolution(grid.sdf) == _resolution(grid.valid)
    with replacing_file(path) as temporary:
        np.savez_compressed(
            temporary,
            points_world=grid.points,
            sdf_grid=grid.sdf.astype(np.float32).ravel(),
            validity_mask=grid.valid.astype(np.bool_).ravel(),
        )


def read_ifnet_sdf(path: Path) -> NDArray[np.float32]:
    """Signed distances (R, R, R) of an IF-Net prediction."""
    with NpzFile(path) as archive:
        resolution = _declared_resolution(archive, "sdf_grd_flat")
        return archive.read("sdf_grd_flat", "f", (resolution**3,)).astype(np.float32).reshape((resolution,) * 3)


def write_ifnet_sdf(path: Path, sdf: NDArray[np.float32]) -> None:
    """Write signed distances (R, R, R) as IF-Net predictions are stored."""
    _resolution(sdf)
    with replacing_file(path) as temporary:
        np.savez_compressed(temporary, sdf_grd_flat=sdf.astype(np.float32).ravel())


def _declared_resolution(archive: NpzFile, key: str) -> int:
    shape = archive.shape(key)
    count = math.prod(shape)
    resolution = round(count ** (1 / 3)) if 0 < count <= MAX_RESOLUTION**3 else 0
    if len(shape) != 1 or resolution**3 != count or not resolution:
        raise InputError(archive.path, f"has array {key!r} of shape {shape}, which is not a cube", "make it again")
    return resolution


def _resolution(cube: NDArray[np.generic]) -> int:
    assert cube.ndim == 3 and len(set(cube.shape)) == 1, cube.shape
    return int(cube.shape[0])
