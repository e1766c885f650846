"""Joblib on futures: results come as they are done, and what nobody waits for is cancelled."""

from concurrent.futures import Future, ThreadPoolExecutor

import joblib
import pytest

from builder.parallel.futures import FutureBackend, call


def double(number):
    return 2 * number


def test_every_call_is_sent_and_every_result_comes():
    with ThreadPoolExecutor(2) as pool:
        backend = FutureBackend(2, lambda function: pool.submit(call, function))
        parallel = joblib.Parallel(n_jobs=2, backend=backend, return_as="generator_unordered", batch_size=1)
        assert sorted(parallel(joblib.delayed(double)(number) for number in range(9))) == list(
            range(0, 18, 2)
        )


def test_what_is_for_one_worker_goes_to_that_worker_too():
    assert FutureBackend(1, call).effective_n_jobs(1) == 2
    assert FutureBackend(7, call).effective_n_jobs(1) == 7


def test_what_is_under_way_is_cancelled_and_what_was_fetched_is_not():
    backend = FutureBackend(2, lambda _: Future())
    fetched, waiting = backend.submit(None), backend.submit(None)
    fetched.set_result("done")
    assert backend.retrieve_result_callback(fetched) == "done"
    backend.abort_everything()
    assert waiting.cancelled()
    assert not fetched.cancelled()


def test_what_a_call_raised_is_raised_where_it_is_fetched():
    future = Future()
    backend = FutureBackend(2, lambda _: future)
    backend.submit(None)
    future.set_exception(KeyError("no such joint"))
    with pytest.raises(KeyError):
        backend.retrieve_result_callback(future)


def test_a_circle_of_causes_is_cut_since_dask_would_follow_it_for_ever():
    def fails():
        first, second, third = OSError("first"), ValueError("second"), KeyError("third")
        second.__cause__, third.__cause__ = third, second
        raise first from second

    with pytest.raises(OSError, match="first") as caught:
        call(fails)
    causes, error = [], caught.value
    while (error := error.__cause__) is not None:
        causes.append(str(error))
        assert len(causes) < 3
    assert causes == ["second", "'third'"]
