"""What a document names, read from disk."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.methods.run import Run
from engine.sequences.capture_options import CaptureOptions
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.state import DocumentState


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that one `DocumentState` names."""

    explorer: Explorer | None = None
    observations: tuple[Observation, ...] = ()
    runs: tuple[Run, ...] = ()


@dataclass(eq=False)
class Loaded:
    """Models, recordings and runs by what a `DocumentState` calls them."""

    explorers: dict[Path, Explorer] = field(default_factory=dict)
    observations: dict[tuple[Path, CaptureOptions], Observation] = field(default_factory=dict)
    runs: dict[Path, Run] = field(default_factory=dict)

    @staticmethod
    def of(state: DocumentState, contents: Contents) -> "Loaded":
        loaded = Loaded()
        if state.model is not None and contents.explorer is not None:
            loaded.explorers[state.model] = contents.explorer
        for observation in contents.observations:
            loaded.take_observation(observation)
        for run in contents.runs:
            loaded.take_run(run)
        return loaded

    def take_observation(self, observation: Observation) -> None:
        key = observation.sequence.root.resolve(), observation.capture
        before = self.observations.get(key)
        if before is not None and before is not observation:
            before.forget_frames()
        self.observations[key] = observation

    def take_run(self, run: Run) -> None:
        self.runs[run.folder.resolve()] = run

    def keep(self, states: Iterable[DocumentState]) -> None:
        """Let go of what none of ``states`` names."""
        states, observations = list(states), self.observations
        models = {state.model for state in states}
        recordings = {(one.path, one.capture) for state in states for one in state.recordings}
        runs = {one.folder for state in states for one in state.runs}
        self.explorers = {key: value for key, value in self.explorers.items() if key in models}
        self.observations = {key: value for key, value in observations.items() if key in recordings}
        for key in observations.keys() - recordings:
            observations[key].forget_frames()
        self.runs = {key: value for key, value in self.runs.items() if key in runs}
