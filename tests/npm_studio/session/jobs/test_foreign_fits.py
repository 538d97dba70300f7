"""Fits with a method of another package, which have a process of their own."""

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import Cancelled, InputError
from engine.core.registry import METHODS, is_of_others, registered
from engine.methods.method import load_method
from engine.methods.request import FitRequest
from engine.methods.run import Run
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.jobs.events import Message, Previewed, StageStarted
from npm_studio.session.jobs.fitting import fit_work
from tests.npm_studio.session.jobs.test_own_process import Heard, is_gone

PACKAGE = """
    import faulthandler, os, time
    from typing import Literal
    from npm_studio.api import Cancelled, Config, FitResult, MeshSequence, Requirements


    class Settings(Config):
        ending: Literal["well", "segfault", "exit", "slow"] = "well"


    class Brittle:
        id, title, config_type, requires = "brittle", "Brittle", Settings, Requirements()

        def fit(self, source, inputs, config, progress):
            progress.stage("look", 1000)
            meshes = [source.mesh_world(row, 0.2) for row in range(len(source))]
            name, times_s = source.name, source.times_s
            found = MeshSequence(name, source.frame_names, times_s, meshes.__getitem__, one_topology=False)
            if progress.wants_preview():
                progress.preview(found)
            if config.ending == "segfault":
                faulthandler._sigsegv()
            if config.ending == "exit":
                os._exit(3)
            for step in range(1000 if config.ending == "slow" else 1):
                progress.advance(step + 1)
                if progress.cancelled():
                    return FitResult(found, interrupted=True)
                time.sleep(0.02)
            return FitResult(found)


    METHOD = Brittle()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A package with the method ``brittle``, as if it were installed."""
    site = tmp_path_factory.mktemp("site")
    (site / "brittle_method.py").write_text(textwrap.dedent(PACKAGE))
    metadata = site / "brittle-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[npm_studio.methods]\nbrittle = brittle_method:METHOD\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]))
        registered.cache_clear()
        yield
    registered.cache_clear()


def fit(capture: Path, out: Path, ending: str) -> Heard:
    method = load_method("brittle")
    request = FitRequest(method, method.config_type(ending=ending), load_depth_sequence(capture), out)
    heard = Heard()
    heard.start(fit_work(request))
    return heard


def test_methods_of_this_project_and_of_others_are_told_apart(package: None) -> None:
    assert is_of_others(METHODS, "brittle")
    assert not is_of_others(METHODS, "npm")
    assert not is_of_others(METHODS, "gone")


@pytest.mark.slow
def test_it_tells_its_stages_shows_what_it_has_and_leaves_a_run(
    package: None, depth_capture: Path, tmp_path: Path
) -> None:
    heard = fit(depth_capture, tmp_path / "run", "well")
    heard.wait_for(lambda: heard.outcome is not None)
    heard.wait_for(lambda: any(isinstance(event, Previewed) for event in heard.events))
    assert isinstance(heard.outcome, Run)
    assert (heard.outcome.method, heard.outcome.interrupted) == ("brittle", False)
    assert StageStarted(1, "look", 1000) in heard.events
    shown = next(event.payload for event in heard.events if isinstance(event, Previewed))
    assert isinstance(shown, MeshSequence)
    assert len(shown.read(2).faces) == len(heard.outcome.meshes.read(2).faces)
    assert heard.process != os.getpid()
    assert is_gone(heard.process)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "said"),
    [("segfault", r"its process crashed \(SIGSEGV\)"), ("exit", "its process ended with code 3 and without a word")],
)
def test_a_crash_is_one_line_with_its_log_and_leaves_nothing(
    package: None, depth_capture: Path, tmp_path: Path, ending: str, said: str
) -> None:
    heard = fit(depth_capture, tmp_path / "run", ending)
    heard.wait_for(lambda: heard.outcome is not None)
    assert isinstance(heard.outcome, InputError)
    with pytest.raises(InputError, match=rf"^method 'brittle': broke off: {said}; what it said last is in its log"):
        raise heard.outcome
    heard.wait_for(lambda: ending == "exit" or any("brittle_method" in line for line in messages(heard)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_is_stopped_and_kept_or_discarded(package: None, depth_capture: Path, tmp_path: Path) -> None:
    kept = fit(depth_capture, tmp_path / "kept", "slow")
    kept.wait_for(lambda: kept.done > 2)
    kept.progress.cancel()
    kept.wait_for(lambda: kept.outcome is not None)
    assert isinstance(kept.outcome, Run) and kept.outcome.interrupted
    gone = fit(depth_capture, tmp_path / "gone", "slow")
    gone.wait_for(lambda: gone.done > 2)
    gone.progress.cancel(discard=True)
    gone.wait_for(lambda: gone.outcome is not None)
    assert isinstance(gone.outcome, Cancelled)
    assert is_gone(gone.process)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def messages(heard: Heard) -> list[str]:
    return [event.text for event in heard.events if isinstance(event, Message)]
