"""Experts: where they come from, what their archives say, and how they act."""
