"""What the stages of jobs are called where a person reads them."""

_TITLES = {
    "read depth": "Reading depth images",
    "search": "Searching first poses",
    "fit": "Fitting",
    "mesh": "Making meshes",
    "track": "Tracking",
    "body model": "Loading the body model",
    "align": "Aligning",
    "deform": "Deforming",
    "read meshes": "Reading meshes",
    "measure": "Measuring distances",
    "prepare": "Sampling distances",
}


def stage_title(stage: str) -> str:
    """``Training shape`` for ``train shape``; a stage that has no title is called by its name."""
    first, space, rest = stage.partition(" ")
    named = f"Training {rest}" if first == "train" and space else stage[:1].upper() + stage[1:]
    return _TITLES.get(stage, named)
