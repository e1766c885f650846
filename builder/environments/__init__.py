"""Environments: made, preprocessed, pooled and stepped. Nothing here knows an expert."""
