"""The command line: `il-builder [VERB] [hydra overrides]`."""
