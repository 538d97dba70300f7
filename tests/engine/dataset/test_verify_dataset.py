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


def test_a_missing_file_is_named(dataset: Path) -> None:
    (dataset / B / "fast.npy").unlink()
    only_problem(dataset, dataset / B / "fast.npy", "missing", "5 labels")


def test_a_missing_canonical_mesh_is_named_alone(dataset: Path) -> None:
    (dataset / B / "canonical.npy").unlink()
    only_problem(dataset, dataset / B / "canonical.npy", "missing")


def test_a_missing_identity_folder_is_named_alone(dataset: Path) -> None:
    shutil.rmtree(dataset / C)
    only_problem(dataset, dataset / C, "missing")


def test_a_missing_description_is_named_and_the_rest_checked(dataset: Path) -> None:
    (dataset / "dataset.json").unlink()
    change(dataset / B / "canonical.npy", lambda v: v.__setitem__((3, 1), np.nan))
    found = lines(dataset)
    assert len(found) == 2
    assert "dataset.json" in found[0] and "canonical.npy" in found[1]


@pytest.mark.parametrize("gone", ["labels.json", "labels_tpose.json"])
def test_missing_labels_are_named(dataset: Path, gone: str) -> None:
    (dataset / gone).unlink()
    only_problem(dataset, dataset / gone, "no such file")


def test_swapped_labels_are_found_where_number_and_name_disagree(dataset: Path) -> None:
    def swap(entry: dict[str, Any]) -> None:
        entry["identity_id"] = {0: 1, 1: 0}.get(entry["identity_id"], entry["identity_id"])

    relabel(dataset / "labels.json", swap)
    only_problem(dataset, dataset / "labels.json", "swapped labels", A, B, "19 more")


@pytest.mark.parametrize("what", ["identity_name", "both"])
def test_labels_of_two_identities_with_sequences_of_their_own_are_one_problem_when_swapped(
    dataset: Path, what: str
) -> None:
    for name in (A, B, C):
        for sequence in ("slow", "fast"):
            (dataset / name / f"{sequence}.npy").rename(dataset / name / f"{name}_{sequence}.npy")
    labels = relabel(
        dataset / "labels.json", lambda e: e.update(animation_name=f"{e['identity_name']}_{e['animation_name']}")
    )
    assert lines(dataset) == []

    def swap(entry: dict[str, Any]) -> None:
        other = {A: B, B: A, C: C}[entry["identity_name"]]
        entry["identity_name"] = other
        if what == "both":
            entry["identity_id"] = (A, B, C).index(other)

    relabel(labels, swap)
    only_problem(dataset, labels, "swapped labels", A, B)


@pytest.mark.parametrize("what", [["identity_name"], ["identity_name", "identity_id"]])
def test_identities_of_labels_tpose_swapped_are_one_problem(dataset: Path, what: list[str]) -> None:
    path = dataset / "labels_tpose.json"
    first, second, third = json.loads(path.read_text())
    one, two = dict(first), dict(second)
    for key in what:
        one[key], two[key] = second[key], first[key]
    path.write_text(json.dumps([one, two, third]))
    found = lines(dataset)
    assert len(found) == 1 and ("swapped labels" in found[0] or "position" in found[0])


def test_two_entries_with_swapped_identities_are_one_problem(dataset: Path) -> None:
    (dataset / A / "slow.npy").rename(dataset / A / "crawl.npy")
    (dataset / B / "fast.npy").rename(dataset / B / "run.npy")
    own = {(A, "slow"): "crawl", (B, "fast"): "run"}
    labels = relabel(
        dataset / "labels.json",
        lambda e: e.update(animation_name=own.get((e["identity_name"], e["animation_name"]), e["animation_name"])),
    )
    assert lines(dataset) == []
    entries = json.loads(labels.read_text())
    first = next(e for e in entries if e["animation_name"] == "crawl")
    second = next(e for e in entries if e["animation_name"] == "run")
    for key in ("identity_id", "identity_name"):
        first[key], second[key] = second[key], first[key]
    labels.write_text(json.dumps(entries))
    only_problem(dataset, labels, "2 entries", "swapped labels", A, B)


