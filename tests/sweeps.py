"""Values of a parameter of which a few are tried between two thoughts, and all by `make test-slow`."""

from contextlib import contextmanager

import pytest


def sweep(names, values, *, quick=1, **options):
    """`pytest.mark.parametrize`; all but the first `quick` values that are not slow already become so."""
    several = not isinstance(names, str) or "," in names
    marked = []
    for value in values:
        known = value if hasattr(value, "marks") else pytest.param(*value if several else [value])
        slow = any(mark.name == "slow" for mark in known.marks)
        later = not slow and quick <= 0
        quick -= not slow
        marked.append(known._replace(marks=[*known.marks, pytest.mark.slow]) if later else known)
    return pytest.mark.parametrize(names, marked, **options)


@contextmanager
def case(*values):
    """Name the values of a loop in what goes wrong with them: a test of many small cases is one test."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the case: {', '.join(map(repr, values))}")
        raise
