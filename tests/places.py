"""Where what the tests need lies."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "builder"
AGENTS = ROOT.parent / "shared" / "agents" / "sb3"
"""Published agents, which are not part of the repository; the tests that need them are skipped without."""