def test_labels_out_of_the_order_of_the_frames_are_found(dataset: Path) -> None:
    entries = json.loads((dataset / "labels.json").read_text())
    entries[1]["sample_id"], entries[2]["sample_id"] = entries[2]["sample_id"], entries[1]["sample_id"]
    (dataset / "labels.json").write_text(json.dumps(entries))
    only_problem(dataset, dataset / "labels.json", f"{A}/slow", "order", "swapped labels")


def test_labels_of_two_identities_exchanged_are_found_by_the_names_of_their_sequences(dataset: Path) -> None:
    (dataset / A / "fast.npy").rename(dataset / A / "run.npy")
    (dataset / B / "fast.npy").rename(dataset / B / "jump.npy")

    def name(entry: dict[str, Any]) -> None:  # the other way round
        if entry["animation_name"] == "fast":
            entry["animation_name"] = {0: "jump", 1: "run"}.get(entry["identity_id"], "fast")

    relabel(dataset / "labels.json", name)
    only_problem(dataset, dataset / "labels.json", "10 entries", "swapped labels", A, B)


def test_sequences_of_two_identities_exchanged_are_found_by_their_shapes(dataset: Path) -> None:
    (dataset / A / "slow.npy").rename(dataset / "held")
    (dataset / B / "slow.npy").rename(dataset / A / "slow.npy")
    (dataset / "held").rename(dataset / B / "slow.npy")
    found = lines(dataset)
    assert len(found) == 2
    assert found[0].startswith(f"{dataset / A / 'slow.npy'}: is of the shape of {B}: swapped")
    assert found[1].startswith(f"{dataset / B / 'slow.npy'}: is of the shape of {A}: swapped")


def test_canonical_meshes_exchanged_are_named_instead_of_all_their_sequences(dataset: Path) -> None:
    (dataset / A / "canonical.npy").rename(dataset / "held")
    (dataset / B / "canonical.npy").rename(dataset / A / "canonical.npy")
    (dataset / "held").rename(dataset / B / "canonical.npy")
    found = lines(dataset)
    assert len(found) == 2
    assert found[0].startswith(f"{dataset / A / 'canonical.npy'}: ") and "swapped" in found[0]
    assert found[1].startswith(f"{dataset / B / 'canonical.npy'}: ") and "swapped" in found[1]


def test_flipped_faces_are_found_in_all_triangles(dataset: Path) -> None:
    change(dataset / "faces.npy", lambda faces: faces[:, ::-1].copy())
    only_problem(dataset, dataset / "faces.npy", "flipped faces", "inwards")


def test_flipped_faces_are_found_in_a_few_triangles(dataset: Path) -> None:
    change(dataset / "faces.npy", lambda faces: faces.__setitem__(slice(7, 8), faces[7:8, ::-1].copy()))
    only_problem(dataset, dataset / "faces.npy", "flipped faces", "3 edges")


def test_a_vertex_that_is_not_a_number_is_found_in_a_frame(dataset: Path) -> None:
    change(dataset / B / "slow.npy", lambda frames: frames.__setitem__((2, 17, 1), np.nan))
    only_problem(dataset, dataset / B / "slow.npy", "1 of 5 frames", "000002", "vertex 17", "not finite")


def test_a_vertex_that_is_not_a_number_is_found_in_a_canonical_mesh(dataset: Path) -> None:
    change(dataset / B / "canonical.npy", lambda v: v.__setitem__((4, 0), np.inf))
    only_problem(dataset, dataset / B / "canonical.npy", "not finite", "such as 4")


def test_another_topology_of_a_sequence_is_found(dataset: Path) -> None:
    change(dataset / A / "fast.npy", lambda frames: frames[:, :-1])
    only_problem(dataset, dataset / A / "fast.npy", "(5, 641, 3)", "642", "topology")


def test_another_topology_of_a_canonical_mesh_is_found(dataset: Path) -> None:
    change(dataset / A / "canonical.npy", lambda v: np.concatenate((v, v[:5])))
    only_problem(dataset, dataset / A / "canonical.npy", "647 vertices", "642")


