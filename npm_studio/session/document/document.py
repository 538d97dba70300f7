"""Everything that is open."""

from pathlib import Path

from engine.methods.run import Run
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.session.document.comparison import ComparisonState
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.project import Project
from npm_studio.session.document.signal import Signal
from npm_studio.session.document.timeline import Timeline


class Document:
    """The model, the depth sequences and the runs that are open, and where playback is.

    Everything that is loaded arrives finished: reading files is for background jobs.
    """

    def __init__(self) -> None:
        self.model_folder: Path | None = None
        self.model: NeuralParametricModel | None = None
        self.explorer: Explorer | None = None
        self.observations: list[Observation] = []
        self.runs: list[Run] = []
        self.project_folder: Path | None = None
        self.timeline = Timeline()
        self.comparison = ComparisonState()
        self.comparison_changed = Signal()
        self.model_changed = Signal()
        self.contents_changed = Signal()
        """Sequences, runs or the project changed."""

    def set_model(self, folder: Path, explorer: Explorer) -> None:
        """Replace the model."""
        self.model_folder, self.model, self.explorer = folder, explorer.model, explorer
        self.model_changed.emit()

    def add_observation(self, observation: Observation) -> None:
        """Open a sequence, or open it again."""
        root = observation.sequence.root.resolve()
        roots = [o.sequence.root.resolve() for o in self.observations]
        if root in roots:
            self.observations[roots.index(root)] = observation
        else:
            self.observations.append(observation)
        self.contents_changed.emit()

    def add_run(self, run: Run) -> None:
        """Open a run, or open it again."""
        folder = run.folder.resolve()
        self.runs = [r for r in self.runs if r.folder.resolve() != folder] + [run]
        self.contents_changed.emit()

    def set_comparison(self, state: ComparisonState) -> None:
        """Compare something else, or show it in another way."""
        if state != self.comparison:
            self.comparison = state
            self.comparison_changed.emit()

    def observation_of(self, run: Run) -> Observation | None:
        """The open sequence that ``run`` was fitted to."""
        wanted = run.inputs.sequence.resolve()
        return next((o for o in self.observations if o.sequence.root.resolve() == wanted), None)

    def runs_of(self, sequence: DepthSequence) -> list[Run]:
        """Open runs of ``sequence``, the oldest first."""
        wanted = sequence.root.resolve()
        return [run for run in self.runs if run.inputs.sequence.resolve() == wanted]

    def as_project(self, name: str) -> Project:
        """What `npm_studio.session.document.project.save_project` stores."""
        return Project(
            name=name,
            model=self.model_folder,
            sequences=tuple(observation.sequence.root for observation in self.observations),
            runs=tuple(run.folder for run in self.runs),
            captures={observation.sequence.root: observation.capture for observation in self.observations},
        )

    def clear_contents(self) -> None:
        """Close all sequences and runs."""
        self.observations, self.runs, self.project_folder = [], [], None
        self.contents_changed.emit()


def open_model(folder: Path) -> Explorer:
    """Load a model for exploring, onto a GPU when there is one.

    Raises:
        InputError: it is not a model.
    """
    import scipy.spatial  # noqa: F401  the live thread would import it while a slider moves, and hold up the window

    from engine.core.devices import resolve_device
    from engine.core.warp_runtime import start_warp

    start_warp()
    return Explorer(load_model(folder, resolve_device("auto")))
