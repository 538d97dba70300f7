"""Code spaces: statistics, principal directions, interpolation and transfer."""
