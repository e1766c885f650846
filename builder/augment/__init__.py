"""Datasets made of datasets: parts put together, labels of an expert added."""
