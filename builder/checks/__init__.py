"""What an environment, a policy or an own `enjoy` does that a build has to know."""
