"""From a configuration to an expert; a file per source."""
