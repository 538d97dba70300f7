"""`dataset verify`: hostile files, mirrored meshes, pools, foreign trees and splits; what is a note and no problem."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.dataset.preparation.sdf_pools import prepare_pools
from engine.dataset.splits import select, write_splits
from engine.dataset.summary import summarise_dataset
from engine.dataset.verification.verify import verify_dataset
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import save_compact_ply
from external.datasets import open_dataset
from npm_studio.cli.main import main
from tests.support.npms_tree import write_tree
from tests.support.progress import Impatient
from tests.support.verification import (
    FRAMES,
    A,
    B,
    C,
    change,
    lines,
    only_problem,
    relabel,
    verify,
    write_clean_dataset,
)


def test_several_problems_are_all_listed(dataset: Path) -> None:
    (dataset / A / "slow.npy").unlink()
    change(dataset / B / "slow.npy", lambda frames: frames.__setitem__((0, 0, 0), np.nan))
    change(dataset / C / "fast.npy", lambda frames: frames.__setitem__(1, frames[0]))
    assert len(lines(dataset)) == 3


def test_a_wrong_type_is_found(dataset: Path) -> None:
    change(dataset / A / "slow.npy", lambda frames: frames.astype(np.float64))
    only_problem(dataset, dataset / A / "slow.npy", "float64", "float16")


def test_an_array_of_objects_is_refused_unread(dataset: Path) -> None:
    np.save(dataset / A / "slow.npy", np.array([{"a": 1}], object), allow_pickle=True)
    only_problem(dataset, dataset / A / "slow.npy", "not a readable npy file")


@pytest.mark.parametrize("name", ["canonical", "slow"])
def test_an_array_whose_header_is_no_python_is_listed(dataset: Path, name: str) -> None:
    path = dataset / A / f"{name}.npy"
    path.write_bytes(path.read_bytes().replace(b"}", b"(", 1))
    assert any(f"{path}: is truncated or not a readable npy file" in line for line in lines(dataset))


def test_a_huge_declared_size_is_refused_unread(dataset: Path) -> None:
    with (dataset / A / "slow.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**50, 642, 3)})
        file.write(b"\0" * 64)
    only_problem(dataset, dataset / A / "slow.npy", "truncated")


def test_sample_ids_that_are_no_numbers_are_found(dataset: Path) -> None:
    entries = json.loads((dataset / "labels.json").read_text())
    entries[3]["sample_id"] = "frame3"
    (dataset / "labels.json").write_text(json.dumps(entries))
    only_problem(dataset, dataset / "labels.json", "entry 3", "'frame3'", "not a number")


def test_labels_of_frames_that_are_not_there_are_found(dataset: Path) -> None:
    change(dataset / B / "slow.npy", lambda frames: frames[:3])
    only_problem(dataset, dataset / "labels.json", f"2 entries name frames of {B}/slow beyond its 3", "000003")


def test_a_label_given_twice_is_found(dataset: Path) -> None:
    entries = json.loads((dataset / "labels.json").read_text())
    (dataset / "labels.json").write_text(json.dumps([*entries, entries[4]]))
    only_problem(dataset, dataset / "labels.json", "second time", f"{A}/slow/000004")


def test_an_identity_without_labels_is_found(dataset: Path) -> None:
    entries = [e for e in json.loads((dataset / "labels.json").read_text()) if e["identity_id"] != 1]
    (dataset / "labels.json").write_text(json.dumps(entries))
    only_problem(dataset, dataset / "labels.json", f"labels no frames of identity {B}")


@pytest.mark.parametrize("name", ["../ellipsoid_000", "", "a/b"])
def test_labels_that_lead_out_of_the_folder_are_found(dataset: Path, name: str) -> None:
    entries = json.loads((dataset / "labels.json").read_text())
    entries[0]["animation_name"] = name
    (dataset / "labels.json").write_text(json.dumps(entries))
    only_problem(dataset, dataset / "labels.json", "entry 0", "not a plain name")


@pytest.mark.parametrize("text", ["[1, 2]", "[{}]", '{"a": 1}', "nonsense", "[[]]", "null"])
def test_labels_that_follow_no_format_are_problems_and_no_crash(dataset: Path, text: str) -> None:
    for name in ("labels.json", "labels_tpose.json", "dataset.json"):
        (dataset / name).write_text(text)
    assert {Path(line.split(":")[0]).name for line in lines(dataset)} >= {
        "labels.json",
        "labels_tpose.json",
        "dataset.json",
    }


def test_a_description_with_wrong_figures_is_found(dataset: Path) -> None:
    description = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps({**description, "frame_rate": 0}))
    only_problem(dataset, dataset / "dataset.json", "frame rate")
    (dataset / "dataset.json").write_text(json.dumps({**description, "similarity": {"scale": -1, "centre": [0, 0, 0]}}))
    only_problem(dataset, dataset / "dataset.json", "positive scale")
    del description["licence"]
    (dataset / "dataset.json").write_text(json.dumps(description))
    only_problem(dataset, dataset / "dataset.json", "lacks licence")


def test_a_mirrored_frame_is_found(dataset: Path) -> None:
    change(dataset / B / "fast.npy", lambda frames: frames.__setitem__(3, frames[3] * np.array([1, 1, -1], np.float16)))
    only_problem(dataset, dataset / B / "fast.npy", "1 of 5 frames", "000003", "mirrored")


def test_a_mirrored_canonical_mesh_is_found_and_not_blamed_on_its_frames(dataset: Path) -> None:
    change(dataset / B / "canonical.npy", lambda v: v * np.array([1, 1, -1], np.float32))
    only_problem(dataset, dataset / B / "canonical.npy", "mirrored")


def test_interior_shells_cavities_and_parts_inside_out_are_told_apart(tmp_path: Path) -> None:
    root = write_clean_dataset(tmp_path / "shells", shells=True)
    only_problem(root, root / "faces.npy", "1 interior shells", "prepare the dataset")
    half = len(np.load(root / "faces.npy")) // 2
    change(root / "faces.npy", lambda faces: faces.__setitem__(slice(half, None), faces[half:, ::-1].copy()))
    only_problem(root, root / "faces.npy", "1 cavities")
    for name in (A, B, C):  # beside the ellipsoid instead of in it
        for path in sorted((root / name).glob("*.npy")):
            change(path, lambda v: v.__setitem__((..., slice(642, None), 2), v[..., 642:, 2] + v.dtype.type(0.3)))
    only_problem(root, root / "faces.npy", "1 parts turned inside out")


def test_a_sequence_that_holds_still_is_a_note(dataset: Path) -> None:
    change(dataset / B / "slow.npy", lambda frames: frames.__setitem__(slice(None), frames[:1].copy()))
    found = verify(dataset)
    assert found.problems == ()
    assert any("slow.npy" in note.text and "still" in note.text for note in found.notes)


def test_nearly_still_and_very_fast_frames_are_no_problem(dataset: Path) -> None:
    def nearly(frames: np.ndarray) -> None:
        frames[:] = frames[:1]
        frames[:, 0, 0] += (0.001 * np.arange(FRAMES)).astype(np.float16)

    change(dataset / B / "slow.npy", nearly)
    change(
        dataset / B / "fast.npy", lambda frames: frames.__iadd__(np.float16(0.05) * (np.arange(5) % 2)[:, None, None])
    )
    assert lines(dataset) == []


def test_files_that_nothing_refers_to_are_notes(dataset: Path) -> None:
    (dataset / "readme.txt").write_text("hello")
    (dataset / A / "scans" / "slow").mkdir(parents=True)  # of `dataset cape`
    (dataset / A / "strange").mkdir()
    found = verify(dataset)
    assert found.problems == ()
    assert sorted(note.text.split(":")[0].rsplit("/", 1)[1] for note in found.notes) == ["readme.txt", "strange"]


def test_a_sequence_that_no_label_names_is_found(dataset: Path) -> None:
    shutil.copy(dataset / A / "slow.npy", dataset / A / "unlabelled.npy")
    only_problem(dataset, dataset / A / "unlabelled.npy", "no label names")


def test_single_frames_without_a_label_are_a_note(dataset: Path) -> None:
    entries = json.loads((dataset / "labels.json").read_text())
    (dataset / "labels.json").write_text(json.dumps(entries[1:]))
    found = verify(dataset)
    assert found.problems == ()
    assert tuple(map(str, found.notes)) == (f"{dataset / A / 'slow.npy'}: 1 of 5 frames have no label",)


def test_fresh_pools_are_clean_and_stale_or_damaged_ones_are_found(dataset: Path) -> None:
    prepare_pools(open_dataset(dataset), (2000, 1000, 1000))
    found = verify(dataset)
    assert found.problems == () and found.checked["pools"] == 3
    near = dataset / B / "pools" / "near.npy"
    change(near, lambda pool: pool.__setitem__((5, 3), np.nan))
    only_problem(dataset, near, "not finite")
    change(near, lambda pool: pool[:, :3])
    only_problem(dataset, near, "(N, 4)")
    near.unlink()
    only_problem(dataset, near, "missing", "prepare the dataset")
    shutil.rmtree(dataset / B / "pools")
    shutil.copytree(dataset / C / "pools", dataset / B / "pools")
    found = verify(dataset)
    assert {Path(p.subject) for p in found.problems} == {
        near.with_name(f"{n}.npy") for n in ("near", "uniform", "surface")
    }
    assert all("does not belong" in p.problem for p in found.problems)


def test_pools_are_not_blamed_for_a_canonical_mesh_that_is_wrong(dataset: Path) -> None:
    prepare_pools(open_dataset(dataset), (2000, 1000, 1000))
    canonical = dataset / B / "canonical.npy"
    kept = np.load(canonical)
    for edit in (
        lambda v: v * np.float32(2.5),
        lambda v: v * np.array([1, 1, -1], np.float32),
        lambda v: np.roll(v, 100, axis=0),
    ):
        change(canonical, edit)
        only_problem(dataset, canonical)
        np.save(canonical, kept)
    for rows in (slice(None, 400), slice(None)):
        kept = np.load(dataset / "faces.npy")
        faces = kept.copy()
        faces[rows] = kept[rows, ::-1]
        np.save(dataset / "faces.npy", faces)
        only_problem(dataset, dataset / "faces.npy", "flipped")
        np.save(dataset / "faces.npy", kept)


def test_pools_of_a_repaired_mesh_are_compared_with_what_was_sampled(dataset: Path) -> None:
    change(dataset / "faces.npy", lambda faces: faces[20:])
    prepare_pools(open_dataset(dataset), (2000, 1000, 1000))
    only_problem(dataset, dataset / "faces.npy", "not watertight")
    change(dataset / B / "pools" / "near.npy", lambda pool: pool * np.array([1, 1, 1, -1], np.float32))
    found = lines(dataset)
    assert len(found) == 2 and found[1].startswith(f"{dataset / B / 'pools' / 'near.npy'}: does not belong")


def test_a_foreign_tree_is_checked_in_place(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    out = tmp_path / "view"
    assert main(["dataset", "npms", str(tree), str(out)]) == 0
    found = verify(out)
    assert found.problems == () and found.checked == {"identities": 3, "sequences": 6, "frames": 18, "pools": 3}
    frames = [tree / "balls" / "one" / "bend" / f"00000{row}" / "mesh_normalized.ply" for row in (0, 2)]
    for path in frames:
        path.write_bytes(path.read_bytes()[:300])
    found = verify(out)
    assert [Path(problem.subject) for problem in found.problems] == frames
    assert found.checked["sequences"] == 5


@pytest.fixture
def points(tmp_path: Path) -> tuple[Path, Path]:
    """A foreign tree of samples without meshes, and a view of it."""
    tree = write_tree(tmp_path / "tree", meshes=False)
    assert main(["dataset", "npms", str(tree), str(tmp_path / "view")]) == 0
    return tree, tmp_path / "view"


def test_identities_that_have_samples_alone_are_checked_for_these(points: tuple[Path, Path]) -> None:
    found = verify(points[1])
    assert found.problems == () and found.checked == {"identities": 3, "sequences": 6, "frames": 18, "pools": 3}
    assert tuple(map(str, found.notes)) == ("3 identities have samples and no meshes; those were checked",)
    assert {each.vertices for each in summarise_dataset(open_dataset(points[1])).identities} == {0}


def test_identities_that_have_signed_distances_alone_are_a_note(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", meshes=False, flow=False)
    assert main(["dataset", "npms", str(tree), str(tmp_path / "view")]) == 0
    found = verify(tmp_path / "view")
    assert found.problems == () and "only the shape stage" in found.notes[0].text


def test_flow_samples_that_are_missing_damaged_or_too_few_are_found(points: tuple[Path, Path]) -> None:
    tree, view = points
    flow = [tree / "balls" / "one" / "bend" / f"00000{frame}" / "flow_samples_0.01.npz" for frame in range(3)]
    flow[0].unlink()
    flow[1].write_bytes(flow[1].read_bytes()[:-50])
    np.savez(flow[2], points=np.zeros((7, 3)))
    found = lines(view)
    assert len(found) == 3
    assert found[0].startswith(f"{flow[0]}: is missing") and found[1].startswith(f"{flow[1]}: is truncated")
    assert "one/bend/000002, sigma 0.01: has 7 flow samples, a_t_pose has 60" in found[2]
    np.savez(tree / "balls" / "two" / "a_t_pose" / "000000" / "flow_samples_0.01.npz", points=np.full((60, 3), 9.0))
    assert sum("far outside the cube, up to 9" in line for line in lines(view)) == 1


def test_an_identity_with_neither_a_mesh_nor_signed_distances_is_found(points: tuple[Path, Path]) -> None:
    tree, view = points
    for path in (tree / "beads" / "two" / "a_t_pose" / "000000").glob("samples_*"):
        path.unlink()
    found = lines(view)
    assert len(found) == 1 and "neither a canonical mesh nor signed-distance samples" in found[0]


def test_a_split_is_checked_through_its_sources(dataset: Path, tmp_path: Path) -> None:
    split = tmp_path / "split"
    write_splits(split, {"": [select(open_dataset(dataset), [B, C], sequences=["slow"])]}, {"command": "split make"})
    assert verify(split).checked == {"identities": 2, "sequences": 2, "frames": 2 * FRAMES, "pools": 0}
    assert lines(split) == []
    change(dataset / B / "slow.npy", lambda frames: frames.__setitem__((1, 3, 0), np.nan))
    only_problem(split, dataset / B / "slow.npy", "not finite")
    relabel(split / "labels.json", lambda entry: entry.update(identity_id=0))
    found = lines(split)
    assert len(found) == 2 and "swapped labels" in found[0] and f"{B}/slow" in found[1]
    shutil.rmtree(dataset)
    assert any(str(dataset) in line or "no such" in line for line in lines(split))


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a registered dataset"):
        verify(tmp_path)
    with pytest.raises(InputError, match="no such dataset"):
        verify(tmp_path / "nowhere")


def test_threads_give_the_same_list(dataset: Path) -> None:
    (dataset / A / "slow.npy").unlink()
    change(dataset / B / "slow.npy", lambda frames: frames.__setitem__((0, 0, 0), np.nan))
    change(dataset / C / "fast.npy", lambda frames: frames.__setitem__(1, frames[0]))
    threaded = verify_dataset(dataset, open_dataset, workers=3)
    assert [str(p) for p in threaded.problems] == lines(dataset)


def test_a_check_can_be_stopped(clean: Path) -> None:
    with pytest.raises(Cancelled):
        verify_dataset(clean, open_dataset, Impatient())


def test_pools_of_a_mesh_with_a_wide_opening_belong_to_it(dataset: Path) -> None:
    vertices, faces = np.load(dataset / B / "canonical.npy"), np.load(dataset / "faces.npy")
    middle = vertices[faces][:, :, 1].mean(axis=1)
    np.save(dataset / "faces.npy", faces[middle < np.median(middle)])  # a bowl, closed by a lid
    prepare_pools(open_dataset(dataset), (2000, 1000, 1000))
    only_problem(dataset, dataset / "faces.npy", "not watertight")


def test_a_canonical_mesh_that_sticks_out_of_its_repaired_one_is_found(dataset: Path) -> None:
    change(dataset / "faces.npy", lambda faces: faces[20:])
    prepare_pools(open_dataset(dataset), (2000, 1000, 1000))
    mesh = load_mesh(dataset / B / "pools" / "watertight.ply")
    shift = np.array([0.04, 0, 0], np.float32)
    save_compact_ply(Mesh(mesh.vertices + shift, mesh.faces), dataset / B / "pools" / "watertight.ply")
    for name in ("near", "uniform", "surface"):
        change(dataset / B / "pools" / f"{name}.npy", lambda pool: np.column_stack((pool[:, :3] + shift, pool[:, 3:])))
    assert any("does not belong to the canonical mesh" in line for line in lines(dataset))
