"""Rollout: environments, the lockstep engine, workers and backends."""
