"""Who says again what declared columns hold."""

from noting import CHOSEN, ODD
from recordings import SPACES

from builder.episodes.spaces import Spaces
from builder.replay.annotators import annotators_of


def test_what_an_environment_gives_is_asked_again_and_a_teacher_is_not():
    (found,) = annotators_of((ODD, CHOSEN), Spaces(*SPACES))
    assert found.columns == (ODD,)


def test_without_declared_columns_nobody_is_asked():
    assert annotators_of((), Spaces(*SPACES)) == ()
