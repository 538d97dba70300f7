"""Runs that were stopped and not waited for are completed in the background."""

from engine.core.progress import Progress
from engine.core.streams import lane_stream
from engine.methods.method import LoadedModel
from engine.methods.run import Run
from engine.models.checkpoint import load_model
from npm_studio.session.document.document import Document
from npm_studio.session.jobs.runner import Work
from npm_studio.session.model import preferred_device


def complete_work(run: Run, document: Document) -> Work:
    """The work of making meshes of ``run`` and measuring it; its result is the `engine.methods.run.Run`."""
    folder, place, open_one = run.inputs.model, document.model_folder, document.model
    is_open = folder is not None and place is not None and place.resolve() == folder.resolve()

    def work(progress: Progress) -> object:
        import torch

        from engine.methods.completing import complete_run
        from external.opening import open_to_fit

        inputs = run.inputs
        if folder is None:
            sequence = open_to_fit(inputs.sequence, None, inputs.capture, inputs.views, progress)
            return complete_run(run, sequence, None, progress)
        model = open_one if is_open and open_one is not None else load_model(folder, preferred_device())
        with torch.cuda.stream(lane_stream(model.device, "fits")):
            sequence = open_to_fit(inputs.sequence, model, inputs.capture, inputs.views, progress)
            return complete_run(run, sequence, LoadedModel(folder, model), progress)

    return work
