"""Damaged files give named errors, at once and in little memory, whatever is wrong with them."""

import base64
import contextlib
import json
import random
import resource
import time
import zipfile
from pathlib import Path

import pytest
from damaged import MEGABYTES, NAMED, SECONDS, members_of, sources, zipped

from builder.experts.archive.agent import read_agent
from builder.experts.archive.vec_normalize import read_statistics


class Mutator:
    """Damages archives as transfers, disks and attackers do.

    Args:
        seed: what makes one mutation unlike another.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)

    def bytes(self, content):
        content = bytearray(content)
        for _ in range(self.random.choice([1, 1, 1, 2, 4, 16, 64])):
            if content:
                self._spoil(content)
        return bytes(content)

    def _spoil(self, content):
        choice, at = self.random.random(), self.random.randrange(len(content))
        if choice < 0.5:
            content[at] ^= 1 << self.random.randrange(8)
        elif choice < 0.7:
            content[at] = self.random.choice([0, 255, *b"(R.}]h\x80\x85\x86\x93", self.random.randrange(256)])
        elif choice < 0.8:
            del content[at : at + self.random.choice([1, 1, 4, 64, 4096])]
        elif choice < 0.9:
            content[at:at] = self.random.randbytes(self.random.choice([1, 4, 16]))
        elif choice < 0.95:
            other, size = self.random.randrange(len(content)), self.random.choice([1, 4, 16, 256])
            content[at : at + size] = content[other : other + size]
        else:
            del content[at:]

    def archive(self, content):
        choice = self.random.random()
        if choice < 0.3:
            return self.bytes(content)
        members = members_of(content)
        if choice < 0.4:
            del members[self.random.choice(list(members))]
        elif choice < 0.55:
            members["data"] = self.bytes(members["data"])
        elif choice < 0.8:
            members["data"] = self.field(members["data"])
        elif choice < 0.9:
            members["policy.pth"] = self.inner(members["policy.pth"])
        else:
            members["policy.pth"] = self.bytes(members["policy.pth"])
        return zipped(members, self.random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))

    def field(self, content):
        fields = json.loads(content)
        pickled = [
            name for name, value in fields.items() if isinstance(value, dict) and ":serialized:" in value
        ]
        used = [name for name in pickled if name in {"policy_class", "observation_space", "action_space"}]
        field = fields[self.random.choice(used * 2 + pickled)]
        changed = self.bytes(base64.b64decode(field[":serialized:"]))
        field[":serialized:"] = base64.b64encode(changed).decode()
        return json.dumps(fields).encode()

    def inner(self, content):
        members = members_of(content)
        name = self.random.choice([name for name in members if name.endswith("data.pkl")] * 3 + list(members))
        return zipped({**members, name: self.bytes(members[name])})


def largest():
    """What this process has held at most, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def check_mutations(tmp_path, seeds):
    archives, statistics = sources(tmp_path)
    before = largest()
    path, slowest, outcomes = Path(tmp_path / "mutated.zip"), 0.0, {True: 0, False: 0}
    for seed in seeds:
        mutator = Mutator(seed)
        mutated = (
            mutator.bytes(statistics) if seed % 10 == 0 else mutator.archive(archives[seed % len(archives)])
        )
        path.write_bytes(mutated)
        began = time.process_time()
        refused = True
        with contextlib.suppress(*NAMED):
            read_statistics(mutated, "s.pkl") if seed % 10 == 0 else read_agent(path)
            refused = False
        slowest = max(slowest, time.process_time() - began)
        outcomes[refused] += 1
    assert slowest < SECONDS
    assert min(outcomes.values()) > 0.05 * len(seeds), outcomes
    assert largest() - before < MEGABYTES


@pytest.mark.slow
def test_mutated_files_give_named_errors_only(tmp_path):
    check_mutations(tmp_path, range(500))


@pytest.mark.slow
def test_twenty_thousand_mutated_files_give_named_errors_only(tmp_path):
    check_mutations(tmp_path, range(1000, 21_000))
