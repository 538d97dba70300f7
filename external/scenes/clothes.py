"""Loose clothes: the skin of trunk and limbs pushed out, smoothly over the surface and the same in every frame."""

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import vertex_normals
from external.anny.rig import Array, RestBody, Rig

_BARE = ("head", "eye", "neck", "foot", "toe", "wrist", "metacarpal", "finger")
_WORN = (("pelvis", "root", "upperleg", "lowerleg"), ("spine", "clavicle", "shoulder", "upperarm"), ())
"""Bones under trousers, under a shirt, and nothing."""
_WAVES = 24
_LONGEST, _SHORTEST = 0.6, 0.12
"""Wavelengths in metres of the folds."""
_SEAM_STEPS = 12
"""Rounds of averaging over neighbours by which clothes end at bare skin."""


def cloth_offsets(rig: Rig, body: RestBody, most_m: float, random: np.random.Generator) -> NDArray[np.float32]:
    """How far (V,) in metres each vertex is pushed out along its normal, from 0 to ``most_m``.

    A sum of waves over the body at rest, in random directions, longer ones higher; 0 on head, hands and feet.
    """
    directions = random.normal(size=(_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.exp(random.uniform(np.log(_SHORTEST), np.log(_LONGEST), _WAVES))
    phases = random.uniform(0, 2 * np.pi, _WAVES)
    waves = np.sin(2 * np.pi * body.vertices @ (directions / lengths[:, None]).T + phases) @ lengths
    low, high = np.quantile(waves, (0.02, 0.98))
    return (most_m * np.clip((waves - low) / (high - low), 0.0, 1.0) * covered(rig)).astype(np.float32)


def covered(rig: Rig) -> Array:
    """Where clothes are (V,): 1 on trunk and limbs, 0 on head, hands and feet, and smooth between."""
    from scipy.sparse import coo_matrix, diags

    names = np.array(rig.bone_names)[rig.weights.argmax(axis=1)]
    bare = np.array([name.startswith(_BARE) for name in names])
    count = len(names)
    corners = rig.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    links = coo_matrix((np.ones(len(corners)), corners.T), shape=(count, count)).tocsr()
    links.data[:] = 1.0
    links = links.maximum(links.T)
    average = diags(1 / np.asarray(links.sum(axis=1)).ravel()) @ links
    cover = np.where(bare, 0.0, 1.0)
    for _ in range(_SEAM_STEPS):
        cover = np.where(bare, 0.0, average @ cover)
    return cover


def clothed(rig: Rig, vertices: NDArray[np.float32], offsets: NDArray[np.float32]) -> NDArray[np.float32]:
    """The posed surface (V, 3) pushed out by ``offsets`` (V,) along its own normals."""
    return vertices + offsets[:, None] * vertex_normals(vertices, rig.faces)


def dark_cloth(rig: Rig, random: np.random.Generator) -> NDArray[np.bool_]:
    """Triangles (T,) of trousers, a shirt or neither, by chance, that give back little light."""
    worn = _WORN[int(random.integers(len(_WORN)))]
    dark = np.array([name.startswith(worn) for name in np.array(rig.bone_names)[rig.weights.argmax(axis=1)]])
    return np.asarray(dark[rig.faces].all(axis=1))
