"""Processed folders of the published NPM code as datasets, against a tree written by hand."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.dataset.pools import load_pools
from engine.dataset.registered import RegisteredDataset
from engine.geometry.similarity import Similarity
from engine.training.flow_points import PointFlowSampler, lacks_meshes
from external.datasets import open_dataset
from external.npms.view import ViewSummary, write_view
from tests.support.npms_tree import (
    FLOW_POINTS,
    FRAMES,
    IDENTITIES,
    SIGMAS,
    SPLIT,
    ball,
    bent,
    frame_amount,
    write_ascii_ply,
    write_tree,
)
from tests.support.present import present

FRAMES_OF_IDENTITY = 2 * FRAMES


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("npms") / "datasets")


@pytest.fixture
def tree(pristine: Path, tmp_path: Path) -> Path:
    """A tree that a test may damage."""
    return Path(shutil.copytree(pristine, tmp_path / "datasets"))


def view(tree: Path, split: str | None = SPLIT, datasets: tuple[str, ...] = ()) -> RegisteredDataset:
    write_view(tree, tree.parent / "view", split, datasets)
    return open_dataset(tree.parent / "view")


def edit_labels(tree: Path, name: str, change: Callable[[list[dict[str, object]]], object]) -> None:
    path = tree / "ZSPLITS_HUMAN" / SPLIT / name
    labels = json.loads(path.read_text())
    change(labels)
    path.write_text(json.dumps(labels))


def test_a_tree_of_two_datasets_and_topologies_is_read_in_place(pristine: Path, tmp_path: Path) -> None:
    before = sorted(path for path in pristine.rglob("*"))
    summary = write_view(pristine, tmp_path / "view", SPLIT)
    assert summary == ViewSummary(("balls", "beads"), 3, 18, 0)
    dataset = open_dataset(tmp_path / "view")
    assert [(stored.dataset, stored.name) for stored in dataset.stored] == [row[:2] for row in IDENTITIES]
    for index, (_, _, radius, (rows, columns)) in enumerate(IDENTITIES):
        vertices, faces = ball(radius, rows, columns)
        np.testing.assert_allclose(dataset.canonical(index), vertices, atol=1e-7)
        np.testing.assert_array_equal(dataset.faces(index), faces)
        assert dataset.sequences_of(index) == ["bend", "sway"]
        for animation in ("bend", "sway"):
            expected = [bent(vertices, frame_amount(animation, frame)) for frame in range(FRAMES)]
            np.testing.assert_allclose(dataset.sequence(index, animation), expected, atol=1e-6)
        assert dataset.folder(index).is_relative_to(tmp_path / "view" / "derived")
    assert sorted(path for path in pristine.rglob("*")) == before
    small = sum(path.stat().st_size for path in (tmp_path / "view").rglob("*") if path.is_file())
    assert small < 10_000


def test_without_a_split_every_frame_is_labelled(tree: Path) -> None:
    dataset = view(tree, split=None)
    assert len(dataset.identities) == 3 and len(dataset.labels) == 18
    assert [label.sequence for label in dataset.labels[:4]] == ["bend", "bend", "bend", "sway"]


def test_one_dataset_folder_will_do_and_its_splits_are_found_around_it(tree: Path) -> None:
    split = tree / "ZSPLITS_HUMAN" / "BALLS-POSE"
    split.mkdir()
    for name in ("labels.json", "labels_tpose.json"):
        labels = json.loads((tree / "ZSPLITS_HUMAN" / SPLIT / name).read_text())
        kept = [{k: v for k, v in label.items() if k != "dataset"} for label in labels if label["dataset"] == "balls"]
        (split / name).write_text(json.dumps(kept))
    write_view(tree / "balls", tree.parent / "view", "BALLS-POSE")
    dataset = open_dataset(tree.parent / "view")
    assert dataset.identities == ("one", "two") and {stored.dataset for stored in dataset.stored} == {"balls"}
    write_view(tree / "balls", tree.parent / "view", str(split))  # written again over itself, by its path
    with pytest.raises(InputError, match="does not say which dataset"):
        write_view(tree, tree.parent / "both", "BALLS-POSE")
    assert write_view(tree, tree.parent / "both", "BALLS-POSE", ["balls"]).identities == 2


def test_a_chosen_dataset_is_renumbered_from_zero(tree: Path) -> None:
    dataset = view(tree, datasets=("beads",))
    assert dataset.identities == ("two",) and {label.identity for label in dataset.labels} == {0}
    assert len(dataset.labels) == FRAMES_OF_IDENTITY
    np.testing.assert_allclose(dataset.canonical(0), ball(0.25, 6, 10)[0], atol=1e-7)


def test_a_split_of_a_dataset_that_is_not_there_names_it(tree: Path) -> None:
    shutil.rmtree(tree / "beads")
    with pytest.raises(InputError, match=r"names dataset beads, which is not there.*the dataset: balls"):
        view(tree)
    assert len(view(tree, datasets=("balls",)).identities) == 2


def test_a_subset_of_frames_in_any_order_gives_these_frames(tree: Path) -> None:
    def scramble(labels: list[dict[str, object]]) -> None:
        labels[:] = [labels[8], labels[2], labels[0], labels[6], labels[6]]

    edit_labels(tree, "labels.json", scramble)
    dataset = view(tree)
    assert [(at.identity, at.sequence, at.sample) for at in dataset.labels] == [
        (0, "bend", "000002"),
        (0, "bend", "000000"),
        (1, "bend", "000002"),
        (1, "bend", "000000"),
    ]
    vertices = ball(0.2, 8, 12)[0]
    expected = [bent(vertices, frame_amount("bend", frame)) for frame in (2, 0)]
    np.testing.assert_allclose(dataset.sequence(0, "bend"), expected, atol=1e-6)


def test_canonical_samples_may_be_labelled_as_frames(tree: Path) -> None:
    split = tree / "ZSPLITS_HUMAN" / SPLIT
    shutil.copy(split / "labels_tpose.json", split / "labels.json")  # as splits of the shape stage do
    dataset = view(tree)
    np.testing.assert_array_equal(dataset.sequence(2, "a_t_pose")[0], dataset.canonical(2))


def test_signed_distance_samples_that_came_with_the_tree_are_the_pools(pristine: Path, tmp_path: Path) -> None:
    write_view(pristine, tmp_path / "view", SPLIT)
    pools = load_pools(open_dataset(tmp_path / "view"), 1)
    assert pools.near.shape == (600, 4) and pools.uniform.shape == (400, 4) and pools.surface.shape == (300, 6)
    np.testing.assert_allclose(np.linalg.norm(pools.near[:, :3], axis=1) - 0.3, pools.near[:, 3], atol=1e-6)


def test_the_watertight_mesh_of_a_canonical_sample_is_found(tree: Path) -> None:
    sample = tree / "balls" / "one" / "a_t_pose" / "000000"
    write_ascii_ply(sample / "mesh_watertight_poisson.ply", *ball(0.2, 5, 7))
    store = view(tree).stored[0].store
    mesh = store.watertight("one")
    assert present(mesh).vertices.shape == (30, 3)
    assert store.watertight("two") is None


def truncate_near(tree: Path) -> None:
    path = tree / "balls" / "one" / "a_t_pose" / "000000" / "samples_near.sdf"
    path.write_bytes(path.read_bytes()[:-6])


def remove_uniform(tree: Path) -> None:
    (tree / "balls" / "one" / "a_t_pose" / "000000" / "samples_uniform.sdf").unlink()


def store_doubles(tree: Path) -> None:
    path = tree / "balls" / "one" / "a_t_pose" / "000000" / "samples_near.sdf"
    numbers = struct.unpack("<2400f", path.read_bytes())
    path.write_bytes(struct.pack("<2400d", *numbers))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate_near, r"samples_near\.sdf: has \d+ bytes, which are no rows of 4 float32"),
        (remove_uniform, r"samples_uniform\.sdf: is missing"),
        (store_doubles, r"samples_near\.sdf: has (points far outside the cube|numbers that are not finite)"),
    ],
)
def test_damaged_signed_distance_samples_are_refused_by_name(
    tree: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(tree)
    with pytest.raises(InputError, match=message):
        load_pools(view(tree), 0)


def test_a_frame_of_another_topology_is_refused_by_name(tree: Path) -> None:
    vertices, faces = ball(0.2, 8, 12)
    path = tree / "balls" / "one" / "sway" / "000001" / "mesh_normalized.ply"
    write_ascii_ply(path, vertices, [*faces[1:], faces[0]])
    with pytest.raises(InputError, match=r"one/sway/000001/mesh_normalized\.ply: has another topology"):
        view(tree).sequence(0, "sway")
    write_ascii_ply(path, *ball(0.2, 8, 11))
    with pytest.raises(InputError, match=r"one/sway/000001/mesh_normalized\.ply: has another topology"):
        view(tree).sequence(0, "sway")


def test_a_missing_mesh_is_refused_by_name(tree: Path) -> None:
    (tree / "balls" / "one" / "sway" / "000001" / "mesh_normalized.ply").unlink()
    with pytest.raises(InputError, match=r"one/sway/000001/mesh_normalized\.ply: no such mesh file"):
        view(tree).sequence(0, "sway")


def test_a_mesh_whose_faces_name_no_vertices_is_refused(tree: Path) -> None:
    vertices, faces = ball(0.2, 8, 12)
    write_ascii_ply(tree / "balls" / "one" / "a_t_pose" / "000000" / "mesh_normalized.ply", vertices[:-1], faces)
    with pytest.raises(InputError, match=r"a_t_pose/000000/mesh_normalized\.ply"):
        view(tree).canonical(0)


@pytest.mark.parametrize(
    ("name", "place", "key", "value", "message"),
    [
        ("labels_tpose.json", 1, "identity_name", "nobody", r"labels\.json: has identity two with identity_id 1"),
        ("labels.json", 8, "identity_name", "nobody", r"labels\.json: has identity nobody"),
        ("labels.json", 8, "identity_id", 7, r"labels\.json: has identity two with identity_id 7"),
        ("labels.json", 8, "identity_name", "../../x", r"labels\.json: has a name that is not allowed"),
        ("labels.json", 8, "sample_id", "000099", r"names balls/two/bend/000099, which does not exist"),
        ("labels.json", 8, "animation_name", "dance", r"names balls/two/dance/000002, which does not exist"),
        ("labels_tpose.json", 1, "identity_id", 2, r"labels_tpose\.json: has identity_id 2 in place 1"),
    ],
)
def test_labels_that_do_not_fit_the_tree_are_refused(
    tree: Path, name: str, place: int, key: str, value: object, message: str
) -> None:
    edit_labels(tree, name, lambda labels: labels[place].update({key: value}))
    with pytest.raises(InputError, match=message):
        view(tree)


def test_an_identity_that_is_in_both_label_files_but_not_on_disk_is_refused(tree: Path) -> None:
    shutil.rmtree(tree / "beads" / "two" / "a_t_pose")
    (tree / "beads" / "three" / "a_t_pose" / "000000").mkdir(parents=True)
    with pytest.raises(InputError, match=r"labels_tpose\.json: names beads/two/a_t_pose/000000, which does not exist"):
        view(tree)


def test_folders_that_are_no_tree_and_unknown_splits_are_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, message in ((tmp_path / "empty", "holds no processed dataset"), (tmp_path / "none", "no such folder")):
        with pytest.raises(InputError, match=message):
            write_view(folder, tmp_path / "view")
    with pytest.raises(InputError, match=f"the split NONE: no such split; known: {SPLIT}"):
        write_view(tree, tmp_path / "view", "NONE")
    with pytest.raises(InputError, match="dataset cubes: does not exist; there is balls, beads"):
        write_view(tree, tmp_path / "view", None, ["cubes"])


def test_a_folder_with_something_else_is_never_written_into(tree: Path) -> None:
    (tree.parent / "view").mkdir()
    (tree.parent / "view" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="exists and is not a view"):
        view(tree)
    with pytest.raises(InputError, match="exists and is not a view"):
        write_view(tree, tree)


def test_the_scale_comes_from_the_bounding_box_or_the_name_of_a_dataset(tree: Path) -> None:
    (tree / "balls" / "bbox.json").write_text("[[-1, -2, -3], [3, 2, 1]]")
    edit_labels(tree, "labels_tpose.json", lambda labels: [label.update(identity_name="three") for label in labels[2:]])
    edit_labels(tree, "labels.json", lambda labels: [label.update(identity_name="three") for label in labels[12:]])
    (tree / "beads" / "two").rename(tree / "beads" / "three")
    dataset = view(tree)
    assert dataset.similarity_of(0) == dataset.similarity_of(1) == Similarity(0.25, (1.0, 0.0, -1.0))
    assert dataset.similarity_of(2) == Similarity(0.4, (0.00753164, -0.18464905, 0.05970865))


def test_pairs_drawn_from_samples_alone_are_the_same_row_of_both_files(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "datasets", meshes=False)
    assert write_view(tree, tmp_path / "view", SPLIT).without_meshes == 3
    dataset = open_dataset(tmp_path / "view")
    assert lacks_meshes(dataset)
    sampler = PointFlowSampler.load(dataset, SIGMAS, torch.device("cpu"))
    frames = torch.tensor([0, 17, 9, 9])
    canonical, posed = sampler.draw(frames, 40, SIGMAS, torch.Generator().manual_seed(1))
    assert canonical.shape == posed.shape == (4, 40, 3)
    for row, frame in enumerate(frames.tolist()):
        label = dataset.labels[frame]
        stored = dataset.stored[label.identity]
        folder = tree / stored.dataset / stored.name
        for sigma, half in zip(SIGMAS, (slice(0, 20), slice(20, 40)), strict=True):
            rest = np.load(folder / "a_t_pose" / "000000" / f"flow_samples_{sigma}.npz")["points"]
            moved = np.load(folder / label.sequence / label.sample / f"flow_samples_{sigma}.npz")["points"]
            pairs = {tuple(np.array([*a, *b], np.float32).tolist()) for a, b in zip(rest, moved, strict=True)}
            drawn = torch.cat((canonical[row, half], posed[row, half]), dim=1).tolist()
            assert len({tuple(pair) for pair in drawn}) > 5 and {tuple(pair) for pair in drawn} <= pairs


def test_fewer_rows_are_kept_where_memory_is_short(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "datasets", meshes=False)
    write_view(tree, tmp_path / "view", SPLIT)
    dataset = open_dataset(tmp_path / "view")
    whole = PointFlowSampler.load(dataset, SIGMAS, torch.device("cpu"))
    part = PointFlowSampler.load(dataset, SIGMAS, torch.device("cpu"), memory=12 * 2 * 21 * 7)
    assert whole.posed.shape == (18, 2, FLOW_POINTS, 3) and part.posed.shape == (18, 2, 7, 3)
    assert torch.equal(part.posed, whole.posed[:, :, :7])


def test_flow_samples_that_are_missing_or_of_another_number_are_refused_by_name(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "datasets", meshes=False)
    write_view(tree, tmp_path / "view", SPLIT)
    path = tree / "balls" / "two" / "sway" / "000001" / "flow_samples_0.01.npz"
    np.savez(path, points=np.zeros((FLOW_POINTS - 1, 3)))
    with pytest.raises(InputError, match=f"two/sway/000001, sigma 0.01: has {FLOW_POINTS - 1} flow samples"):
        PointFlowSampler.load(open_dataset(tmp_path / "view"), SIGMAS, torch.device("cpu"))
    path.unlink()
    with pytest.raises(InputError, match=r"two/sway/000001/flow_samples_0\.01\.npz: is missing"):
        PointFlowSampler.load(open_dataset(tmp_path / "view"), SIGMAS, torch.device("cpu"))
