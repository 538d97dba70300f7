"""Display menu."""

from npm_studio.session.commands.command import Command, Menu

DISPLAY = Menu(
    "&Display",
    (
        Command(
            "display.wireframe",
            "&Wireframe",
            "Draw the edges of the triangles over the surface.",
            shortcut="W",
            checked="wireframe_shown",
        ),
        Command(
            "display.points",
            "&Vertices Only",
            "Draw the vertices in place of the surface.",
            shortcut="D",
            checked="points_shown",
        ),
        Command(
            "display.correspondence",
            "&Correspondence Colours",
            "Colour every point by its canonical position: the same colour is the same place of the body.",
            shortcut="C",
            needs="shows_live",
            checked="correspondence_shown",
            also="color colour",
        ),
        None,
        Command(
            "display.slice",
            "&Slice of the Field",
            "Cut the canonical mesh open and show the learned signed distance on the cut (Explore).",
            shortcut="X",
            needs="can_slice",
            checked="slice_shown",
            also="cut section sdf plane",
        ),
        Command(
            "display.inset",
            "Canonical &Inset",
            "Show the canonical mesh small beside the posed one.",
            shortcut="I",
            needs="shows_live",
            checked="inset_shown",
        ),
        None,
        Command("view.floor", "Floor &Grid", "Show the ground.", "G", checked="floor_shown"),
        Command(
            "display.frame_rate",
            "Frame &Rate",
            "Count the frames that are drawn each second.",
            shortcut="R",
            checked="frame_rate_shown",
        ),
    ),
)
