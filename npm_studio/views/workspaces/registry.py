"""The workspaces of the window, in the order of their tabs.

A package adds one by naming a `WorkspaceKind` in its metadata, under ``npm_studio.workspaces``.
"""

from engine.core.registry import WORKSPACES, load_all
from npm_studio.session.commands.view import WorkspaceTitle
from npm_studio.views.workspaces.base import WorkspaceKind
from npm_studio.views.workspaces.compare import CompareWorkspace
from npm_studio.views.workspaces.explore import ExploreWorkspace
from npm_studio.views.workspaces.fit import FitWorkspace
from npm_studio.views.workspaces.interpolate import InterpolateWorkspace
from npm_studio.views.workspaces.train import TrainWorkspace
from npm_studio.views.workspaces.transfer import TransferWorkspace

BUILT_IN = (
    WorkspaceKind(
        WorkspaceTitle("explore", "&Explore", "Move through the spaces of shapes and poses with sliders."),
        ExploreWorkspace,
    ),
    WorkspaceKind(
        WorkspaceTitle(
            "interpolate",
            "&Interpolate",
            "Go through several bodies and poses, one after the other, on a timeline.",
            "animate animation keyframes",
        ),
        InterpolateWorkspace,
    ),
    WorkspaceKind(
        WorkspaceTitle(
            "transfer",
            "&Transfer",
            "Show several bodies side by side in one pose, or in those of a fitted sequence.",
            "retarget retargeting",
        ),
        TransferWorkspace,
    ),
    WorkspaceKind(WorkspaceTitle("fit", "&Fit", "Look at a depth sequence and fit the model to it."), FitWorkspace),
    WorkspaceKind(
        WorkspaceTitle(
            "compare",
            "&Compare",
            "Up to six results beside each other, with their errors as colours, curves and figures.",
            "evaluate errors",
        ),
        CompareWorkspace,
    ),
    WorkspaceKind(
        WorkspaceTitle("train", "T&rain", "Look at a dataset, train a model with it and watch what it learns."),
        TrainWorkspace,
    ),
)


def workspace_kinds() -> tuple[WorkspaceKind, ...]:
    """Those of this program, and then those of other packages."""
    return (*BUILT_IN, *load_all(WORKSPACES, WorkspaceKind, "workspace"))
