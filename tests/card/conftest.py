from card_folders import dataset  # noqa: F401  (a fixture)
