"""What the policy saw: the wrappers that it was trained behind."""
