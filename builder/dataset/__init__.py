"""The dataset folder: schema, writer, collation, manifest and reading."""
