"""Small models in the file formats of SMPL and MANO, and a small CAPE release, written by hand after the formats.

The pickles are put together opcode by opcode as Python 2 wrote them, with the module paths of old numpy, scipy and
chumpy, none of which need be there.
"""

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
MANO_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
# joints of the middle and the left side in the zero pose, metres
_BODY_JOINTS = {
    0: (0.0, -0.22, 0.03),
    1: (0.07, -0.31, 0.02),
    3: (0.0, -0.11, 0.0),
    4: (0.1, -0.69, 0.01),
    6: (0.0, 0.03, 0.0),
    7: (0.09, -1.09, -0.03),
    9: (0.0, 0.08, 0.03),
    10: (0.12, -1.15, 0.09),
    12: (0.0, 0.29, -0.01),
    13: (0.08, 0.2, 0.0),
    15: (0.0, 0.36, 0.04),
    16: (0.17, 0.23, -0.02),
    18: (0.43, 0.21, -0.04),
    20: (0.68, 0.22, -0.04),
    22: (0.77, 0.21, -0.05),
}


class Raw(bytes):
    """A piece of pickle that is already written."""


class OldPickle:
    """Protocol 2 as Python 2 writes it: byte strings without a text type, globals by their old paths."""

    start, end = b"\x80\x02", b"."

    def file(self, value: Any) -> bytes:
        return self.start + self.value(value) + self.end

    def value(self, value: Any) -> Raw:
        if isinstance(value, Raw):
            return value
        if value is None:
            return Raw(b"N")
        if isinstance(value, bool):
            return Raw(b"\x88" if value else b"\x89")
        if isinstance(value, int):
            return Raw(b"J" + struct.pack("<i", value))
        if isinstance(value, (str, bytes)):
            data = value.encode("latin1") if isinstance(value, str) else value
            return Raw(b"T" + struct.pack("<i", len(data)) + data)
        if isinstance(value, tuple):
            return Raw(b"(" + b"".join(self.value(item) for item in value) + b"t")
        if isinstance(value, list):
            return Raw(b"](" + b"".join(self.value(item) for item in value) + b"e")
        if isinstance(value, Mapping):
            pairs = b"".join(self.value(key) + self.value(item) for key, item in value.items())
            return Raw(b"}(" + pairs + b"u")
        if isinstance(value, np.ndarray):
            return self.array(value)
        raise TypeError(type(value))

    def name(self, module: str, name: str) -> Raw:
        return Raw(f"c{module}\n{name}\n".encode("ascii"))

    def call(self, function: Raw, *arguments: Any) -> Raw:
        return Raw(function + self.value(arguments) + b"R")

    def instance(self, of: Raw, state: Any) -> Raw:
        return Raw(of + b")\x81" + self.value(state) + b"b")

    def array(self, array: np.ndarray) -> Raw:
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        empty = self.call(self.name("numpy.core.multiarray", "_reconstruct"), self.name("numpy", "ndarray"), (0,), "b")
        dtype = Raw(
            self.call(self.name("numpy", "dtype"), array.dtype.str[1:], 0, 1)
            + self.value((3, "<", None, None, None, -1, -1, 0))
            + b"b"
        )
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes(order="F" if fortran else "C")
        return Raw(empty + self.value((1, array.shape, dtype, fortran, raw)) + b"b")

    def sparse(self, matrix: np.ndarray) -> Raw:
        """Compressed columns of a dense matrix, as scipy's csc_matrix keeps them."""
        columns, rows = np.nonzero(matrix.T)
        pointers = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=matrix.shape[1]))])
        state = {
            "_shape": matrix.shape,
            "maxprint": 50,
            "data": matrix[rows, columns],
            "indices": rows.astype(np.int32),
            "indptr": pointers.astype(np.int32),
        }
        return self.instance(self.name("scipy.sparse.csc", "csc_matrix"), state)

    def chumpy(self, array: np.ndarray) -> Raw:
        dirty = self.call(self.name("__builtin__", "set"), ["x"])
        return self.instance(self.name("chumpy.ch", "Ch"), {"x": array, "_dirty_vars": dirty, "_itr": None})

    def selection(self, array: np.ndarray, places: np.ndarray, shape: tuple[int, ...]) -> Raw:
        """What chumpy keeps of ``array[...]``: entries ``places`` of the flat array, in ``shape``."""
        state = {"a": self.chumpy(array), "idxs": places, "preferred_shape": shape, "_itr": None}
        return self.instance(self.name("chumpy.reordering", "Select"), state)


