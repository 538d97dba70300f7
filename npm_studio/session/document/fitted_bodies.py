"""Bodies that fits have found, as codes of the open model."""

from pathlib import Path

from engine.core.errors import InputError
from engine.methods.method import LoadedModel
from engine.methods.npm.kept_shape import codes_of_run
from engine.methods.run import Run
from npm_studio.session.document.document import Document
from npm_studio.session.document.state import Exploration


class FittedBodies:
    """The body of each frame of the open runs, read when somebody asks for them first."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._read: dict[Path, tuple[Exploration, ...]] = {}
        document.model_changed.connect(self._read.clear)
        document.contents_changed.connect(self._read.clear)

    def may_have(self, run: Run) -> bool:
        """Whether ``run`` has codes of a model with the name of the open one; reads nothing."""
        of, place = run.inputs.model, self._document.model_folder
        return of is not None and place is not None and of.name == place.name and "codes.npz" in run.artefacts

    def of(self, folder: Path) -> tuple[Exploration, ...]:
        """Those of the open run in ``folder``; none where it is not open, or no model is.

        Raises:
            InputError: it has no codes, or those of another model.
        """
        document = self._document
        run, model, place = document.run_at(folder), document.model, document.model_folder
        if run is None or model is None or place is None:
            return ()
        if folder not in self._read:
            self._read[folder] = _bodies_of(run, LoadedModel(place, model))
        return self._read[folder]

    def frame_on_show(self, folder: Path) -> int:
        """Which of these bodies stands for all: that of the frame which Fit shows of the run, else the first."""
        document, fit = self._document, self._document.state.fit
        run, seen = document.run_at(folder), document.observation_at(fit.recording)
        if run is None or seen is None or fit.run != folder:
            return 0
        name = seen.sequence.frame_names[min(fit.frame, len(seen) - 1)]
        return run.frame_names.index(name) if name in run.frame_names else 0


def _bodies_of(run: Run, loaded: LoadedModel) -> tuple[Exploration, ...]:
    shapes, poses = codes_of_run(run, loaded)
    if poses is None:
        raise InputError(run.folder, "has no pose codes", "fit it again with a model that has a pose stage")
    shape_of = [tuple(code) for code in shapes.cpu().tolist()]
    pose_of = [tuple(code) for code in poses.cpu().tolist()]
    return tuple(
        Exploration(shape_of[min(index, len(shape_of) - 1)], pose, run.folder.name, f"Frame {index + 1}")
        for index, (pose, _) in enumerate(zip(pose_of, run.frames, strict=True))
    )
