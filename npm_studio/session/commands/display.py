"""Display menu."""

from npm_studio.session.commands.command import Command, Menu

DISPLAY = Menu(
    "&Display",
    (
        Command(
            "display.wireframe",
            "&Wireframe",
            "viewports.set_wireframe",
            "Draw the edges of the triangles over the surface.",
            shortcut="W",
            checked="wireframe_shown",
        ),
        Command(
            "display.points",
            "&Vertices Only",
            "viewports.set_points",
            "Draw the vertices in place of the surface.",
            shortcut="D",
            checked="points_shown",
        ),
        Command(
            "display.correspondence",
            "&Correspondence Colours",
            "viewports.set_correspondence",
            "Colour every point by its canonical position: the same colour is the same place of the body.",
            shortcut="C",
            needs="shows_live",
            checked="correspondence_shown",
        ),
        None,
        Command(
            "display.slice",
            "&Slice of the Field",
            "viewports.set_field_slice",
            "Cut the canonical mesh open and show the learned signed distance on the cut (Explore).",
            shortcut="X",
            needs="can_slice",
            checked="slice_shown",
        ),
        Command(
            "display.inset",
            "Canonical &Inset",
            "viewports.set_inset",
            "Show the canonical mesh small beside the posed one.",
            shortcut="I",
            needs="shows_live",
            checked="inset_shown",
        ),
        None,
        Command("view.floor", "Floor &Grid", "viewports.set_floor", "Show the ground.", "G", checked="floor_shown"),
        Command(
            "display.frame_rate",
            "Frame &Rate",
            "viewports.set_frame_rate",
            "Count the frames that are drawn each second.",
            shortcut="R",
            checked="frame_rate_shown",
        ),
    ),
)