class OldestPickle(OldPickle):
    """Protocol 0: text, and objects by copy_reg."""

    start = b""

    def value(self, value: Any) -> Raw:
        if isinstance(value, (str, bytes)) and not isinstance(value, Raw):
            data = value.encode("latin1") if isinstance(value, str) else value
            return Raw(b"S'" + b"".join(b"\\x%02x" % byte for byte in data) + b"'\n")
        if isinstance(value, bool):
            return Raw(b"I01\n" if value else b"I00\n")
        if isinstance(value, int):
            return Raw(b"I%d\n" % value)
        if isinstance(value, list):
            return Raw(b"(l" + b"".join(self.value(item) + b"a" for item in value))
        if isinstance(value, Mapping):
            return Raw(b"(d" + b"".join(self.value(k) + self.value(v) + b"s" for k, v in value.items()))
        return super().value(value)

    def instance(self, of: Raw, state: Any) -> Raw:
        made = self.call(self.name("copy_reg", "_reconstructor"), of, self.name("__builtin__", "object"), None)
        return Raw(made + self.value(state) + b"b")


@dataclass
class Arrays:
    """The arrays of a model by the names that the files use."""

    v_template: np.ndarray
    shapedirs: np.ndarray
    posedirs: np.ndarray
    J_regressor: np.ndarray
    weights: np.ndarray
    kintree_table: np.ndarray
    f: np.ndarray


def body_arrays(subdivisions: int = 2, shapes: int = 10, seed: int = 0) -> Arrays:
    """A closed body of arms and legs grown from a ball, with the joints of SMPL."""
    joints = np.zeros((24, 3))
    for joint, place in _BODY_JOINTS.items():
        joints[joint] = place
        if joint not in (0, 3, 6, 9, 12, 15):
            joints[joint + 1] = place * np.array([-1.0, 1.0, 1.0])
    ball = trimesh.creation.icosphere(subdivisions)
    # a plump cross that reaches to the hands and feet
    direction = np.asarray(ball.vertices)
    reach = 0.2 + 0.5 * np.abs(direction[:, :1]) ** 6 + 0.9 * np.maximum(-direction[:, 1:2], 0) ** 2
    template = direction * reach * np.array([1.0, 1.0, 0.7]) + np.array([0.0, -0.05, 0.0])
    return _arrays(template, joints, SMPL_PARENTS, np.asarray(ball.faces), shapes, seed)


