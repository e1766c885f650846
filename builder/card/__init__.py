"""The dataset card: a `README.md` with YAML header, computed from the folder's own files."""

from builder.card.render import CARD, name_repository, read_notes, render_card, write_card

__all__ = ["CARD", "name_repository", "read_notes", "render_card", "write_card"]
