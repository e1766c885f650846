"""Scripts for the environments of the peers: each needs its peer, and nothing of ours."""
