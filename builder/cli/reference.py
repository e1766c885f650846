"""The verb `reference`: the scores that returns are normalised by, as a line and where they are kept."""

from __future__ import annotations

import signal


def reference(overrides: list[str]) -> None:
    """Find or measure reference scores, and print them."""
    from builder.composition import compose
    from builder.config import ReferenceConfig
    from builder.manifest.scores import OF_ONE
    from builder.pipeline.reference import reference as found_reference

    signal.signal(signal.SIGTERM, _interrupt)
    found = found_reference(compose(ReferenceConfig, "reference", overrides))
    scores = found.scores
    low, high = _figure(scores.random, scores.random_std), _figure(scores.expert, scores.expert_std)
    print(f"{'measured' if found.fresh else 'known'}: {found.environment['id']}: random {low}, expert {high}")
    print(f"  {scores.source}")
    if found.stored:
        print(f"  kept in {found.stored}")
    if found.out:
        print(f"  kept in {found.out}: on its card, and in its exports that have a field for it")
    less = f"{'+' if scores.random < 0 else '-'} {abs(scores.random):g}"
    print(f"\nnormalised: 100 * (R {less}) / ({scores.expert:g} {less}), of 100")
    print(f"rollout.target and dataset.normalized_returns are a hundredth of it {OF_ONE}")


def _figure(mean: float, std: float | None) -> str:
    return f"{mean:,.1f}" if std is None else f"{mean:,.1f} ± {std:,.1f}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
