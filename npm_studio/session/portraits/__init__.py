"""Small pictures of bodies, and what is measured of them, made in the background and kept on disk."""
