"""Methods that deform one mesh from frame to frame: comparators that know nothing of how a subject can move."""
