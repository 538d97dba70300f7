"""Recordings, points and poses as in a mirror: a left hand becomes a right one, which a model may know.

The mirror stands at some x and swaps left and right of the world, whose vertical stays as it is. A camera that looks at
a mirrored world has its picture swapped as well, so that its pose stays rigid.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.sequences.depth_sequence import DepthSequence


def mirrored_points(points: NDArray[np.float32], x: float) -> NDArray[np.float32]:
    """``points`` (..., 3) in a mirror at ``x``."""
    there = points.copy()
    there[..., 0] = 2 * x - there[..., 0]
    return there


def mirrored_faces(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Triangles (T, 3) of mirrored vertices, which are outward again."""
    return np.ascontiguousarray(faces[:, ::-1])


def mirrored_mesh(mesh: Mesh, x: float) -> Mesh:
    """``mesh`` in a mirror at ``x``."""
    return Mesh(mirrored_points(mesh.vertices, x), mirrored_faces(mesh.faces))


def mirrored_poses(poses: NDArray[np.float64], x: float, own_x: float = 0.0) -> NDArray[np.float64]:
    """Rigid ``poses`` (..., 4, 4) in a mirror at ``x`` of things that are mirrored, too, at ``own_x`` of their own."""
    return np.asarray(_mirror(x) @ poses @ _mirror(own_x))


def _mirror(x: float) -> NDArray[np.float64]:
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0])
    matrix[0, 3] = 2 * x
    return matrix


def mirrored_sequence(sequence: DepthSequence, x: float = 0.0) -> DepthSequence:
    """What a camera would have recorded in a world that is mirrored at ``x``, metres; twice is the recording itself."""
    camera = replace(sequence.camera, cx=sequence.camera.width - sequence.camera.cx)
    poses = np.stack([sequence.camera_at(frame) for frame in range(len(sequence))])

    def read(frame: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(sequence.read_frame(frame)[:, ::-1])

    return replace(
        sequence,
        camera=camera,
        read_frame=read,
        cameras_to_world=mirrored_poses(poses, x),
        scene=None if sequence.scene is None else mirrored_sequence(sequence.scene, x),
        others=tuple(mirrored_sequence(other, x) for other in sequence.others),
    )
