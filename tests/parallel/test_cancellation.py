"""Workers of this process can be asked to stop."""

from builder.parallel.cancellation import cancel, cancelled


def test_workers_stop_until_they_may_work_again():
    assert not cancelled()
    cancel()
    assert cancelled()
    cancel(stop=False)
    assert not cancelled()