def hand_arrays(subdivisions: int = 2, seed: int = 0) -> Arrays:
    """A mitten that is open at the wrist, with the joints of MANO; 0.2 m long."""
    ball = trimesh.creation.icosphere(subdivisions)
    points = np.asarray(ball.vertices) * np.array([0.1, 0.02, 0.05])
    kept = points[:, 0] < 0.07
    faces = np.asarray(ball.faces)[kept[np.asarray(ball.faces)].all(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    joints = np.zeros((16, 3))
    joints[0] = (0.07, 0.0, 0.0)
    for finger in range(5):
        for bone in range(3):
            joints[1 + 3 * finger + bone] = (0.0 - 0.03 * bone, 0.0, -0.04 + 0.02 * finger)
    return _arrays(points[used], joints, MANO_PARENTS, faces.reshape(-1, 3), 10, seed)


def _arrays(
    template: np.ndarray, joints: np.ndarray, parents: tuple[int, ...], faces: np.ndarray, shapes: int, seed: int
) -> Arrays:
    random = np.random.default_rng(seed)
    count = len(template)
    distance = np.linalg.norm(template[:, None] - joints, axis=2)  # (V, J)
    closeness = np.exp(-((distance / (0.25 * np.ptp(template))) ** 2) * 8)
    weights = closeness / closeness.sum(1, keepdims=True)
    regressor = np.where(np.sort(distance.T, axis=1)[:, 7:8] >= distance.T, 1.0, 0.0)
    regressor /= regressor.sum(1, keepdims=True)
    size = np.ptp(template)
    ids = np.arange(len(parents))
    return Arrays(
        v_template=template,
        shapedirs=random.normal(0, 0.003 * size, (1, 3, shapes)) * template[:, :, None] / size * 4,
        posedirs=random.normal(0, 0.0005 * size, (count, 3, 9 * (len(parents) - 1))),
        J_regressor=regressor,
        weights=weights,
        kintree_table=np.stack([np.where(np.array(parents) < 0, 2**32 - 1, parents), ids]).astype(np.uint32),
        f=faces.astype(np.uint32),
    )


def write_body_pickle(path: Path, arrays: Arrays, pickle: OldPickle | None = None, **changes: Any) -> Path:
    """As SMPL is published: chumpy for what was optimised, a sparse joint regressor, and entries nobody reads."""
    p = pickle or OldPickle()
    content: dict[str, Any] = {
        "J": p.chumpy(arrays.J_regressor @ arrays.v_template),
        "J_regressor": p.sparse(arrays.J_regressor),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "f": arrays.f,
        "kintree_table": arrays.kintree_table.astype(np.int64),
        "posedirs": np.asfortranarray(arrays.posedirs),
        "shapedirs": p.chumpy(arrays.shapedirs),
        "v_template": p.chumpy(arrays.v_template),
        "weights": arrays.weights,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(p.file({**content, **changes}))
    return path


def write_hand_pickle(path: Path, arrays: Arrays, pickle: OldPickle | None = None, **changes: Any) -> Path:
    """As MANO is published: shape directions are a selection of a larger array."""
    p = pickle or OldPickle()
    random = np.random.default_rng(1)
    count = len(arrays.v_template)
    larger = np.concatenate([arrays.shapedirs, np.full((count, 3, 2), 99.0)], axis=2)
    places = np.arange(larger.size).reshape(larger.shape)[:, :, : arrays.shapedirs.shape[2]]
    content: dict[str, Any] = {
        "shapedirs": p.selection(larger, places.ravel(), arrays.shapedirs.shape),
        "hands_components": np.linalg.qr(random.normal(size=(45, 45)))[0],
        "hands_mean": random.normal(0, 0.1, 45),
        "hands_coeffs": random.normal(0, 0.15, (20, 45)),
    }
    return write_body_pickle(path, arrays, p, **{**content, **changes})


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """An npz file by hand: a zip archive of version 1.0 npy members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy_bytes(np.asarray(array)))
    return path


def npy_bytes(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """Version 1.0 npy file of ``array``; ``shape`` is what the header declares."""
    order = array.flags.f_contiguous and not array.flags.c_contiguous
    header = f"{{'descr': {array.dtype.str!r}, 'fortran_order': {order}, 'shape': {shape or array.shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("ascii")
    return head + array.tobytes("F" if order else "C")


def write_ply(path: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    """A PLY file as text."""
    lines = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    lines += ["{:.6f} {:.6f} {:.6f}".format(*vertex) for vertex in vertices]
    lines += ["3 {} {} {}".format(*face) for face in faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def readable_skinning(
    arrays: Arrays, betas: np.ndarray, pose: np.ndarray, t_pose: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and joints (J, 3) by the formulas of Loper et al. 2015, one vertex after the other."""
    from scipy.spatial.transform import Rotation

    parents = [-1, *(int(p) for p in arrays.kintree_table[0][1:])]
    rest = arrays.v_template + sum(b * arrays.shapedirs[:, :, i] for i, b in enumerate(betas))  # eq. 8
    if t_pose is not None:
        rest = t_pose
    joints = np.array([sum(row[v] * rest[v] for v in np.flatnonzero(row)) for row in arrays.J_regressor])
    local = [Rotation.from_rotvec(pose[3 * j : 3 * j + 3]).as_matrix() for j in range(len(parents))]
    bends = np.concatenate([(matrix - np.eye(3)).ravel() for matrix in local[1:]])  # eq. 9, zero pose = rest pose
    world: list[np.ndarray] = []
    for j, parent in enumerate(parents):  # eq. 4
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = local[j], joints[j] - (joints[parent] if j else 0)
        world.append(step if j == 0 else world[parent] @ step)
    moved = np.empty_like(rest)
    for v in range(len(rest)):  # eq. 2 and 3
        corrected = rest[v] + arrays.posedirs[v] @ bends
        moved[v] = sum(
            arrays.weights[v, j] * (world[j] @ np.append(corrected - joints[j], 1.0))[:3]
            for j in np.flatnonzero(arrays.weights[v])
        )
    return moved, np.array([matrix[:3, 3] for matrix in world])


def write_cape_release(
    root: Path,
    arrays: Mapping[str, Arrays],
    genders: Mapping[str, str],
    motions: Mapping[str, tuple[str, ...]],
    frames: int = 3,
) -> Path:
    """A release with clothed bodies: subject -> gender, subject -> folders ``<cloth>_<motion>``; metres and 72 angles.

    Posed meshes are posed by `readable_skinning` and translated; every other frame of the first motion has a scan: the
    posed mesh in millimetres and a piece of floor.
    """
    first = next(iter(arrays.values()))
    (root / "misc").mkdir(parents=True)
    (root / "misc" / "smpl_tris.npy").write_bytes(npy_bytes(first.f))
    (root / "misc" / "subj_genders.pkl").write_bytes(OldPickle().file(dict(genders)))
    for number, (subject, gender) in enumerate(genders.items()):
        body = arrays[gender]
        random = np.random.default_rng(number)
        write_ply(root / "minimal_body_shape" / subject / f"{subject}_minimal.ply", body.v_template, body.f)
        for which, folder in enumerate(motions[subject]):
            for frame in range(1, frames + 1):
                unposed = body.v_template * (1.05 + 0.02 * number) + random.normal(0, 0.0005, body.v_template.shape)
                pose = random.normal(0, 0.1, 72)
                translation = random.normal(0, 0.5, 3)
                posed = readable_skinning(body, np.zeros(0), pose, unposed)[0] + translation
                name = f"{folder}.{frame:06d}"
                write_npz(
                    root / "sequences" / subject / folder / f"{name}.npz",
                    {
                        "v_cano": unposed.astype(np.float32),
                        "v_posed": posed.astype(np.float32),
                        "pose": pose,
                        "transl": translation,
                    },
                )
                if which == 0 and frame % 2 == 0:
                    floor = np.array([[-1.0, -2, -1], [1, -2, -1], [0, -2, 1]]) + translation
                    scan = np.concatenate([posed, floor]) * 1000
                    faces = np.concatenate([body.f, len(posed) + np.arange(3)[None]])
                    write_ply(root / "raw_scans" / subject / folder / f"{name}.ply", scan, faces)
    return root


def anny_arrays(phenotypes: Mapping[str, float]) -> Arrays:
    """A body of Anny with the joints of SMPL: bones in groups move as one, two shape directions, no pose directions."""
    from external.anny.rig import AnnyModel

    model = AnnyModel()
    body, heavier, taller = model.rest_bodies(
        [dict(phenotypes), {**phenotypes, "weight": phenotypes["weight"] + 0.1}, {**phenotypes, "height": 0.7}]
    )
    groups: dict[int, tuple[str, ...]] = {
        0: ("root", "pelvis.L", "pelvis.R"),
        3: ("spine05", "spine04"),
        6: ("spine03",),
        9: ("spine02", "spine01"),
        12: ("neck01", "neck02", "neck03"),
        15: ("head", "eye.L", "eye.R"),
    }
    sides = {
        1: ("upperleg01", "upperleg02"),
        4: ("lowerleg01", "lowerleg02"),
        7: ("foot",),
        10: ("toe",),
        13: ("clavicle", "shoulder01"),
        16: ("upperarm01", "upperarm02"),
        18: ("lowerarm01", "lowerarm02"),
        20: ("wrist", "metacarpal"),
        22: ("finger",),
    }
    names = model.rig.bone_names
    for joint, stems in sides.items():
        for offset, side in enumerate((".L", ".R")):
            groups[joint + offset] = tuple(n for n in names if n.endswith(side) and n.startswith(stems))
    weights, regressor = np.zeros((len(body.vertices), 24)), np.zeros((24, len(body.vertices)))
    for joint, bones in groups.items():
        rows = [names.index(bone) for bone in bones]
        weights[:, joint] = model.rig.weights[:, rows].sum(1)
        head = body.bone_heads[rows[0]]
        near = np.argsort(np.linalg.norm(body.vertices - head, axis=1))[:60]
        equations = np.concatenate(
            [body.vertices[near].T, np.ones((1, 60))]
        )  # weights that sum to one and meet the head
        regressor[joint, near] = np.linalg.lstsq(equations, np.append(head, 1.0), rcond=None)[0]
    ids = np.arange(24)
    return Arrays(
        v_template=body.vertices - [0.0, 0.375, 0.0],  # the pelvis where SMPL has it
        shapedirs=np.stack([heavier.vertices - body.vertices, taller.vertices - body.vertices], axis=2),
        posedirs=np.zeros((len(body.vertices), 3, 207)),
        J_regressor=regressor,
        weights=weights / weights.sum(1, keepdims=True),
        kintree_table=np.stack([np.where(ids == 0, 2**32 - 1, SMPL_PARENTS), ids]).astype(np.uint32),
        f=model.rig.faces.astype(np.uint32),
    )
