"""The npz files and labels of the published NPM code and IF-Net."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.preparation.flow_export import FlowSampling
from engine.dataset.preparation.view_grids import OccupancyGrid, PartialSdfGrid
from external.npms.grid_files import (
    read_ifnet_sdf,
    read_partial_sdf,
    read_voxelized_view,
    write_ifnet_sdf,
    write_partial_sdf,
    write_voxelized_view,
)
from external.npms.sample_files import (
    BoundarySamples,
    read_boundary_samples,
    read_flow_samples,
    read_flow_sampling,
    read_labels,
    write_boundary_samples,
    write_flow_samples,
    write_flow_sampling,
)


def npy(descr: str, shape: tuple[int, ...], content: bytes) -> bytes:
    """An npy file of version 1.0, byte by byte."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape!r}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1") + content


def write_npz(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def doubles(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def flow_file(path: Path, *numbers: float) -> Path:
    return write_npz(path, points=npy("<f8", (len(numbers) // 3, 3), doubles(*numbers)))


def test_flow_samples_are_read_whole_or_from_the_beginning(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "flow_samples_0.01.npz", *range(9))
    np.testing.assert_array_equal(read_flow_samples(path), np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(read_flow_samples(path, rows=2), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(read_flow_samples(path, rows=5), np.arange(9.0).reshape(3, 3))


def test_the_sampling_of_an_identity_is_read(tmp_path: Path) -> None:
    path = write_npz(
        tmp_path / "sampling_info_flow_0.01.npz",
        faces_ref=npy("<i8", (2,), struct.pack("<2q", 7, 3)),
        bary_coords_ref=npy("<f8", (2, 3), doubles(1, 0, 0, 0.25, 0.25, 0.5)),
        random_noise=npy("<f8", (2, 1), doubles(-0.01, 0.005)),
    )
    sampling = read_flow_sampling(path)
    assert sampling.faces.tolist() == [7, 3] and sampling.offsets.tolist() == [-0.01, 0.005]
    assert sampling.barycentric.tolist() == [[1, 0, 0], [0.25, 0.25, 0.5]]


def test_written_samples_have_the_published_keys_shapes_and_types(tmp_path: Path) -> None:
    write_flow_samples(tmp_path / "f.npz", np.zeros((5, 3)))
    write_flow_sampling(tmp_path / "s.npz", FlowSampling(np.arange(5), np.full((5, 3), 1 / 3), np.ones(5)))
    assert shapes(tmp_path / "f.npz") == {"points": ((5, 3), "float64")}
    assert shapes(tmp_path / "s.npz") == {
        "faces_ref": ((5,), "int64"),
        "bary_coords_ref": ((5, 3), "float64"),
        "random_noise": ((5, 1), "float64"),
    }


def shapes(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    with np.load(path) as arrays:
        return {name: (arrays[name].shape, str(arrays[name].dtype)) for name in arrays.files}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "has no array 'points'"),
        ({"points": npy("<f8", (2, 2), doubles(1, 2, 3, 4))}, "needs .N, 3. of floating-point numbers"),
        ({"points": npy("<i8", (1, 3), struct.pack("<3q", 1, 2, 3))}, "type int64, needs"),
        ({"points": npy("<f8", (0, 3), b"")}, r"shape \(0, 3\)"),
        ({"points": npy("<f8", (10**12, 3), b"")}, r"shape \(1000000000000, 3\)"),
        ({"points": npy("<f8", (-1, 3), b"")}, r"shape \(-1, 3\)"),
        ({"points": npy("<f8", (10**6, 3), doubles(1, 2, 3))}, "size is not what it declares"),
        ({"points": npy("<f8", (1, 3), doubles(1, 2, 3, 4))}, "size is not what it declares"),
        ({"points": npy("<f8", (1, 3), doubles(1, 2, float("inf")))}, "not finite"),
        ({"points": b"\x93NUMPY\x01\x00"}, "not a readable npz file"),
        ({"points": b"no array"}, "not a readable npz file"),
    ],
)
def test_flow_samples_of_another_shape_type_or_size_are_refused(
    tmp_path: Path, members: dict[str, Any], message: str
) -> None:
    path = write_npz(tmp_path / "flow_samples_0.01.npz", **members)
    with pytest.raises(InputError, match=rf"flow_samples_0\.01\.npz: .*{message}"):
        read_flow_samples(path)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('an array was unpickled')",)


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.array([Bomb()], object), allow_pickle=True)
    assert pickle.dumps(Bomb()) and b"an array was unpickled" in content.getvalue()
    path = write_npz(tmp_path / "f.npz", points=content.getvalue())
    with pytest.raises(InputError, match="Python objects"):
        read_flow_samples(path)


def test_truncated_and_foreign_archives_are_refused(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "f.npz", *range(9))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="not a readable npz file"):
        read_flow_samples(path)
    path.write_bytes(b"PK\x03\x04 but no archive")
    with pytest.raises(InputError, match="not a readable npz file"):
        read_flow_samples(path)
    with pytest.raises(InputError, match="is missing"):
        read_flow_samples(tmp_path / "none.npz")


def test_an_archive_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "f.npz", *range(9))
    content = bytearray(path.read_bytes())
    content[content.index(doubles(8.0)) + 6] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable npz file"):
        read_flow_samples(path)


def test_a_zip_bomb_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    member = npy("<f4", (3 * 10**7,), bytes(12 * 10**7))
    path = write_npz(tmp_path / "ifnet_sdf_grd_256.npz", zipfile.ZIP_DEFLATED, sdf_grd_flat=member)
    assert path.stat().st_size < 10**6
    with pytest.raises(InputError, match="which is not a cube"):
        read_ifnet_sdf(path)


def voxel_members(resolution: int, packed: bytes) -> dict[str, Any]:
    return {
        "point_cloud": npy("<f8", (1, 3), doubles(0.1, 0.2, 0.3)),
        "compressed_occupancies": npy("|u1", (len(packed),), packed),
        "bb_min": npy("<f8", (), doubles(-0.5)),
        "bb_max": npy("<f8", (), doubles(0.5)),
        "res": npy("<i8", (), struct.pack("<q", resolution)),
    }


def test_occupancies_are_packed_with_z_fastest_and_the_first_bit_highest(tmp_path: Path) -> None:
    # nodes (0, 0, 1), (0, 1, 0) and (1, 0, 0) of a grid of 2 nodes per axis: bits 1, 2 and 4 of one byte
    path = write_npz(tmp_path / "voxelized_view0_2res.npz", **voxel_members(2, bytes([0b01101000])))
    view = read_voxelized_view(path)
    assert np.argwhere(view.occupied).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert view.points.tolist() == [[0.1, 0.2, 0.3]]
    write_voxelized_view(tmp_path / "again.npz", view)
    with np.load(tmp_path / "again.npz") as arrays:
        assert arrays["compressed_occupancies"].tolist() == [0b01101000] and int(arrays["res"]) == 2
        assert float(arrays["bb_min"]) == -0.5 and float(arrays["bb_max"]) == 0.5


@pytest.mark.parametrize("resolution", [1, 3, 4, 5])
def test_occupancies_of_every_resolution_survive(tmp_path: Path, resolution: int) -> None:
    occupancy = np.random.default_rng(0).random((resolution,) * 3) < 0.5
    write_voxelized_view(tmp_path / "v.npz", OccupancyGrid(np.zeros((1, 3)), occupancy))
    np.testing.assert_array_equal(read_voxelized_view(tmp_path / "v.npz").occupied, occupancy)


@pytest.mark.parametrize(("resolution", "packed"), [(4, b"\0"), (10**9, b"\0"), (-2, b"\0"), (2, b"\0\0")])
def test_occupancies_that_do_not_fit_their_resolution_are_refused(
    tmp_path: Path, resolution: int, packed: bytes
) -> None:
    path = write_npz(tmp_path / "v.npz", **voxel_members(resolution, packed))
    with pytest.raises(InputError, match=r"declares a resolution|compressed_occupancies"):
        read_voxelized_view(path)


def test_a_partial_grid_is_flat_with_z_fastest(tmp_path: Path) -> None:
    path = write_npz(
        tmp_path / "partial_sdf_grd_2.npz",
        zipfile.ZIP_DEFLATED,
        points_world=npy("<f8", (1, 3), doubles(0, 0, 0.1)),
        sdf_grid=npy("<f4", (8,), struct.pack("<8f", *range(8))),
        validity_mask=npy("|b1", (8,), bytes([0, 1, 0, 0, 0, 0, 1, 0])),
    )
    grid = read_partial_sdf(path)
    assert grid.sdf[1, 0, 0] == 4 and grid.sdf[0, 1, 0] == 2 and grid.sdf[0, 0, 1] == 1
    assert np.argwhere(grid.valid).tolist() == [[0, 0, 1], [1, 1, 0]]
    write_partial_sdf(tmp_path / "again.npz", grid)
    assert shapes(tmp_path / "again.npz") == {
        "points_world": ((1, 3), "float64"),
        "sdf_grid": ((8,), "float32"),
        "validity_mask": ((8,), "bool"),
    }
    again = read_partial_sdf(tmp_path / "again.npz")
    np.testing.assert_array_equal(again.sdf, grid.sdf)
    np.testing.assert_array_equal(again.valid, grid.valid)


def test_a_partial_grid_whose_mask_has_another_size_is_refused(tmp_path: Path) -> None:
    write_partial_sdf(
        tmp_path / "p.npz", PartialSdfGrid(np.zeros((1, 3)), np.zeros((2, 2, 2), np.float32), np.ones((2, 2, 2), bool))
    )
    with np.load(tmp_path / "p.npz") as arrays:
        np.savez(tmp_path / "q.npz", **{**arrays, "validity_mask": np.ones(27, bool)})
    with pytest.raises(InputError, match=r"q\.npz: has array 'validity_mask'"):
        read_partial_sdf(tmp_path / "q.npz")


def test_ifnet_grids_are_flat_with_z_fastest(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "ifnet_sdf_grd_2.npz", sdf_grd_flat=npy("<f4", (8,), struct.pack("<8f", *range(8))))
    sdf = read_ifnet_sdf(path)
    assert sdf[1, 0, 0] == 4 and sdf[0, 0, 1] == 1
    write_ifnet_sdf(tmp_path / "again.npz", sdf)
    np.testing.assert_array_equal(read_ifnet_sdf(tmp_path / "again.npz"), sdf)


def test_boundary_samples_have_grid_coordinates_with_x_and_z_swapped(tmp_path: Path) -> None:
    path = write_npz(
        tmp_path / "boundary_0.1_samples.npz",
        points=npy("<f8", (2, 3), doubles(0.1, 0.2, 0.3, -0.1, 0, 0)),
        occupancies=npy("|b1", (2,), b"\x01\x00"),
        grid_coords=npy("<f8", (2, 3), doubles(0.6, 0.4, 0.2, 0, 0, -0.2)),
    )
    samples = read_boundary_samples(path)
    assert samples.occupancies.tolist() == [True, False] and samples.points[0].tolist() == [0.1, 0.2, 0.3]
    write_boundary_samples(tmp_path / "again.npz", samples)
    with np.load(tmp_path / "again.npz") as arrays:
        np.testing.assert_allclose(arrays["grid_coords"], [[0.6, 0.4, 0.2], [0, 0, -0.2]])
        assert arrays["occupancies"].dtype == bool


def test_boundary_samples_whose_grid_coordinates_are_other_points_are_refused(tmp_path: Path) -> None:
    write_boundary_samples(tmp_path / "b.npz", BoundarySamples(np.full((2, 3), 0.1), np.ones(2, bool)))
    with np.load(tmp_path / "b.npz") as arrays:
        np.savez(tmp_path / "c.npz", **{**arrays, "grid_coords": np.zeros((2, 3))})
    with pytest.raises(InputError, match="x and z swapped"):
        read_boundary_samples(tmp_path / "c.npz")


LABEL = {
    "dataset": "cape",
    "identity_id": 0,
    "identity_name": "00032_shortlong",
    "animation_name": "hips",
    "sample_id": "000001",
}


def test_labels_may_lack_the_dataset(tmp_path: Path) -> None:
    old = {key: value for key, value in LABEL.items() if key != "dataset"}
    (tmp_path / "labels.json").write_text(json.dumps([LABEL, old]))
    first, second = read_labels(tmp_path / "labels.json")
    assert (first.dataset, second.dataset) == ("cape", None)
    assert (first.identity_id, first.identity, first.sequence, first.sample) == (0, "00032_shortlong", "hips", "000001")


@pytest.mark.parametrize("key", ["dataset", "identity_name", "animation_name", "sample_id"])
@pytest.mark.parametrize("value", ["../../x", "/etc", "..", "", "a\\b"])
def test_labels_that_lead_out_of_their_folder_are_refused(tmp_path: Path, key: str, value: str) -> None:
    (tmp_path / "labels.json").write_text(json.dumps([{**LABEL, key: value}]))
    with pytest.raises(InputError, match=r"labels\.json: has a name that is not allowed"):
        read_labels(tmp_path / "labels.json")


@pytest.mark.parametrize("content", ["{}{", '{"a": 1}', "[1]", '[{"dataset": "cape"}]', "7"])
def test_label_files_that_hold_something_else_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(InputError, match=r"labels\.json: is not"):
        read_labels(tmp_path / "labels.json")
