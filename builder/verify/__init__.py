"""Three proofs of a dataset folder: its files, its environment, its expert."""

from builder.verify.checks import Check, Report
from builder.verify.verify import verify

__all__ = ["Check", "Report", "verify"]
