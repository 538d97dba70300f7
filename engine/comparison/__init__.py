"""Several results of one recording beside each other: against the truth, or against what was seen."""
