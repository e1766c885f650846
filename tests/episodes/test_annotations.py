"""Who is asked at which stage."""

from noting import Noting

from builder.episodes.annotations import STAGES, Annotator, asked


class Silent(Annotator):
    """Says nothing."""


def test_only_those_with_something_to_say_are_asked():
    counting, silent = Noting(), Silent()
    assert all(asked([silent, counting], stage) == (counting,) for stage in STAGES)


def test_what_is_left_as_it_is_gives_nothing():
    silent = Silent()
    assert silent.begun(0, None, {}) is None
    assert [silent.before([], []), silent.acted(None), silent.after([], []), silent.ended(0, None)] == [
        {}
    ] * 4
