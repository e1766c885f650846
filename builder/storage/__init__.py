"""Where files lie, and how they are put in place."""
