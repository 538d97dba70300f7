"""Depth recordings of people who move through rooms, with ground truth, to measure a fit on."""
