"""Call a function on tasks, on threads, processes or machines. Nothing here knows of rollouts."""
