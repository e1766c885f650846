"""What a failure of the Hub's client means, where no server is needed to make one."""

import errno
import os
import ssl

from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from sweeps import case

from builder.errors import ConfigError, HubAccessError, HubError, HubUnreachableError, StorageError
from builder.hub_client.errors import explained
from builder.hub_client.http_library import http_library

LIBRARY = http_library()


def untrusted():
    failure = LIBRARY.broken[-1]("untrusted")
    failure.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    return failure


FAILURES = [
    (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        StorageError,
        "is on a disk that is full; free",
    ),
    (
        PermissionError(errno.EACCES, "Permission denied"),
        StorageError,
        "cannot be used: Permission",
    ),
    (
        LIBRARY.broken[0]("refused"),
        HubUnreachableError,
        "reached (refused); check",
    ),
    (LIBRARY.broken[1]("late"), HubUnreachableError, "cannot be reached (late); check the network"),
    (OfflineModeIsEnabled("offline"), HubUnreachableError, "but HF_HUB_OFFLINE is set; unset it"),
    (
        LIBRARY.bad_address[1]("ftp"),
        ConfigError,
        "HF_ENDPOINT is not the address of a Hub; got",
    ),
    (LIBRARY.no_json[0]("no", "<html>", 0), HubUnreachableError, "does not answer as a Hub does"),
    (untrusted(), HubUnreachableError, f"or let {LIBRARY.certificates} name your proxy's certificate"),
    (
        UnicodeEncodeError("latin-1", "Bearer \u201chf_mine", 7, 8, "ordinal not in range(256)"),
        HubAccessError,
        "the token has a character that no token has; log in",
    ),
    (LocalEntryNotFoundError("nowhere"), HubUnreachableError, "cannot be reached"),
    (
        ValueError("LFS batch API returned errors"),
        HubError,
        "failed on user/name: LFS batch",
    ),
]


def test_each_failure_has_its_error_and_remedy():
    for failure, error, message in FAILURES:
        with case(failure, error, message):
            found = explained(failure, "user/name")
            assert type(found) is error
            assert message in str(found)
            assert "hf_mine" not in str(found)


def test_what_stands_behind_a_file_that_is_not_in_the_cache_is_what_counts():
    failure = LocalEntryNotFoundError("not in the cache")
    failure.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert isinstance(explained(failure, "user/name"), StorageError)


def test_an_error_of_ours_stays_what_it_is():
    ours = ConfigError("mine")
    assert explained(ours, "user/name") is ours
