"""What is wrong with a registered dataset."""
