from verification import _built, folder  # noqa: F401  (fixtures)
