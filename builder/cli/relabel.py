"""The verb `relabel`: what an expert would do on recorded observations."""

from __future__ import annotations


def relabel(overrides: list[str]) -> None:
    """Run the verb."""
    from builder.api import relabelled
    from builder.composition import compose
    from builder.config import RelabelConfig

    config = compose(RelabelConfig, "relabel", overrides)
    made = relabelled(config)
    steps = sum(split.rows for split in made.manifest.splits.values())
    print(f"{'relabelled' if made.fresh else 'up to date'}: {made.out}")
    print(f"  {made.manifest.accepted:,} episodes, {steps:,} steps, labelled by {config.expert.label}")
    print(f"  fingerprint {made.manifest.fingerprint}")
    print(f'\nfrom builder import load; labels = load("{made.out}")["expert_action"]')
