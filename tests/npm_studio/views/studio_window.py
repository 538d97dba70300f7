"""The main window, with its workspaces by name."""

from functools import cached_property

from npm_studio.views.main_window import MainWindow
from npm_studio.views.workspaces.compare import CompareWorkspace
from npm_studio.views.workspaces.explore import ExploreWorkspace
from npm_studio.views.workspaces.fit import FitWorkspace
from npm_studio.views.workspaces.interpolate import InterpolateWorkspace
from npm_studio.views.workspaces.train import TrainWorkspace
from npm_studio.views.workspaces.transfer import TransferWorkspace


class StudioWindow(MainWindow):
    """What tests look into, and the shortest way to a workspace."""

    @cached_property
    def explore(self) -> ExploreWorkspace:
        return self.workspace_of(ExploreWorkspace)

    @cached_property
    def interpolate(self) -> InterpolateWorkspace:
        return self.workspace_of(InterpolateWorkspace)

    @cached_property
    def transfer(self) -> TransferWorkspace:
        return self.workspace_of(TransferWorkspace)

    @cached_property
    def fit(self) -> FitWorkspace:
        return self.workspace_of(FitWorkspace)

    @cached_property
    def compare(self) -> CompareWorkspace:
        return self.workspace_of(CompareWorkspace)

    @cached_property
    def train(self) -> TrainWorkspace:
        return self.workspace_of(TrainWorkspace)

    def show_train(self) -> None:
        self.session.document.show_workspace("train")

    def show_explore(self) -> None:
        self.session.document.show_workspace("explore")

    def show_interpolate(self) -> None:
        self.session.document.show_workspace("interpolate")

    def show_transfer(self) -> None:
        self.session.document.show_workspace("transfer")

    def show_fit(self) -> None:
        self.session.document.show_workspace("fit")

    def show_compare(self) -> None:
        self.session.document.show_workspace("compare")
