"""Tracking: frames one at a time, codes and place of the subject as they come."""
