"""Checkpoints that are damaged, hostile or of something else are refused in one line."""

import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from external.npms.checkpoint import (
    POSE,
    SHAPE,
    Sources,
    import_checkpoint,
)
from tests.support.official_checkpoints import Runs, checkpoint, refusal, saved


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    content = {**checkpoint(), "config": Runs(tmp_path / "ran")}
    path = saved(content, tmp_path / "evil.tar")
    assert "other things than tensors" in refusal(Sources(path))
    (tmp_path / "plain.tar").write_bytes(pickle.dumps(content))
    assert "not a checkpoint of PyTorch 1.6" in refusal(Sources(tmp_path / "plain.tar"))
    torch.save(content, tmp_path / "legacy.tar", _use_new_zipfile_serialization=False)
    assert "not a checkpoint of PyTorch 1.6" in refusal(Sources(tmp_path / "legacy.tar"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, small: Path) -> None:
    data = small.read_bytes()
    small.write_bytes(data[: int(share * len(data))])
    assert "is truncated" in refusal(Sources(small))


def test_a_file_with_any_byte_of_its_pickle_changed_is_refused_or_read(small: Path, tmp_path: Path) -> None:
    data = bytearray(small.read_bytes())
    start = data.index(b"data.pkl")
    generator = np.random.default_rng(0)
    for number in range(100):
        damaged = data.copy()
        damaged[start + int(generator.integers(3000))] = int(generator.integers(256))
        path = tmp_path / f"{number}.tar"
        path.write_bytes(damaged)
        with suppress(InputError):
            import_checkpoint(Sources(path), "x")


def test_missing_files_folders_and_other_archives_are_refused(small: Path, tmp_path: Path) -> None:
    assert "no such file" in refusal(Sources(tmp_path / "nowhere.tar"))
    assert "is a folder" in refusal(Sources(tmp_path))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "is damaged" in refusal(Sources(tmp_path / "other.zip"))
    with (
        zipfile.ZipFile(small) as plain,
        zipfile.ZipFile(tmp_path / "bomb.tar", "w", zipfile.ZIP_DEFLATED) as compressed,
    ):
        for name in plain.namelist():
            compressed.writestr(name, plain.read(name))
    assert "compressed archive" in refusal(Sources(tmp_path / "bomb.tar"))
    assert "no dictionary" in refusal(Sources(saved([1, 2], tmp_path / "list.tar")))


@pytest.mark.parametrize("key", [SHAPE, POSE, "shape_codes", "pose_codes"])
def test_a_missing_entry_is_named(key: str, tmp_path: Path) -> None:
    content = checkpoint()
    del content[key]
    assert f"no entry '{key}'" in refusal(Sources(saved(content, tmp_path / "x.tar")))


@pytest.mark.parametrize(
    ("key", "name", "value", "problem"),
    [
        (SHAPE, "lin1.bias", torch.zeros(5), "lin1.bias of the shape decoder the shape (5,), needs (11,)"),
        (SHAPE, "lin0.weight_v", torch.zeros(32, 22), "22 inputs, which do not go with codes of 6"),
        (SHAPE, "lin0.weight_v", torch.zeros(32), "without a weight matrix in lin0"),
        (SHAPE, "lin0.weight_v", torch.zeros(0, 21), "without a weight matrix in lin0"),
        (SHAPE, "lin2.weight_v", torch.zeros(32, 40), "0 skips"),
        (SHAPE, "lin3.weight", torch.zeros(2, 32), "2 outputs"),
        (POSE, "lin3.weight", torch.zeros(7, 48), "7 outputs"),
        (SHAPE, "lin9999.weight", torch.zeros(1, 32), "not numbered"),
        (SHAPE, "lin99999999.weight", torch.zeros(1, 32), "unknown tensor"),
        (SHAPE, "os.system", torch.zeros(1), "unknown tensor 'os.system'"),
        (SHAPE, "bn0.weight", torch.zeros(32), "exclude each other"),
        (SHAPE, "lin1.bias", torch.full((9,), float("nan")), "'lin1.bias' numbers that are not finite"),
        (SHAPE, "lin1.bias", torch.zeros(9, dtype=torch.int32), "'lin1.bias' no floating-point numbers"),
        (SHAPE, "lin1.bias", torch.zeros(1).expand(10**6, 10**6), "not stored in full"),
        (SHAPE, "lin1.bias", torch.zeros(10**6, 10**6, device="meta"), "not stored in full"),
        (SHAPE, "lin1.bias", torch.zeros(9).to_sparse(), "something other than tensors"),
        (SHAPE, "lin1.bias", "text", "something other than tensors"),
        (SHAPE, 7, torch.zeros(1), "something other than tensors"),
    ],
)
def test_tensors_that_are_not_those_of_a_network_are_refused(
    key: str, name: Any, value: Any, problem: str, tmp_path: Path
) -> None:
    content = checkpoint()
    content[key][name] = value
    assert problem in refusal(Sources(saved(content, tmp_path / "x.tar")))


@pytest.mark.parametrize("key", [SHAPE, POSE])
@pytest.mark.parametrize("name", ["lin0.weight_g", "lin1.weight_v", "lin2.bias", "lin3.bias"])
def test_a_network_without_one_of_its_tensors_is_refused(key: str, name: str, tmp_path: Path) -> None:
    content = checkpoint()
    del content[key][name]
    line = refusal(Sources(saved(content, tmp_path / "x.tar")))
    assert name.split(".")[0] in line


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("shape_codes", torch.zeros(3, 6), "needs (N, 1, C)"),
        ("shape_codes", torch.zeros(0, 1, 6), "needs (N, 1, C)"),
        ("shape_codes", torch.zeros(3, 1, 7), "do not go with codes of 7"),
        ("pose_codes", torch.zeros(5, 1, 9), "do not go with codes of 15"),
        ("pose_codes", torch.full((5, 1, 4), float("inf")), "not finite"),
        ("shape_codes", torch.zeros(1).expand(10**9, 1, 6), "not stored in full"),
        ("shape_codes", None, "something other than tensors"),
        (SHAPE, [1, 2], "not a dictionary of tensors"),
        (SHAPE, {}, "not a dictionary of tensors"),
    ],
)
def test_entries_of_another_kind_are_refused(key: str, value: Any, problem: str, tmp_path: Path) -> None:
    assert problem in refusal(Sources(saved({**checkpoint(), key: value}, tmp_path / "x.tar")))


def test_many_names_for_one_tensor_do_not_fill_the_memory(tmp_path: Path) -> None:
    content = checkpoint()
    large = torch.zeros(100_000)
    content[SHAPE] |= {f"lin{index}.bias": large for index in range(1000)}
    assert "more numbers than the file can hold" in refusal(Sources(saved(content, tmp_path / "x.tar")))


def test_a_tensor_that_claims_more_than_its_record_is_refused(small: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in records if name.endswith("data.pkl"))
    # the codes (3, 1, 6) are the only tensor of 18 numbers: BININT1 18 is their count, 3 and 6 their shape
    count, shape = b"K\x12", b"K\x03K\x01K\x06"
    assert records[name].count(count) == records[name].count(shape) == 1
    many = (10**8).to_bytes(4, "little")
    records[name] = records[name].replace(count, b"J" + many).replace(shape, b"J" + many + b"K\x01K\x01")
    with zipfile.ZipFile(tmp_path / "x.tar", "w") as archive:
        for entry, data in records.items():
            archive.writestr(entry, data)
    assert "x.tar" in refusal(Sources(tmp_path / "x.tar"))
