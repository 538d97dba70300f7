"""Point samples: GAPS ``.sdf`` and ``.pts``, flow samples, IF-Net boundary samples; and label files.

Layouts::

    samples_near.sdf, samples_uniform.sdf   float32 rows x, y, z, signed distance; little-endian, no header
    samples_surface.pts                     float32 rows x, y, z, nx, ny, nz
    flow_samples_{sigma}.npz                points (100000, 3) float64; row i is the same surface point in every frame
    sampling_info_flow_{sigma}.npz          faces_ref (N,), bary_coords_ref (N, 3), random_noise (N, 1)
    *_boundary_{sigma}_samples.npz          IF-Net: points (N, 3), occupancies (N,), grid_coords (N, 3)

Coordinates are canonical. Every reader refuses truncated files and numbers that are not finite with an `InputError`
that names the file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.core.files import check_name, read_json, replacing_file
from engine.core.npz import NpzFile
from engine.dataset.preparation.flow_export import FlowSampling

MAX_POINTS = 10_000_000
"""Most rows that a list of points may have; published files have 100,000 to 300,000."""


@dataclass(frozen=True)
class SampleLabel:
    """One entry of a label file: which folder a frame is in."""

    dataset: str | None
    """None in old label files, which serve one dataset."""
    identity_id: int
    identity: str
    sequence: str
    sample: str


@dataclass(frozen=True, eq=False)
class BoundarySamples:
    """Points around a surface and whether they are inside (Chibane et al. 2020, IF-Net)."""

    points: NDArray[np.float64]
    """(N, 3) canonical"""
    occupancies: NDArray[np.bool_]
    """(N,)"""

    @property
    def grid_coords(self) -> NDArray[np.float64]:
        """(N, 3) the points as `torch.nn.functional.grid_sample` wants them: z, y, x in [-1, 1]."""
        return 2 * self.points[:, ::-1]


def read_sdf(path: Path) -> NDArray[np.float32]:
    """Rows (N, 4) of x, y, z, signed distance."""
    return _read_rows(path, 4)


def read_pts(path: Path) -> NDArray[np.float32]:
    """Rows (N, 6) of x, y, z and normal."""
    return _read_rows(path, 6)


def write_sdf(path: Path, samples: NDArray[np.floating]) -> None:
    """Write rows (N, 4) of x, y, z, signed distance."""
    _write_rows(path, samples, 4)


def write_pts(path: Path, samples: NDArray[np.floating]) -> None:
    """Write rows (N, 6) of x, y, z and normal."""
    _write_rows(path, samples, 6)


def flow_file_name(sigma: float) -> str:
    """Name of the flow samples with noise ``sigma``: the number as Python writes it."""
    return f"flow_samples_{float(sigma)}.npz"


def sampling_file_name(sigma: float) -> str:
    """Name of the file with the sampling that the frames of an identity share."""
    return f"sampling_info_flow_{float(sigma)}.npz"


def read_flow_samples(path: Path, rows: int | None = None) -> NDArray[np.float64]:
    """Points (N, 3); with ``rows`` no more than that many, from the beginning."""
    with NpzFile(path) as archive:
        return archive.read("points", "f", (None, 3), rows).astype(np.float64)


def count_flow_samples(path: Path) -> int:
    """Number of points in a file of flow samples; the points are not read."""
    with NpzFile(path) as archive:
        shape = archive.shape("points")
    if len(shape) != 2 or shape[1] != 3 or not 0 < shape[0] <= MAX_POINTS:
        raise InputError(path, f"has array 'points' of shape {shape}, needs (N, 3)", "check how it was written")
    return shape[0]


def write_flow_samples(path: Path, points: NDArray[np.float64]) -> None:
    """Write points (N, 3)."""
    assert points.ndim == 2 and points.shape[1] == 3, points.shape
    _write_arrays(path, points=points.astype(np.float64))


def read_flow_sampling(path: Path) -> FlowSampling:
    """The faces, barycentric coordinates and offsets that the frames of an identity share."""
    with NpzFile(path) as archive:
        faces = archive.read("faces_ref", "iu", (None,))
        barycentric = archive.read("bary_coords_ref", "f", (len(faces), 3))
        noise = archive.read("random_noise", "f", (len(faces), 1))
    return FlowSampling(faces.astype(np.int64), barycentric.astype(np.float64), noise[:, 0].astype(np.float64))


def write_flow_sampling(path: Path, sampling: FlowSampling) -> None:
    """Write what the frames of an identity share."""
    _write_arrays(
        path,
        faces_ref=sampling.faces,
        bary_coords_ref=sampling.barycentric,
        random_noise=sampling.offsets[:, None],
    )


def read_boundary_samples(path: Path) -> BoundarySamples:
    """IF-Net boundary samples; ``grid_coords`` must be what follows from the points."""
    with NpzFile(path) as archive:
        points = archive.read("points", "f", (None, 3)).astype(np.float64)
        occupancies = archive.read("occupancies", "biu", (len(points),))
        grid_coords = archive.read("grid_coords", "f", (len(points), 3))
    samples = BoundarySamples(points, occupancies.astype(np.uint8) != 0)
    if not np.allclose(grid_coords, samples.grid_coords, atol=1e-4):
        raise InputError(path, "has grid_coords that are not twice its points with x and z swapped", "sample it again")
    return samples


def write_boundary_samples(path: Path, samples: BoundarySamples) -> None:
    """Write IF-Net boundary samples."""
    _write_arrays(path, points=samples.points, occupancies=samples.occupancies, grid_coords=samples.grid_coords)


def read_labels(path: Path) -> tuple[SampleLabel, ...]:
    """Entries of ``labels.json`` or ``labels_tpose.json``.

    Raises:
        InputError: it is not a list of labels, or a name in it leads out of its folder.
    """
    entries = read_json(path, "name a folder with labels.json and labels_tpose.json")
    try:
        return tuple(
            SampleLabel(
                check_name(entry["dataset"], path) if "dataset" in entry else None,
                int(entry["identity_id"]),
                check_name(entry["identity_name"], path),
                check_name(entry["animation_name"], path),
                check_name(entry["sample_id"], path),
            )
            for entry in entries
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"is not a list of labels{in_words(error)}", "check what the file is") from None


def as_entry(label: SampleLabel) -> dict[str, Any]:
    """``label`` as an entry of a label file."""
    return {
        "dataset": label.dataset,
        "identity_id": label.identity_id,
        "identity_name": label.identity,
        "animation_name": label.sequence,
        "sample_id": label.sample,
    }


def _read_rows(path: Path, columns: int) -> NDArray[np.float32]:
    if not path.is_file():
        raise InputError(path, "is missing", "sample it again")
    size = path.stat().st_size
    count, rest = divmod(size, 4 * columns)
    if rest or not count:
        problem = f"has {size} bytes, which are no rows of {columns} float32 numbers"
        raise InputError(path, problem, "it is truncated or something else, sample it again")
    if count > MAX_POINTS:
        raise InputError(path, f"has {count} samples, more than {MAX_POINTS}", "check what the file is")
    rows = np.fromfile(path, "<f4").reshape(-1, columns)
    if not np.isfinite(rows).all():
        raise InputError(path, "has numbers that are not finite", "it is damaged or of another type, sample it again")
    return rows.astype(np.float32, copy=False)


def _write_rows(path: Path, rows: NDArray[np.floating], columns: int) -> None:
    assert rows.ndim == 2 and rows.shape[1] == columns, rows.shape
    with replacing_file(path) as temporary:
        temporary.write_bytes(np.asarray(rows, "<f4").tobytes())


def _write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    with replacing_file(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