def test_vertices_in_another_order_are_another_topology(dataset: Path) -> None:
    order = np.random.default_rng(0).permutation(642)
    change(dataset / B / "fast.npy", lambda frames: frames[:, order])
    only_problem(dataset, dataset / B / "fast.npy", "another topology", "another order")
    shutil.copy(dataset / B / "slow.npy", dataset / B / "fast.npy")
    change(dataset / B / "fast.npy", lambda frames: frames + np.float16(0.01))
    assert lines(dataset) == []
    change(dataset / B / "fast.npy", lambda frames: frames.__setitem__(3, frames[3][order]))
    only_problem(dataset, dataset / B / "fast.npy", "1 of 5 frames (first 000003)", "another topology")


def test_vertices_of_a_canonical_mesh_in_another_order_are_another_topology(dataset: Path) -> None:
    change(dataset / B / "canonical.npy", lambda v: np.roll(v, 100, axis=0))
    only_problem(dataset, dataset / B / "canonical.npy", "another topology", "all its sequences")


def test_faces_out_of_range_are_found_once(dataset: Path) -> None:
    change(dataset / "faces.npy", lambda faces: faces.__setitem__((3, 1), 9999))
    only_problem(dataset, dataset / "faces.npy", "9999", "642")


def test_faces_out_of_range_of_one_identity_are_found_in_its_own_file(dataset: Path) -> None:
    faces = np.load(dataset / "faces.npy")
    faces[3, 1] = 9999
    np.save(dataset / C / "faces.npy", faces)
    only_problem(dataset, dataset / C / "faces.npy", "9999")


def test_a_mesh_that_is_not_watertight_is_found_and_its_repair_named(dataset: Path) -> None:
    change(dataset / "faces.npy", lambda faces: faces[1:])
    only_problem(dataset, dataset / "faces.npy", "not watertight", "3 open edges", "prepare the dataset")


def test_a_frame_outside_the_cube_is_found(dataset: Path) -> None:
    change(dataset / C / "fast.npy", lambda frames: frames.__iadd__(np.array([0, 0.3, 0], np.float16)))
    only_problem(dataset, dataset / C / "fast.npy", "5 of 5 frames", "leave the cube", "0.6", "normalise")


def test_a_canonical_mesh_outside_the_cube_is_found(dataset: Path) -> None:
    change(dataset / C / "canonical.npy", lambda v: v.__iadd__(np.array([0.5, 0, 0], np.float32)))
    only_problem(dataset, dataset / C / "canonical.npy", "leaves the cube", "normalise")


@pytest.mark.parametrize(("row", "copied"), [(2, 1), (4, 0)])
def test_a_duplicate_frame_is_found(dataset: Path, row: int, copied: int) -> None:
    change(dataset / B / "fast.npy", lambda frames: frames.__setitem__(row, frames[copied]))
    only_problem(dataset, dataset / B / "fast.npy", "duplicate", f"(00000{row} is 00000{copied})")


def test_an_appended_copy_of_a_frame_is_found_without_a_label(dataset: Path) -> None:
    change(dataset / B / "fast.npy", lambda frames: np.concatenate((frames, frames[3:4])))
    only_problem(dataset, dataset / B / "fast.npy", "1 of 6 frames (first 000005) are duplicate", "(000005 is 000003)")


def test_bodies_that_stretch_are_no_problem(dataset: Path) -> None:
    stretch = np.linspace(0.5, 1.5, FRAMES)[:, None]
    bend = [0.0, 0.0, 1.0]
    change(dataset / B / "slow.npy", lambda f: (f + (stretch * f[..., 1] ** 2)[..., None] * bend).astype(f.dtype))
    assert lines(dataset) == []


def test_a_copy_of_a_sequence_is_found(dataset: Path) -> None:
    shutil.copy(dataset / B / "slow.npy", dataset / B / "fast.npy")
    only_problem(dataset, dataset / B / "fast.npy", "duplicate frames", "slow")


@pytest.mark.parametrize(("factor", "unit"), [(2.5, "metres"), (2500.0, "millimetres"), (0.7, "unit")])
def test_a_wrong_scale_of_a_sequence_is_found(dataset: Path, factor: float, unit: str) -> None:
    change(dataset / B / "slow.npy", lambda frames: (frames.astype(np.float32) * factor).astype(np.float32))
    only_problem(dataset, dataset / B / "slow.npy", "wrong scale", f"{factor:.3g} times", unit)


