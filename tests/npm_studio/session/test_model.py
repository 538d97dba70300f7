"""Models that are opened more than once."""

import gc
import os
from pathlib import Path

from engine.models.checkpoint import save_model
from engine.models.model import NeuralParametricModel
from npm_studio.session.model import open_model
from tests.support.toy_model import toy_model


def in_memory(name: str) -> int:
    gc.collect()
    models = [thing for thing in gc.get_objects() if type(thing) is NeuralParametricModel]
    return sum(model.info.name == name for model in models)


def test_a_model_that_is_opened_again_is_in_memory_once_and_gone_when_nobody_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / "opened-twice.npm"
    save_model(toy_model(), folder)
    name = open_model(folder).model.info.name
    before = in_memory(name)
    first = open_model(folder)
    explorers = [first, *(open_model(folder) for _ in range(3))]
    assert all(one.model is first.model for one in explorers)
    assert in_memory(name) == before + 1
    del explorers, first
    assert in_memory(name) == before


def test_a_model_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "toy.npm"
    save_model(toy_model(), folder)
    first = open_model(folder)
    os.utime(folder / "model.json", ns=(1, 1))
    assert open_model(folder).model is not first.model
