"""Films of a dataset's episodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.errors import ConfigError
from builder.show.choice import choose, places
from builder.show.render import FilmRequest, Look, render_place
from builder.storage.paths import local_path, place

if TYPE_CHECKING:
    from builder.episodes.spaces import Array
    from builder.loading.split_tables import SplitTables

LOOKS = ("size", "fps", "plain", "frames")


class Films:
    """What `Trajectories` shows of its episodes."""

    if TYPE_CHECKING:
        _tables: SplitTables

        def _position(self, index: int) -> int: ...
        @property
        def _places(self) -> Array: ...

    def render(
        self,
        episode: int | str = "best",
        path: str | Path | None = None,
        *,
        to: str | None = None,
        overwrite: bool = False,
        trust_remote_code: bool = False,
        **look: Any,
    ) -> Path:
        """Make a film of an episode: it is stepped again, and compared bit for bit while it is drawn.

        Args:
            episode: which of these, as an index takes it; or best, median, worst or longest of these.
            path: the file; None: beside the dataset folder.
            to: mp4, webp, gif or png; None: what the path says, else mp4 where it can be had, else webp.
            overwrite: replace a file that lies there.
            trust_remote_code: what only the manifest names may be imported and run.
            **look: `size`, `fps`, `plain` and `frames`, as `il-builder render` has them.

        Returns:
            The file.

        Raises:
            IndexError: there are fewer episodes.
            ConfigError: there is no such kind of film or column of images.
            NotRepeatedError: the environment gives something else than is recorded.
            EnvironmentError_: it cannot draw.
            ExistsError: something lies at the path.
            MissingExtraError: a package is not installed.
        """
        if unknown := sorted(look.keys() - {*LOOKS}):
            raise ConfigError(f"render has no argument {unknown[0]!r}", expected=", ".join(LOOKS))
        tables = self._tables
        tables.check_exportable()
        known = places(tables.folder, tables.manifest, tables.split)
        these = [known[position] for position in self._places]
        found = these[self._position(episode)] if isinstance(episode, int) else choose(these, episode)
        target = None if path is None else local_path(place(str(path)), "render")
        shown = Look(**look, trusted=trust_remote_code)
        request = FilmRequest(kind=to, path=target, look=shown, overwrite=overwrite)
        return render_place(tables.folder, found, request).path
