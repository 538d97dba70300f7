"""GAPS .sdf, .pts and .grd against files written byte by byte."""

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.npms.grid_files import GapsGrid, read_grd, write_grd
from external.npms.sample_files import read_pts, read_sdf, write_pts, write_sdf

IDENTITY = (1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0)


def grd_bytes(resolution: tuple[int, int, int], matrix: tuple[float, ...] = IDENTITY) -> bytes:
    """A grid whose value at (x, y, z) is 100 x + 10 y + z."""
    nx, ny, nz = resolution
    body = b""
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                body += struct.pack("<f", 100 * x + 10 * y + z)
    return struct.pack("<3i", *resolution) + struct.pack("<16f", *matrix) + body


def test_sdf_rows_are_four_little_endian_floats(tmp_path: Path) -> None:
    path = tmp_path / "samples_near.sdf"
    path.write_bytes(struct.pack("<8f", 0.1, 0.2, 0.3, -0.04, 1, 2, 3, 0.5))
    np.testing.assert_array_equal(read_sdf(path), np.array([[0.1, 0.2, 0.3, -0.04], [1, 2, 3, 0.5]], np.float32))


def test_pts_rows_are_six_little_endian_floats(tmp_path: Path) -> None:
    path = tmp_path / "samples_surface.pts"
    path.write_bytes(struct.pack("<6f", 0.1, 0.2, 0.3, 0, 0, 1))
    np.testing.assert_array_equal(read_pts(path), np.array([[0.1, 0.2, 0.3, 0, 0, 1]], np.float32))


def test_samples_are_written_as_the_bytes_that_gaps_writes(tmp_path: Path) -> None:
    write_sdf(tmp_path / "a.sdf", np.array([[0.1, 0.2, 0.3, -0.04]]))
    write_pts(tmp_path / "a.pts", np.array([[0.1, 0.2, 0.3, 0, 0, 1]]))
    assert (tmp_path / "a.sdf").read_bytes() == struct.pack("<4f", 0.1, 0.2, 0.3, -0.04)
    assert (tmp_path / "a.pts").read_bytes() == struct.pack("<6f", 0.1, 0.2, 0.3, 0, 0, 1)


@pytest.mark.parametrize("content", [b"", b"\0" * 15, b"\0" * 36])
def test_samples_that_are_no_whole_rows_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "samples_near.sdf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"samples_near\.sdf: has \d+ bytes.*sample it again"):
        read_sdf(path)


def test_samples_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples_near.sdf"
    path.write_bytes(struct.pack("<4f", 0, 0, float("nan"), 0))
    with pytest.raises(InputError, match="not finite"):
        read_sdf(path)


def test_missing_samples_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"samples_near\.sdf: is missing"):
        read_sdf(tmp_path / "samples_near.sdf")


@pytest.mark.parametrize("resolution", [(2, 2, 2), (3, 4, 5)])
def test_a_grid_is_indexed_by_x_y_z_though_x_is_fastest_in_the_file(
    tmp_path: Path, resolution: tuple[int, int, int]
) -> None:
    path = tmp_path / "sdf_2.grd"
    matrix = tuple(float(i) for i in range(16))
    path.write_bytes(grd_bytes(resolution, matrix))
    grid = read_grd(path)
    assert grid.values.shape == resolution and grid.values.dtype == np.float32
    assert grid.values[1, 0, 1] == 101 and grid.values[0, 1, 0] == 10
    np.testing.assert_array_equal(grid.world_to_grid, np.arange(16).reshape(4, 4))


def test_a_grid_is_written_as_the_bytes_that_gaps_writes(tmp_path: Path) -> None:
    x, y, z = np.meshgrid(np.arange(3), np.arange(4), np.arange(5), indexing="ij")
    write_grd(tmp_path / "a.grd", GapsGrid((100 * x + 10 * y + z).astype(np.float32), np.eye(4, dtype=np.float32)))
    assert (tmp_path / "a.grd").read_bytes() == grd_bytes((3, 4, 5))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        grd_bytes((2, 2, 2))[:-4],
        grd_bytes((2, 2, 2)) + b"\0",
        struct.pack("<3i", 2**31 - 1, 2**31 - 1, 2**31 - 1) + grd_bytes((2, 2, 2))[12:],
        struct.pack("<3i", -2, -2, 2) + grd_bytes((2, 2, 2))[12:],
        struct.pack("<3i", 0, 2, 2) + grd_bytes((2, 2, 2))[12:],
    ],
)
def test_a_grid_whose_header_does_not_match_its_size_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sdf_2.grd"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"sdf_2\.grd: (declares a grid|has 0 bytes)"):
        read_grd(path)


def test_a_grid_with_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sdf_2.grd"
    path.write_bytes(grd_bytes((2, 2, 2))[:-4] + struct.pack("<f", float("nan")))
    with pytest.raises(InputError, match="not finite"):
        read_grd(path)