def test_a_wrong_scale_of_a_single_frame_is_found(dataset: Path) -> None:
    change(dataset / B / "slow.npy", lambda frames: frames.__setitem__(2, frames[2] * np.float16(2.5)))
    only_problem(dataset, dataset / B / "slow.npy", "1 of 5 frames (first 000002)", "wrong scale", "metres")


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_a_wrong_scale_of_the_similarity_is_found(dataset: Path, factor: float) -> None:
    description = json.loads((dataset / "dataset.json").read_text())
    description["similarity"]["scale"] *= factor
    (dataset / "dataset.json").write_text(json.dumps(description))
    only_problem(dataset, dataset / "dataset.json", "wrong scale", "metres large")


def test_a_wrong_scale_of_an_identity_is_found_once(dataset: Path) -> None:
    for path in sorted((dataset / B).glob("*.npy")):
        change(path, lambda array: array * array.dtype.type(2.5))
    only_problem(dataset, dataset / B / "canonical.npy", "wrong scale", "metres")


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0])
@pytest.mark.parametrize("own_faces", [False, True])
def test_a_wrong_scale_of_an_identity_is_found_inside_the_cube(dataset: Path, factor: float, own_faces: bool) -> None:
    for path in sorted(dataset.glob("*/*.npy")):  # all of them small, so that ten times that is in the cube
        change(path, lambda array: array * array.dtype.type(0.12))
    assert lines(dataset) == []
    for path in sorted((dataset / B).glob("*.npy")):
        change(path, lambda array: (array.astype(np.float32) * factor).astype(np.float32))
    if own_faces:  # another topology is no excuse
        np.save(dataset / B / "faces.npy", np.roll(np.load(dataset / "faces.npy"), 1, axis=0))
    line = only_problem(dataset, dataset / B / "canonical.npy", "wrong scale", "times the size of the others")
    assert float(line.split("it has ")[1].split()[0]) == pytest.approx(factor, rel=0.05)


def test_an_identity_of_half_the_size_of_others_of_its_shape_is_found(dataset: Path) -> None:
    for path in sorted((dataset / B).glob("*.npy")):  # of the shape of A but for a few percent
        factor = np.random.default_rng(1).normal(1, 0.01, (1, 3)) * 0.5
        original = np.load(dataset / A / path.name)
        np.save(path, (original * factor).astype(original.dtype))
    for path in sorted((dataset / C).glob("*.npy")):
        original = np.load(dataset / A / path.name)
        np.save(path, (original * [1.05, 1.02, 1]).astype(original.dtype))
    only_problem(dataset, dataset / B / "canonical.npy", "wrong scale", "times the size", "of its shape")


@pytest.mark.filterwarnings("error")
def test_a_canonical_mesh_collapsed_to_a_point_is_one_problem(dataset: Path) -> None:
    change(dataset / B / "canonical.npy", lambda v: v * 0)
    only_problem(dataset, dataset / B / "canonical.npy", "wrong scale")


def test_things_of_different_kinds_may_differ_in_size(dataset: Path) -> None:
    for path in sorted((dataset / B).glob("*.npy")):
        change(path, lambda array: array * array.dtype.type(0.2))
    np.save(dataset / B / "faces.npy", np.roll(np.load(dataset / "faces.npy"), 1, axis=0))
    assert lines(dataset) == []


@pytest.mark.parametrize(("factor", "problem"), [(1000.0, "leaves the cube"), (0.01, "wrong scale")])
def test_a_dataset_in_another_unit_is_one_problem(dataset: Path, factor: float, problem: str) -> None:
    for path in sorted(dataset.glob("*/*.npy")):
        change(path, lambda array: (array * factor).astype(np.float32))
    only_problem(dataset, dataset, problem, "3 identities")


def test_a_hole_that_cuts_pieces_off_is_one_problem(dataset: Path) -> None:
    faces = np.load(dataset / "faces.npy")
    vertices = np.load(dataset / A / "canonical.npy")
    middle = vertices[faces].mean(axis=1)
    lid, rest = middle[:, 1] > 0.3, middle[:, 1] < 0.2
    np.save(dataset / "faces.npy", np.concatenate((faces[rest], faces[lid])))
    only_problem(dataset, dataset / "faces.npy", "not watertight")


