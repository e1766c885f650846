"""Datasets in the formats of other libraries: exported to them, and brought in from them."""
