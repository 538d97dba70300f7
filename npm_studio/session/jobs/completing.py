"""Runs that were stopped and not waited for are completed in the background."""

from engine.core.progress import Progress
from engine.core.streams import lane_stream
from engine.methods.method import LoadedModel
from engine.methods.run import Run
from npm_studio.session.jobs.runner import Work
from npm_studio.session.model import shared_model


def complete_work(run: Run) -> Work:
    """The work of making meshes of ``run`` and measuring it; its result is the `engine.methods.run.Run`."""
    folder = run.inputs.model

    def work(progress: Progress) -> object:
        import torch

        from engine.methods.completing import complete_run
        from external.opening import open_to_fit

        inputs = run.inputs
        if folder is None:
            sequence = open_to_fit(inputs.sequence, None, inputs.capture, inputs.views, progress)
            return complete_run(run, sequence, None, progress)
        model = shared_model(folder)
        with torch.cuda.stream(lane_stream(model.device, "fits")):
            sequence = open_to_fit(inputs.sequence, model, inputs.capture, inputs.views, progress)
            return complete_run(run, sequence, LoadedModel(folder, model), progress)

    return work
