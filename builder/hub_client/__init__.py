"""huggingface_hub, made patient: retries, errors with a remedy, the cache."""
