"""Experts: where they come from, how they are read, how they act."""
