"""Files that are uploaded: counted, read again, left at once."""

import signal
import threading
from threading import Event

import pytest

from builder.hub.upload import CountedFile, StoppedError, interruptibly


def test_a_file_that_is_uploaded_says_how_far_it_is_and_can_be_read_again(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    file, positions = CountedFile(tmp_path / "a", Event()), []
    file.reached = positions.append
    assert (file.read(4), file.read(4), file.read(4), file.read(4)) == (b"0123", b"4567", b"89", b"")
    assert positions == [4, 8, 10, 10]
    assert (file.seek(0, 2), file.tell(), file.seek(-3, 1), file.read()) == (10, 10, 7, b"789")
    assert (file.seek(2), file.read(1)) == (2, b"2")
    file.close()
    assert file.closed


@pytest.mark.parametrize("count", [1, 3000])
def test_files_that_wait_are_not_open(tmp_path, count):
    (tmp_path / "a").write_bytes(b"a")
    assert len([CountedFile(tmp_path / "a", Event()) for _ in range(count)]) == count


def test_an_interrupted_upload_is_left_at_once_and_reads_no_further(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    stop, ended = Event(), Event()
    file = CountedFile(tmp_path / "a", stop)

    def upload():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            while file.read(1) or not file.seek(0):
                pass
        except StoppedError:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        interruptibly(upload, stop)
    assert ended.wait(10)


def test_an_upload_gives_what_it_gives_and_fails_as_it_fails():
    assert interruptibly(lambda: 3, Event()) == 3
    with pytest.raises(ZeroDivisionError):
        interruptibly(lambda: 1 // 0, Event())
