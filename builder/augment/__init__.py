"""Datasets made of datasets: parts put together."""
