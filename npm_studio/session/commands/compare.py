"""Compare menu."""

from npm_studio.session.commands.command import Command, Menu

ADD = Command(
    "compare.add",
    "&Add Side…",
    "Compare one more: a run, the truth, what was seen, or meshes from disk.",
    shortcut="A",
    needs="can_add_side",
)
SWAP = Command(
    "compare.swap",
    "S&wap the First Two Sides",
    "Show side A where B is, and the other way round.",
    needs="has_two_sides",
    icon="swap",
)
OTHER = Command(
    "compare.other",
    "Show the &Other Side",
    "Change sides while they blink.",
    shortcut="B",
    needs="is_blinking",
)
REPORT = Command(
    "compare.report",
    "Export &Report…",
    "Write table, curves, error maps, a video and a 3-D view of the runs on show as one page.",
    needs="can_report",
    also="html page",
)
PICTURE = Command(
    "compare.picture",
    "Export &Picture…",
    "Save the views as they are, with captions and legend, as a PNG.",
    needs="is_comparing",
    also="png image screenshot",
)

COMPARE = Menu("&Compare", (ADD, SWAP, OTHER, None, REPORT, PICTURE))
