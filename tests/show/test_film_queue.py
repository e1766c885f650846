"""Films are made when they are asked for, one at a time."""

import threading

import pytest

from builder.errors import DatasetError
from builder.show.film_queue import Films


class Drawing:
    """Draws when it is told to."""

    def __init__(self):
        self.drawn, self.begun, self.go = [], threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, split, episode, path, report):
        report(3, 10)
        self.begun.release()
        assert self.go.acquire(timeout=10)
        if episode == 13:
            raise DatasetError("it cannot be drawn", remedy="install something")
        if episode == 14:
            raise KeyError("pygame\nsecond line")
        path.write_bytes(b"film")
        self.drawn.append((split, episode))


@pytest.fixture
def drawing():
    return Drawing()


@pytest.fixture
def films(tmp_path, drawing):
    return Films(tmp_path, drawing)


def until_settled(films, episode):
    while True:
        state = films.state("train", episode)
        if "of" not in state:
            return state


def test_a_film_is_begun_when_it_is_asked_for_and_says_how_far_it_is(films, drawing):
    assert films.state("train", 1) == {"frames": 0, "of": 0}
    drawing.begun.acquire(timeout=10)
    assert films.state("train", 1) == {"frames": 3, "of": 10}
    drawing.go.release()
    assert until_settled(films, 1) == {"ready": True}
    assert films.path("train", 1).read_bytes() == b"film"


def test_a_film_is_made_once(films, drawing):
    drawing.go.release()
    until_settled(films, 1)
    until_settled(films, 1)
    assert drawing.drawn == [("train", 1)]


def test_what_was_asked_for_last_goes_first(films, drawing):
    films.state("train", 1)
    drawing.begun.acquire(timeout=10)
    for episode in (2, 3, 2, 4):
        films.state("train", episode)
    for _ in range(3):
        drawing.go.release()
        drawing.begun.acquire(timeout=10)
    drawing.go.release()
    until_settled(films, 3)
    assert [episode for _, episode in drawing.drawn] == [1, 4, 2, 3]


@pytest.mark.parametrize(
    ("episode", "said"), [(13, "it cannot be drawn"), (14, "KeyError: 'pygame\\nsecond line'")]
)
def test_what_cannot_be_drawn_says_why_in_one_line_and_the_next_is_drawn(films, drawing, episode, said):
    for _ in range(2):
        drawing.go.release()
    told = until_settled(films, episode)["error"]
    assert told.startswith(said)
    assert "\n" not in told
    assert not films.path("train", episode).exists()
    assert until_settled(films, 1) == {"ready": True}


def test_a_film_that_nobody_waits_for_any_more_makes_room_and_is_begun_again_when_it_is_asked_for(tmp_path):
    now, begun, go, drawn = [0.0], threading.Semaphore(0), threading.Semaphore(0), []

    def draw(split, episode, path, report):
        for frame in (1, 2):
            report(frame, 2)
            begun.release()
            assert go.acquire(timeout=10)
        path.write_bytes(b"film")
        drawn.append(episode)

    films = Films(tmp_path, draw, clock=lambda: now[0])
    films.state("train", 1)
    assert begun.acquire(timeout=10)
    films.state("train", 2)  # which is not waited for either
    now[0] = 10.0
    films.state("train", 3)
    for _ in range(5):
        go.release()
    assert until_settled(films, 3) == {"ready": True}
    assert drawn == [3]
    assert until_settled(films, 1) == {"ready": True}
    assert drawn == [3, 1]


def test_stopping_ends_the_film_that_is_drawn_at_its_next_frame_and_begins_no_other(tmp_path):
    begun, go, left = threading.Event(), threading.Event(), threading.Event()

    def draw(split, episode, path, report):
        try:
            for frame in range(10**9):
                report(frame, 10**9)
                begun.set()
                go.wait(10)
        finally:
            left.set()

    films = Films(tmp_path, draw)
    for episode in (1, 2):
        films.state("train", episode)
    assert begun.wait(10)
    stopping = threading.Thread(target=films.stop)
    stopping.start()
    while not films._stopped:
        pass
    go.set()
    stopping.join(10)
    assert left.is_set()
    assert films.state("train", 3) == {"frames": 0, "of": 0}
    assert films._worker is None
