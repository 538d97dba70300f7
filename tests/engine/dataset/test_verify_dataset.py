"""`dataset verify`: the defects that every kind of data may have."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from external.anny.generate import generate_dataset
from tests.support.verification import FRAMES, A, B, C, change, lines, only_problem, relabel, verify


def test_a_clean_dataset_is_clean_and_counted(clean: Path) -> None:
    found = verify(clean)
    assert found.problems == () and found.notes == ()
    assert found.checked == {"identities": 3, "sequences": 6, "frames": 6 * FRAMES, "pools": 0}


def test_anny_bodies_in_motion_are_clean(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "bodies", identities=3, sequences=2, frames=4, seed=5, workers=1)
    found = verify(tmp_path / "bodies")
    assert found.problems == () and found.notes == ()


# The twelve defects


def test_a_missing_file_is_named(eggs: Path) -> None:
    (eggs / B / "fast.npy").unlink()
    only_problem(eggs, eggs / B / "fast.npy", "missing", "5 labels")


def test_a_missing_canonical_mesh_is_named_alone(eggs: Path) -> None:
    (eggs / B / "canonical.npy").unlink()
    only_problem(eggs, eggs / B / "canonical.npy", "missing")


def test_a_missing_identity_folder_is_named_alone(eggs: Path) -> None:
    shutil.rmtree(eggs / C)
    only_problem(eggs, eggs / C, "missing")


def test_a_missing_description_is_named_and_the_rest_checked(eggs: Path) -> None:
    (eggs / "dataset.json").unlink()
    change(eggs / B / "canonical.npy", lambda v: v.__setitem__((3, 1), np.nan))
    found = lines(eggs)
    assert len(found) == 2
    assert "dataset.json" in found[0] and "canonical.npy" in found[1]


@pytest.mark.parametrize("gone", ["labels.json", "labels_tpose.json"])
def test_missing_labels_are_named(eggs: Path, gone: str) -> None:
    (eggs / gone).unlink()
    only_problem(eggs, eggs / gone, "no such file")


def test_swapped_labels_are_found_where_number_and_name_disagree(eggs: Path) -> None:
    def swap(entry: dict[str, Any]) -> None:
        entry["identity_id"] = {0: 1, 1: 0}.get(entry["identity_id"], entry["identity_id"])

    relabel(eggs / "labels.json", swap)
    only_problem(eggs, eggs / "labels.json", "swapped labels", A, B, "19 more")


@pytest.mark.parametrize("what", ["identity_name", "both"])
def test_labels_of_two_identities_with_sequences_of_their_own_are_one_problem_when_swapped(
    eggs: Path, what: str
) -> None:
    for name in (A, B, C):
        for sequence in ("slow", "fast"):
            (eggs / name / f"{sequence}.npy").rename(eggs / name / f"{name}_{sequence}.npy")
    labels = relabel(
        eggs / "labels.json", lambda e: e.update(animation_name=f"{e['identity_name']}_{e['animation_name']}")
    )
    assert lines(eggs) == []

    def swap(entry: dict[str, Any]) -> None:
        other = {A: B, B: A, C: C}[entry["identity_name"]]
        entry["identity_name"] = other
        if what == "both":
            entry["identity_id"] = (A, B, C).index(other)

    relabel(labels, swap)
    only_problem(eggs, labels, "swapped labels", A, B)


@pytest.mark.parametrize("what", [["identity_name"], ["identity_name", "identity_id"]])
def test_identities_of_labels_tpose_swapped_are_one_problem(eggs: Path, what: list[str]) -> None:
    path = eggs / "labels_tpose.json"
    first, second, third = json.loads(path.read_text())
    one, two = dict(first), dict(second)
    for key in what:
        one[key], two[key] = second[key], first[key]
    path.write_text(json.dumps([one, two, third]))
    found = lines(eggs)
    assert len(found) == 1 and ("swapped labels" in found[0] or "position" in found[0])


def test_two_entries_with_swapped_identities_are_one_problem(eggs: Path) -> None:
    (eggs / A / "slow.npy").rename(eggs / A / "crawl.npy")
    (eggs / B / "fast.npy").rename(eggs / B / "run.npy")
    own = {(A, "slow"): "crawl", (B, "fast"): "run"}
    labels = relabel(
        eggs / "labels.json",
        lambda e: e.update(animation_name=own.get((e["identity_name"], e["animation_name"]), e["animation_name"])),
    )
    assert lines(eggs) == []
    entries = json.loads(labels.read_text())
    first = next(e for e in entries if e["animation_name"] == "crawl")
    second = next(e for e in entries if e["animation_name"] == "run")
    for key in ("identity_id", "identity_name"):
        first[key], second[key] = second[key], first[key]
    labels.write_text(json.dumps(entries))
    only_problem(eggs, labels, "2 entries", "swapped labels", A, B)


def test_labels_out_of_the_order_of_the_frames_are_found(eggs: Path) -> None:
    entries = json.loads((eggs / "labels.json").read_text())
    entries[1]["sample_id"], entries[2]["sample_id"] = entries[2]["sample_id"], entries[1]["sample_id"]
    (eggs / "labels.json").write_text(json.dumps(entries))
    only_problem(eggs, eggs / "labels.json", f"{A}/slow", "order", "swapped labels")


def test_labels_of_two_identities_exchanged_are_found_by_the_names_of_their_sequences(eggs: Path) -> None:
    (eggs / A / "fast.npy").rename(eggs / A / "run.npy")
    (eggs / B / "fast.npy").rename(eggs / B / "jump.npy")

    def name(entry: dict[str, Any]) -> None:  # the other way round
        if entry["animation_name"] == "fast":
            entry["animation_name"] = {0: "jump", 1: "run"}.get(entry["identity_id"], "fast")

    relabel(eggs / "labels.json", name)
    only_problem(eggs, eggs / "labels.json", "10 entries", "swapped labels", A, B)


def test_sequences_of_two_identities_exchanged_are_found_by_their_shapes(eggs: Path) -> None:
    (eggs / A / "slow.npy").rename(eggs / "held")
    (eggs / B / "slow.npy").rename(eggs / A / "slow.npy")
    (eggs / "held").rename(eggs / B / "slow.npy")
    found = lines(eggs)
    assert len(found) == 2
    assert found[0].startswith(f"{eggs / A / 'slow.npy'}: is of the shape of {B}: swapped")
    assert found[1].startswith(f"{eggs / B / 'slow.npy'}: is of the shape of {A}: swapped")


def test_canonical_meshes_exchanged_are_named_instead_of_all_their_sequences(eggs: Path) -> None:
    (eggs / A / "canonical.npy").rename(eggs / "held")
    (eggs / B / "canonical.npy").rename(eggs / A / "canonical.npy")
    (eggs / "held").rename(eggs / B / "canonical.npy")
    found = lines(eggs)
    assert len(found) == 2
    assert found[0].startswith(f"{eggs / A / 'canonical.npy'}: ") and "swapped" in found[0]
    assert found[1].startswith(f"{eggs / B / 'canonical.npy'}: ") and "swapped" in found[1]


def test_flipped_faces_are_found_in_all_triangles(eggs: Path) -> None:
    change(eggs / "faces.npy", lambda faces: faces[:, ::-1].copy())
    only_problem(eggs, eggs / "faces.npy", "flipped faces", "inwards")


def test_flipped_faces_are_found_in_a_few_triangles(eggs: Path) -> None:
    change(eggs / "faces.npy", lambda faces: faces.__setitem__(slice(7, 8), faces[7:8, ::-1].copy()))
    only_problem(eggs, eggs / "faces.npy", "flipped faces", "3 edges")


def test_a_vertex_that_is_not_a_number_is_found_in_a_frame(eggs: Path) -> None:
    change(eggs / B / "slow.npy", lambda frames: frames.__setitem__((2, 17, 1), np.nan))
    only_problem(eggs, eggs / B / "slow.npy", "1 of 5 frames", "000002", "vertex 17", "not finite")


def test_a_vertex_that_is_not_a_number_is_found_in_a_canonical_mesh(eggs: Path) -> None:
    change(eggs / B / "canonical.npy", lambda v: v.__setitem__((4, 0), np.inf))
    only_problem(eggs, eggs / B / "canonical.npy", "not finite", "such as 4")


def test_another_topology_of_a_sequence_is_found(eggs: Path) -> None:
    change(eggs / A / "fast.npy", lambda frames: frames[:, :-1])
    only_problem(eggs, eggs / A / "fast.npy", "(5, 641, 3)", "642", "topology")


def test_another_topology_of_a_canonical_mesh_is_found(eggs: Path) -> None:
    change(eggs / A / "canonical.npy", lambda v: np.concatenate((v, v[:5])))
    only_problem(eggs, eggs / A / "canonical.npy", "647 vertices", "642")


def test_vertices_in_another_order_are_another_topology(eggs: Path) -> None:
    order = np.random.default_rng(0).permutation(642)
    change(eggs / B / "fast.npy", lambda frames: frames[:, order])
    only_problem(eggs, eggs / B / "fast.npy", "another topology", "another order")
    shutil.copy(eggs / B / "slow.npy", eggs / B / "fast.npy")
    change(eggs / B / "fast.npy", lambda frames: frames + np.float16(0.01))
    assert lines(eggs) == []
    change(eggs / B / "fast.npy", lambda frames: frames.__setitem__(3, frames[3][order]))
    only_problem(eggs, eggs / B / "fast.npy", "1 of 5 frames (first 000003)", "another topology")


def test_vertices_of_a_canonical_mesh_in_another_order_are_another_topology(eggs: Path) -> None:
    change(eggs / B / "canonical.npy", lambda v: np.roll(v, 100, axis=0))
    only_problem(eggs, eggs / B / "canonical.npy", "another topology", "all its sequences")


def test_faces_out_of_range_are_found_once(eggs: Path) -> None:
    change(eggs / "faces.npy", lambda faces: faces.__setitem__((3, 1), 9999))
    only_problem(eggs, eggs / "faces.npy", "9999", "642")


def test_faces_out_of_range_of_one_identity_are_found_in_its_own_file(eggs: Path) -> None:
    faces = np.load(eggs / "faces.npy")
    faces[3, 1] = 9999
    np.save(eggs / C / "faces.npy", faces)
    only_problem(eggs, eggs / C / "faces.npy", "9999")


def test_a_mesh_that_is_not_watertight_is_found_and_its_repair_named(eggs: Path) -> None:
    change(eggs / "faces.npy", lambda faces: faces[1:])
    only_problem(eggs, eggs / "faces.npy", "not watertight", "3 open edges", "prepare the dataset")


def test_a_frame_outside_the_cube_is_found(eggs: Path) -> None:
    change(eggs / C / "fast.npy", lambda frames: frames.__iadd__(np.array([0, 0.3, 0], np.float16)))
    only_problem(eggs, eggs / C / "fast.npy", "5 of 5 frames", "leave the cube", "0.6", "normalise")


def test_a_canonical_mesh_outside_the_cube_is_found(eggs: Path) -> None:
    change(eggs / C / "canonical.npy", lambda v: v.__iadd__(np.array([0.5, 0, 0], np.float32)))
    only_problem(eggs, eggs / C / "canonical.npy", "leaves the cube", "normalise")


@pytest.mark.parametrize(("row", "copied"), [(2, 1), (4, 0)])
def test_a_duplicate_frame_is_found(eggs: Path, row: int, copied: int) -> None:
    change(eggs / B / "fast.npy", lambda frames: frames.__setitem__(row, frames[copied]))
    only_problem(eggs, eggs / B / "fast.npy", "duplicate", f"(00000{row} is 00000{copied})")


def test_an_appended_copy_of_a_frame_is_found_without_a_label(eggs: Path) -> None:
    change(eggs / B / "fast.npy", lambda frames: np.concatenate((frames, frames[3:4])))
    only_problem(eggs, eggs / B / "fast.npy", "1 of 6 frames (first 000005) are duplicate", "(000005 is 000003)")


def test_bodies_that_stretch_are_no_problem(eggs: Path) -> None:
    stretch = np.linspace(0.5, 1.5, FRAMES)[:, None]
    bend = [0.0, 0.0, 1.0]
    change(eggs / B / "slow.npy", lambda f: (f + (stretch * f[..., 1] ** 2)[..., None] * bend).astype(f.dtype))
    assert lines(eggs) == []


def test_a_copy_of_a_sequence_is_found(eggs: Path) -> None:
    shutil.copy(eggs / B / "slow.npy", eggs / B / "fast.npy")
    only_problem(eggs, eggs / B / "fast.npy", "duplicate frames", "slow")


@pytest.mark.parametrize(("factor", "unit"), [(2.5, "metres"), (2500.0, "millimetres"), (0.7, "unit")])
def test_a_wrong_scale_of_a_sequence_is_found(eggs: Path, factor: float, unit: str) -> None:
    change(eggs / B / "slow.npy", lambda frames: (frames.astype(np.float32) * factor).astype(np.float32))
    only_problem(eggs, eggs / B / "slow.npy", "wrong scale", f"{factor:.3g} times", unit)


def test_a_wrong_scale_of_a_single_frame_is_found(eggs: Path) -> None:
    change(eggs / B / "slow.npy", lambda frames: frames.__setitem__(2, frames[2] * np.float16(2.5)))
    only_problem(eggs, eggs / B / "slow.npy", "1 of 5 frames (first 000002)", "wrong scale", "metres")


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_a_wrong_scale_of_the_similarity_is_found(eggs: Path, factor: float) -> None:
    description = json.loads((eggs / "dataset.json").read_text())
    description["similarity"]["scale"] *= factor
    (eggs / "dataset.json").write_text(json.dumps(description))
    only_problem(eggs, eggs / "dataset.json", "wrong scale", "metres large")


def test_a_wrong_scale_of_an_identity_is_found_once(eggs: Path) -> None:
    for path in sorted((eggs / B).glob("*.npy")):
        change(path, lambda array: array * array.dtype.type(2.5))
    only_problem(eggs, eggs / B / "canonical.npy", "wrong scale", "metres")


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0])
@pytest.mark.parametrize("own_faces", [False, True])
def test_a_wrong_scale_of_an_identity_is_found_inside_the_cube(eggs: Path, factor: float, own_faces: bool) -> None:
    for path in sorted(eggs.glob("*/*.npy")):  # all of them small, so that ten times that is in the cube
        change(path, lambda array: array * array.dtype.type(0.12))
    assert lines(eggs) == []
    for path in sorted((eggs / B).glob("*.npy")):
        change(path, lambda array: (array.astype(np.float32) * factor).astype(np.float32))
    if own_faces:  # another topology is no excuse
        np.save(eggs / B / "faces.npy", np.roll(np.load(eggs / "faces.npy"), 1, axis=0))
    line = only_problem(eggs, eggs / B / "canonical.npy", "wrong scale", "times the size of the others")
    assert float(line.split("it has ")[1].split()[0]) == pytest.approx(factor, rel=0.05)


def test_an_identity_of_half_the_size_of_others_of_its_shape_is_found(eggs: Path) -> None:
    for path in sorted((eggs / B).glob("*.npy")):  # of the shape of A but for a few percent
        factor = np.random.default_rng(1).normal(1, 0.01, (1, 3)) * 0.5
        original = np.load(eggs / A / path.name)
        np.save(path, (original * factor).astype(original.dtype))
    for path in sorted((eggs / C).glob("*.npy")):
        original = np.load(eggs / A / path.name)
        np.save(path, (original * [1.05, 1.02, 1]).astype(original.dtype))
    only_problem(eggs, eggs / B / "canonical.npy", "wrong scale", "times the size", "of its shape")


@pytest.mark.filterwarnings("error")
def test_a_canonical_mesh_collapsed_to_a_point_is_one_problem(eggs: Path) -> None:
    change(eggs / B / "canonical.npy", lambda v: v * 0)
    only_problem(eggs, eggs / B / "canonical.npy", "wrong scale")


def test_things_of_different_kinds_may_differ_in_size(eggs: Path) -> None:
    for path in sorted((eggs / B).glob("*.npy")):
        change(path, lambda array: array * array.dtype.type(0.2))
    np.save(eggs / B / "faces.npy", np.roll(np.load(eggs / "faces.npy"), 1, axis=0))
    assert lines(eggs) == []


@pytest.mark.parametrize(("factor", "problem"), [(1000.0, "leaves the cube"), (0.01, "wrong scale")])
def test_a_dataset_in_another_unit_is_one_problem(eggs: Path, factor: float, problem: str) -> None:
    for path in sorted(eggs.glob("*/*.npy")):
        change(path, lambda array: (array * factor).astype(np.float32))
    only_problem(eggs, eggs, problem, "3 identities")


def test_a_hole_that_cuts_pieces_off_is_one_problem(eggs: Path) -> None:
    faces = np.load(eggs / "faces.npy")
    vertices = np.load(eggs / A / "canonical.npy")
    middle = vertices[faces].mean(axis=1)
    lid, rest = middle[:, 1] > 0.3, middle[:, 1] < 0.2
    np.save(eggs / "faces.npy", np.concatenate((faces[rest], faces[lid])))
    only_problem(eggs, eggs / "faces.npy", "not watertight")


def test_children_among_adults_are_no_problem(eggs: Path) -> None:
    for path in sorted((eggs / B).glob("*.npy")):
        change(path, lambda array: array / array.dtype.type(1.9))
    assert lines(eggs) == []


def test_sizes_are_not_compared_where_each_identity_has_a_similarity_of_its_own(eggs: Path) -> None:
    for path in sorted((eggs / B).glob("*.npy")):
        change(path, lambda array: array * array.dtype.type(0.3))
    description = json.loads((eggs / "dataset.json").read_text())
    own = {name: {**description["similarity"], "scale": 0.12 if name == B else 0.4} for name in (A, B, C)}
    (eggs / "dataset.json").write_text(json.dumps({**description, "similarities": own}))
    assert lines(eggs) == []


@pytest.mark.parametrize("factor", [2.5, 0.5])
def test_a_wrong_scale_of_a_canonical_mesh_is_found_once(eggs: Path, factor: float) -> None:
    change(eggs / B / "canonical.npy", lambda v: v * np.float32(factor))
    only_problem(eggs, eggs / B / "canonical.npy", "wrong scale")


def test_an_empty_sequence_is_found(eggs: Path) -> None:
    change(eggs / A / "slow.npy", lambda frames: frames[:0])
    only_problem(eggs, eggs / A / "slow.npy", "empty sequence")


def test_an_empty_sequence_without_labels_is_found_too(eggs: Path) -> None:
    np.save(eggs / A / "more.npy", np.zeros((0, 642, 3), np.float16))
    only_problem(eggs, eggs / A / "more.npy", "empty sequence")


@pytest.mark.parametrize("name", ["fast.npy", "canonical.npy"])
def test_a_truncated_file_is_found(eggs: Path, name: str) -> None:
    path = eggs / B / name
    path.write_bytes(path.read_bytes()[:-100])
    only_problem(eggs, path, "truncated", "100 bytes")


def test_truncated_faces_are_found_once(eggs: Path) -> None:
    path = eggs / "faces.npy"
    path.write_bytes(path.read_bytes()[:50])
    only_problem(eggs, path, "not a readable npy file")


def test_an_unknown_identity_of_a_label_is_found_by_name_and_by_number(eggs: Path) -> None:
    def ghost(entry: dict[str, Any]) -> None:
        if entry["identity_id"] == 2:
            entry["identity_name"] = "ghost"

    labels = relabel(eggs / "labels.json", ghost)
    only_problem(eggs, labels, "unknown identity ghost", "9 more")
    relabel(labels, lambda entry: entry.update(identity_name=(A, B, C)[entry["identity_id"]]))
    assert lines(eggs) == []
    relabel(labels, lambda entry: entry.update(identity_id=entry["identity_id"] + 5 * (entry["identity_id"] == 2)))
    only_problem(eggs, labels, "unknown identity_id 7")


def test_an_unknown_identity_folder_is_found(eggs: Path) -> None:
    shutil.copytree(eggs / A, eggs / "stranger")
    only_problem(eggs, eggs / "stranger", "unknown identity")


def test_an_identity_of_another_name_than_its_folder_is_one_problem(eggs: Path) -> None:
    (eggs / B).rename(eggs / "renamed")
    only_problem(eggs, eggs / B, "unknown identity renamed")
    (eggs / "renamed").rename(eggs / B)
    tposes = relabel(
        eggs / "labels_tpose.json",
        lambda e: e.update(identity_name={B: "nobody"}.get(e["identity_name"], e["identity_name"])),
    )
    only_problem(eggs, tposes, "unknown identity nobody", B)


def test_an_identity_that_labels_tpose_lacks_or_has_in_excess_is_one_problem(eggs: Path) -> None:
    path = eggs / "labels_tpose.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps(entries[:-1]))
    only_problem(eggs, eggs / "labels.json", f"unknown identity {C}")
    path.write_text(json.dumps([*entries, {**entries[0], "identity_id": 3, "identity_name": "nobody"}]))
    only_problem(eggs, eggs / "nobody", "missing")
