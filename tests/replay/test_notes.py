"""What annotators say of an episode that is stepped again."""

from noting import Noting

from builder.replay.notes import Notes


def test_what_is_said_stands_in_the_row_of_its_step():
    notes = Notes([Noting()], 5)
    notes.begun(None, {})
    for _ in range(3):
        notes.before(None)
        notes.after({})
    steps = notes.of_steps(3)
    assert steps["info.count"].tolist() == [0, 1, 2]
    assert steps["info.odd"][:, 0].tolist() == [1, 0, 3]
    assert steps["info.word"].tolist() == ["step 1", "step 2", "step 3"]
    assert notes.of_attempt(None)["info.steps"].tolist() == [3]


def test_without_annotators_there_is_nothing():
    notes = Notes([], 5)
    notes.begun(None, {})
    notes.before(None)
    notes.after({})
    assert notes.of_steps(1) == notes.of_attempt(None) == {}
