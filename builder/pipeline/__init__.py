"""One build from start to end."""
