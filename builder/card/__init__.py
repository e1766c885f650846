"""The dataset card: a `README.md` with YAML header, computed from the folder's own files."""

from builder.card.baseline import check_keeps_baseline, keep_baseline
from builder.card.comparison import mend_card, rendered_again, same_header
from builder.card.reference import keep_reference
from builder.card.render import CARD, name_repository, read_notes, render_card, write_card
from builder.card.steering import names_other_files

__all__ = [
    "CARD",
    "check_keeps_baseline",
    "keep_baseline",
    "keep_reference",
    "mend_card",
    "name_repository",
    "names_other_files",
    "read_notes",
    "render_card",
    "rendered_again",
    "same_header",
    "write_card",
]
