"""What a user names as `package.module:name`, found among the installed packages or in a folder."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from builder.errors import BuilderError, ConfigError, EnvironmentError_


def import_module(name: str, folder: str = "") -> ModuleType:
    """A module of an installed package, else of a folder.

    Args:
        name: dotted.
        folder: where the command was run, on whatever machine this is; empty: installed packages only.

    Raises:
        ImportError: there is none, or one that it needs is missing.
    """
    if folder and folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def imported(
    path: str,
    folder: str = "",
    *,
    what: str,
    expected: str = "package.module:name",
    failure: type[BuilderError] = EnvironmentError_,
) -> Any:
    """What `package.module:name` names.

    Args:
        path: with a colon.
        folder: see `import_module`.
        what: it is, for the error.
        expected: what such a path looks like, for the error.
        failure: the error where its module raises one.

    Raises:
        ConfigError: it cannot be imported.
        BuilderError: importing it raised something else; of the class `failure`.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module, folder), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{what} {path!r} cannot be imported: {error}",
            expected=expected,
            remedy="the module must be installed, or lie in the folder where the command is run",
        ) from error
    except BuilderError:
        raise
    except (Exception, SystemExit) as error:
        raise failure(f"importing {what} {path!r} raised {type(error).__name__}: {error}") from error