def test_children_among_adults_are_no_problem(dataset: Path) -> None:
    for path in sorted((dataset / B).glob("*.npy")):
        change(path, lambda array: array / array.dtype.type(1.9))
    assert lines(dataset) == []


def test_sizes_are_not_compared_where_each_identity_has_a_similarity_of_its_own(dataset: Path) -> None:
    for path in sorted((dataset / B).glob("*.npy")):
        change(path, lambda array: array * array.dtype.type(0.3))
    description = json.loads((dataset / "dataset.json").read_text())
    own = {name: {**description["similarity"], "scale": 0.12 if name == B else 0.4} for name in (A, B, C)}
    (dataset / "dataset.json").write_text(json.dumps({**description, "similarities": own}))
    assert lines(dataset) == []


@pytest.mark.parametrize("factor", [2.5, 0.5])
def test_a_wrong_scale_of_a_canonical_mesh_is_found_once(dataset: Path, factor: float) -> None:
    change(dataset / B / "canonical.npy", lambda v: v * np.float32(factor))
    only_problem(dataset, dataset / B / "canonical.npy", "wrong scale")


def test_an_empty_sequence_is_found(dataset: Path) -> None:
    change(dataset / A / "slow.npy", lambda frames: frames[:0])
    only_problem(dataset, dataset / A / "slow.npy", "empty sequence")


def test_an_empty_sequence_without_labels_is_found_too(dataset: Path) -> None:
    np.save(dataset / A / "more.npy", np.zeros((0, 642, 3), np.float16))
    only_problem(dataset, dataset / A / "more.npy", "empty sequence")


@pytest.mark.parametrize("name", ["fast.npy", "canonical.npy"])
def test_a_truncated_file_is_found(dataset: Path, name: str) -> None:
    path = dataset / B / name
    path.write_bytes(path.read_bytes()[:-100])
    only_problem(dataset, path, "truncated", "100 bytes")


def test_truncated_faces_are_found_once(dataset: Path) -> None:
    path = dataset / "faces.npy"
    path.write_bytes(path.read_bytes()[:50])
    only_problem(dataset, path, "not a readable npy file")


def test_an_unknown_identity_of_a_label_is_found_by_name_and_by_number(dataset: Path) -> None:
    def ghost(entry: dict[str, Any]) -> None:
        if entry["identity_id"] == 2:
            entry["identity_name"] = "ghost"

    labels = relabel(dataset / "labels.json", ghost)
    only_problem(dataset, labels, "unknown identity ghost", "9 more")
    relabel(labels, lambda entry: entry.update(identity_name=(A, B, C)[entry["identity_id"]]))
    assert lines(dataset) == []
    relabel(labels, lambda entry: entry.update(identity_id=entry["identity_id"] + 5 * (entry["identity_id"] == 2)))
    only_problem(dataset, labels, "unknown identity_id 7")


def test_an_unknown_identity_folder_is_found(dataset: Path) -> None:
    shutil.copytree(dataset / A, dataset / "stranger")
    only_problem(dataset, dataset / "stranger", "unknown identity")


def test_an_identity_of_another_name_than_its_folder_is_one_problem(dataset: Path) -> None:
    (dataset / B).rename(dataset / "renamed")
    only_problem(dataset, dataset / B, "unknown identity renamed")
    (dataset / "renamed").rename(dataset / B)
    tposes = relabel(
        dataset / "labels_tpose.json",
        lambda e: e.update(identity_name={B: "nobody"}.get(e["identity_name"], e["identity_name"])),
    )
    only_problem(dataset, tposes, "unknown identity nobody", B)


def test_an_identity_that_labels_tpose_lacks_or_has_in_excess_is_one_problem(dataset: Path) -> None:
    path = dataset / "labels_tpose.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps(entries[:-1]))
    only_problem(dataset, dataset / "labels.json", f"unknown identity {C}")
    path.write_text(json.dumps([*entries, {**entries[0], "identity_id": 3, "identity_name": "nobody"}]))
    only_problem(dataset, dataset / "nobody", "missing")
