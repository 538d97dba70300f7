"""Splits: what they choose, that they point to the data they were made from, and that nothing else is overwritten."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.splits import (
    Selection,
    encoder_split,
    hold_out,
    select,
    shape_rows,
    subsample,
    write_splits,
)
from engine.dataset.summary import summarise_dataset
from engine.models.labels import ModelInfo
from tests.support.ellipsoids import write_ellipsoids
from tests.support.progress import Listener

KEYS = ["dataset", "identity_id", "identity_name", "animation_name", "sample_id"]
NAMES = tuple(f"ellipsoid_{i:03d}" for i in range(4))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_ellipsoids(tmp_path / "data" / "four", identities=4, sequences=3, frames=5)


@pytest.fixture
def data(root: Path) -> RegisteredDataset:
    return load_registered_dataset(root)


def write(out: Path, *selections: Selection) -> RegisteredDataset:
    write_splits(out, {"": selections}, {"command": "split make"})
    return load_registered_dataset(out)


def rename_dataset(root: Path, name: str) -> RegisteredDataset:
    """Call the dataset in ``root`` ``name`` in all its files."""
    for file in ("labels.json", "labels_tpose.json"):
        entries = json.loads((root / file).read_text())
        (root / file).write_text(json.dumps([{**entry, "dataset": name} for entry in entries]))
    description = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps({**description, "name": name}))
    return load_registered_dataset(root)


def frames_of(dataset: RegisteredDataset) -> list[tuple[str, str, str]]:
    """Folder of the identity, sequence and sample of every label."""
    return [(str(dataset.folder(f.identity).resolve()), f.sequence, f.sample) for f in dataset.labels]


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Choosing


def test_identities_and_sequences_are_chosen_by_pattern_and_renumbered(data: RegisteredDataset, tmp_path: Path) -> None:
    split = write(tmp_path / "s", select(data, [NAMES[3], "*_001"], sequences=["bend_[02]"]))
    assert split.identities == (NAMES[1], NAMES[3])
    assert {label.sequence for label in split.labels} == {"bend_0", "bend_2"}
    assert [label.identity for label in split.labels] == [0] * 10 + [1] * 10


def test_identities_can_be_excluded_or_named_with_their_dataset(data: RegisteredDataset) -> None:
    assert select(data, exclude=[NAMES[0], NAMES[2]]).identities == (1, 3)
    assert select(data, [f"ellipsoids/{NAMES[2]}"]).identities == (2,)


def test_names_that_nothing_has_are_refused_with_those_that_are_there(data: RegisteredDataset) -> None:
    with pytest.raises(InputError, match=r"bob.*does not exist.*ellipsoid_000"):
        select(data, ["bob"])
    with pytest.raises(InputError, match=r"run\*.*does not exist.*bend_0"):
        select(data, sequences=["run*"])
    with pytest.raises(InputError, match="nothing left"):
        select(data, exclude=["*"])


def test_identities_without_a_chosen_sequence_are_left_out(root: Path) -> None:
    entries = json.loads((root / "labels.json").read_text())
    kept = [e for e in entries if not (e["identity_id"] == 2 and e["animation_name"] == "bend_1")]
    (root / "labels.json").write_text(json.dumps(kept))
    assert select(load_registered_dataset(root), sequences=["bend_1"]).identities == (0, 1, 3)


def test_a_split_follows_the_published_schema_and_reads_the_data_it_was_made_from(
    data: RegisteredDataset, tmp_path: Path
) -> None:
    out = tmp_path / "elsewhere" / "deep" / "split"
    split = write(out, select(data, [NAMES[2]]))
    tposes, labels = (json.loads((out / name).read_text()) for name in ("labels_tpose.json", "labels.json"))
    assert [list(entry) for entry in tposes + labels] == [KEYS] * (1 + 15)
    assert tposes == [
        {
            "dataset": "ellipsoids",
            "identity_id": 0,
            "identity_name": NAMES[2],
            "animation_name": "a_t_pose",
            "sample_id": "000000",
        }
    ]
    assert json.loads((out / "dataset.json").read_text())["sources"] == {
        "ellipsoids": {"layout": "registered", "path": "../../../data/four"}
    }
    assert np.array_equal(split.sequence(0, "bend_1"), data.sequence(2, "bend_1"))
    assert split.similarity_of(0) == data.similarity


def test_a_split_moves_with_its_data(data: RegisteredDataset, tmp_path: Path) -> None:
    write(data.root.parent / "split", select(data, [NAMES[2]]))
    shutil.move(data.root.parent, tmp_path / "moved")
    moved = load_registered_dataset(tmp_path / "moved" / "split")
    assert moved.sequence(0, "bend_0").shape == (5, 642, 3)


def test_a_split_of_a_split_points_to_the_data(data: RegisteredDataset, tmp_path: Path) -> None:
    first = write(tmp_path / "first", select(data, exclude=[NAMES[0]]))
    second = write(tmp_path / "second", select(first, sequences=["bend_0"]))
    shutil.rmtree(tmp_path / "first")
    assert frames_of(load_registered_dataset(tmp_path / "second")) == frames_of(second)
    assert second.sources["ellipsoids"].path.resolve() == data.root


def test_a_foreign_tree_is_read_through_the_view_that_describes_it(data: RegisteredDataset, tmp_path: Path) -> None:
    view = write(tmp_path / "view", select(data))
    (tmp_path / "view" / "dataset.json").write_text(
        (tmp_path / "view" / "dataset.json").read_text().replace('"registered"', '"strange"')
    )
    store = view.stored[0].store
    strange = load_registered_dataset(tmp_path / "view", {"strange": lambda path, derived: store})
    write_splits(tmp_path / "split", {"": [select(strange, [NAMES[1]])]}, {"command": "split make"})
    split = load_registered_dataset(tmp_path / "split", {"strange": lambda path, derived: store})
    assert split.sources["ellipsoids"].path.resolve() == tmp_path / "view"
    assert split.identities == (NAMES[1],)


# Merging


def test_same_named_identities_of_different_datasets_stay_apart(data: RegisteredDataset, tmp_path: Path) -> None:
    other = rename_dataset(write_ellipsoids(tmp_path / "two", identities=2, sequences=1, frames=3), "others")
    merged = write(tmp_path / "merged", select(data), select(other))
    assert merged.identities == NAMES + NAMES[:2]
    assert [stored.dataset for stored in merged.stored] == ["ellipsoids"] * 4 + ["others"] * 2
    assert len(merged.labels) == 4 * 3 * 5 + 2 * 3
    assert [label.identity for label in merged.labels[-6:]] == [4, 4, 4, 5, 5, 5]
    assert frames_of(merged) == frames_of(data) + frames_of(other)


def test_datasets_of_one_name_in_two_places_stay_apart(data: RegisteredDataset, tmp_path: Path) -> None:
    other = load_registered_dataset(write_ellipsoids(tmp_path / "two", identities=2, sequences=1, frames=3))
    merged = write(tmp_path / "merged", select(data), select(other))
    assert list(merged.sources) == ["ellipsoids", "ellipsoids-2"]
    assert frames_of(merged) == frames_of(data) + frames_of(other)
    again = write(tmp_path / "again", select(merged), select(other), select(data))
    assert frames_of(again) == frames_of(merged)


def test_the_same_dataset_given_twice_is_in_it_once(data: RegisteredDataset, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(data.root)
    merged = write(tmp_path / "merged", select(data), select(load_registered_dataset(link)))
    assert merged.identities == data.identities and merged.labels == data.labels


def test_two_splits_of_one_dataset_merge_frame_by_frame(data: RegisteredDataset, tmp_path: Path) -> None:
    first = write(tmp_path / "first", select(data, [NAMES[2], NAMES[1]], sequences=["bend_0", "bend_1"]))
    second = write(tmp_path / "second", select(data, [NAMES[0], NAMES[2]], sequences=["bend_1", "bend_2"]))
    merged = write(tmp_path / "merged", select(first), select(second))
    assert merged.identities == (NAMES[1], NAMES[2], NAMES[0])
    assert merged.sequences_of(1) == ["bend_0", "bend_1", "bend_2"]
    assert len(set(merged.labels)) == len(merged.labels) == 10 + 15 + 10
    assert [label.identity for label in merged.labels] == sorted(label.identity for label in merged.labels)


def test_merging_datasets_of_different_normalisation_is_said(data: RegisteredDataset, tmp_path: Path) -> None:
    other = write_ellipsoids(tmp_path / "data" / "other", identities=2, sequences=1, frames=2)
    listener = Listener()

    def merge() -> None:
        selections = [select(data), select(load_registered_dataset(other))]
        write_splits(tmp_path / "all", {"": selections}, {"command": "split merge"}, listener)

    merge()
    assert not any("normalisations differ" in text for text in listener.messages)
    description = json.loads((other / "dataset.json").read_text())
    description["similarity"]["scale"] *= 2
    (other / "dataset.json").write_text(json.dumps(description))
    merge()
    assert any("normalisations differ" in text and str(data.root) in text for text in listener.messages)


def test_licences_and_classes_of_merged_datasets_are_all_named(data: RegisteredDataset, tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "two")
    description = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps({**description, "licence": "MIT"}))
    merged = write(tmp_path / "merged", select(data), select(load_registered_dataset(root)))
    assert merged.licence == "CC0-1.0 AND MIT" and merged.category == "ellipsoids"


# Random choices


def test_a_subsample_has_as_many_frames_of_each_identity_in_label_order(data: RegisteredDataset) -> None:
    chosen = subsample(select(data), 18, seed=3)
    counts = np.bincount([data.labels[row].identity for row in chosen.frames])
    assert counts.tolist() == [5, 5, 5, 5]  # 18 / 4, rounded up
    assert list(chosen.frames) == sorted(set(chosen.frames))
    assert chosen.frames != subsample(select(data), 18, seed=4).frames


def test_a_subsample_takes_all_frames_of_an_identity_that_has_few(root: Path) -> None:
    entries = json.loads((root / "labels.json").read_text())
    (root / "labels.json").write_text(
        json.dumps([e for e in entries if e["identity_id"] or e["sample_id"] == "000000"])
    )
    data = load_registered_dataset(root)
    chosen = subsample(select(data), 40, seed=0)
    assert np.bincount([data.labels[row].identity for row in chosen.frames]).tolist() == [3, 10, 10, 10]


def test_held_out_parts_are_disjoint_and_complete(data: RegisteredDataset) -> None:
    parts = hold_out(data, 1, ["bend_2"], seed=7)
    assert list(parts) == ["train", "test_identities", "test_motions", "test_both"]
    rows = [row for part in parts.values() for row in part.frames]
    assert sorted(rows) == list(range(len(data.labels)))
    (unseen,) = parts["test_identities"].identities
    assert unseen not in parts["train"].identities + parts["test_motions"].identities
    assert parts["test_both"].identities == (unseen,)

    def motions(name: str) -> set[str]:
        return {data.labels[row].sequence for row in parts[name].frames}

    assert motions("train") == motions("test_identities") == {"bend_0", "bend_1"}
    assert motions("test_motions") == motions("test_both") == {"bend_2"}


def test_identities_to_hold_out_can_be_named_and_parts_without_frames_are_not_written(data: RegisteredDataset) -> None:
    parts = hold_out(data, [NAMES[1], NAMES[3]], [], seed=0)
    assert {name: part.identities for name, part in parts.items()} == {"train": (0, 2), "test_identities": (1, 3)}
    assert list(hold_out(data, 0, ["bend_0"], seed=0)) == ["train", "test_motions"]


def test_holding_out_nothing_or_everything_is_refused(data: RegisteredDataset) -> None:
    with pytest.raises(InputError, match="nothing is held out"):
        hold_out(data, 0, [], seed=0)
    with pytest.raises(InputError, match="cannot hold out 4 of 4"):
        hold_out(data, 4, [], seed=0)
    with pytest.raises(InputError, match="nothing left to train on"):
        hold_out(data, 0, ["*"], seed=0)


def test_an_encoder_split_shares_no_identity(data: RegisteredDataset) -> None:
    parts = encoder_split(data, 0.05, seed=1)
    assert len(parts["validation"].identities) == 1
    assert sorted(parts["train"].identities + parts["validation"].identities) == [0, 1, 2, 3]
    assert sorted(parts["train"].frames + parts["validation"].frames) == list(range(60))
    assert len(encoder_split(data, 0.5, seed=1)["validation"].identities) == 2
    with pytest.raises(InputError, match="between 0 and 1"):
        encoder_split(data, 1.0, seed=0)


def test_an_encoder_split_of_one_identity_is_refused(data: RegisteredDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot hold out 1 of 1"):
        encoder_split(write(tmp_path / "one", select(data, [NAMES[0]])), 0.5, seed=0)


def test_the_same_seed_gives_the_same_bytes(data: RegisteredDataset, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        out = tmp_path / name / "split"
        parts = hold_out(data, 2, [], seed=0 if name < "c" else 1)
        write_splits(out, {part: [chosen] for part, chosen in parts.items()}, {"command": "split hold-out"})
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


# Where a split may be written


def test_a_split_replaces_a_split_and_nothing_else(data: RegisteredDataset, tmp_path: Path) -> None:
    write(tmp_path / "s", select(data))
    assert write(tmp_path / "s", select(data, [NAMES[0]])).identities == (NAMES[0],)
    (tmp_path / "s" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not a split"):
        write(tmp_path / "s", select(data))
    assert (tmp_path / "s" / "notes.txt").read_text() == "mine"
    another = write_ellipsoids(tmp_path / "another", identities=1)
    before = digest(another)
    for place in (another, tmp_path, data.root):
        with pytest.raises(InputError):
            write(place, select(data))
    assert digest(another) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a split"):
        write(tmp_path / "file", select(data))


def test_a_split_that_is_read_is_not_replaced_by_its_part(data: RegisteredDataset, tmp_path: Path) -> None:
    split = write(tmp_path / "s", select(data))
    with pytest.raises(InputError, match="holds the dataset"):
        write(tmp_path / "s", subsample(select(split), 4, 0))
    assert len(load_registered_dataset(tmp_path / "s").labels) == len(data.labels)


# Rows of a pretrained shape space


def info(names: tuple[str, ...], datasets: tuple[str, ...] = ()) -> ModelInfo:
    return ModelInfo("m", identities=names, identity_datasets=datasets)


def test_identities_find_their_shape_by_name_also_when_the_counts_agree(data: RegisteredDataset) -> None:
    assert shape_rows(data, info(NAMES[::-1])).tolist() == [3, 2, 1, 0]
    rows = shape_rows(data, info(("x", *NAMES[::-1]), ("ellipsoids",) * 5))
    assert rows.tolist() == [4, 3, 2, 1] and rows.dtype == np.int64


def test_identities_of_one_name_find_the_shape_of_their_own_dataset(data: RegisteredDataset, tmp_path: Path) -> None:
    other = rename_dataset(write_ellipsoids(tmp_path / "two", identities=2), "others")
    merged = write(tmp_path / "merged", select(data), select(other))
    model = info(NAMES[:2] + NAMES, ("others",) * 2 + ("ellipsoids",) * 4)
    assert shape_rows(merged, model).tolist() == [2, 3, 4, 5, 0, 1]
    assert shape_rows(other, model).tolist() == [0, 1]


def test_names_that_do_not_say_which_shape_is_meant_are_refused(data: RegisteredDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"which identity .* ellipsoid_001"):
        shape_rows(data, info((*NAMES, NAMES[1])))
    other = rename_dataset(write_ellipsoids(tmp_path / "two", identities=1), "others")
    with pytest.raises(InputError, match=r"which identity .* ellipsoid_000"):
        shape_rows(write(tmp_path / "merged", select(data), select(other)), info(NAMES))


def test_identities_that_the_model_lacks_are_all_listed(data: RegisteredDataset) -> None:
    with pytest.raises(InputError, match=r"no shape of 2 identities.*ellipsoid_000, ellipsoid_002;"):
        shape_rows(data, info((NAMES[1], NAMES[3])))
    with pytest.raises(InputError, match="ellipsoids/ellipsoid_000, ellipsoids/ellipsoid_001"):
        shape_rows(data, info(NAMES, ("amass",) * 4))


# Summary


def test_a_summary_counts_what_is_labelled(data: RegisteredDataset, tmp_path: Path) -> None:
    whole = summarise_dataset(data)
    assert (whole.sequences, whole.frames, len(whole.identities)) == (12, 60, 4)
    assert dataclasses.asdict(whole.identities[1]) == {
        "dataset": "ellipsoids",
        "name": NAMES[1],
        "vertices": 642,
        "faces": 1280,
        "sequences": 3,
        "frames": 15,
        "pools": "none",
    }
    assert whole.bytes_on_disk == sum(path.stat().st_size for path in data.root.rglob("*") if path.is_file())
    split = summarise_dataset(write(tmp_path / "s", subsample(select(data), 8, 0)))
    assert split.frames == 8 and split.sources == {"ellipsoids": f"registered {data.root}"}
    assert split.bytes_on_disk > whole.bytes_on_disk
