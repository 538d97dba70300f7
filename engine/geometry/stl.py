"""Binary STL files, written."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 80


def write_stl(path: Path, vertices: NDArray[np.float32], faces: NDArray[np.integer], comment: str = "") -> None:
    """Write triangles (T, 3) of ``vertices`` (V, 3) into the binary STL file ``path``; coordinates as they are.

    Args:
        comment: for the 80 bytes before the triangles; it must not begin with "solid", as text files do.
    """
    assert vertices.ndim == 2 and vertices.shape[1] == 3, vertices.shape
    assert faces.ndim == 2 and faces.shape[1] == 3, faces.shape
    assert not comment.startswith("solid"), comment
    corners = vertices[faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles = np.zeros(len(faces), _TRIANGLE)
    triangles["normal"] = normals / np.maximum(lengths, 1e-30)
    triangles["corners"] = corners
    with path.open("wb") as file:
        file.write(comment.encode("ascii", "replace")[:_HEADER_BYTES].ljust(_HEADER_BYTES))
        file.write(np.uint32(len(faces)).astype("<u4").tobytes())
        file.write(triangles.tobytes())
