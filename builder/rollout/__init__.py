"""Playing: the lockstep engine, its worker, and the chunks that it leaves."""
