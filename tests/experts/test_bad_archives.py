"""Damaged files give named errors, at once and in little memory, whatever is wrong with them."""

import base64
import contextlib
import io
import json
import random
import resource
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import gymnasium as gym
import pytest
from sb3_models import box, make_model

from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.agent import read_agent
from builder.experts.archive.vec_normalize import read_statistics

NAMED = (ArchiveError, UnsafeArchiveError, UnsupportedExpertError)
SECONDS = 5
MEGABYTES = 500


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return {info.filename: source.read(info) for info in source.infolist()}


def zipped(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return buffer.getvalue()


def read_quickly(path):
    """Read an archive within the bounds that every file must keep."""
    tracemalloc.start()
    began = time.process_time()
    try:
        return read_agent(path)
    finally:
        seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seconds < SECONDS
        assert peak < MEGABYTES << 20


@pytest.fixture
def spoiled(tmp_path):
    """A file with some content."""

    def write(content):
        path = tmp_path / "bad.zip"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a zip file, or cut short"),
        (b"<!DOCTYPE html><html><body>404: not found</body></html>" * 100, "not a zip file, or cut short"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
            "not a zip file, or cut short",
        ),
        (b"PK\x05\x06" + bytes(18), "no 'data' inside"),
        (b"PK\x05\x06" + bytes(8) + b"\xff\xff\xff\x7f" + bytes(6), "its directory takes 2147483647 bytes"),
        (b"PK\x05\x06", "not a zip file, or cut short"),
    ],
    ids=["empty", "html", "git-lfs", "empty zip", "huge directory", "half an end"],
)
def test_other_files_are_no_archives(spoiled, content, message):
    with pytest.raises(ArchiveError, match=message):
        read_quickly(spoiled(content))


def test_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ArchiveError, match=r"nowhere\.zip cannot be read"):
        read_agent(tmp_path / "nowhere.zip")


def test_folder_is_no_archive(tmp_path):
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_agent(tmp_path)


def test_archive_cut_short_anywhere_is_refused(archive, spoiled):
    whole = archive.read_bytes()
    for size in range(0, len(whole) - 1, max(1, len(whole) // 97)):
        with pytest.raises(ArchiveError):
            read_agent(spoiled(whole[:size]))


@pytest.mark.parametrize("name", ["data", "policy.pth"])
def test_missing_member_is_named(archive, spoiled, name):
    members = members_of(archive.read_bytes())
    del members[name]
    with pytest.raises(ArchiveError, match=f"no '{name}' inside"):
        read_agent(spoiled(zipped(members)))


def test_bare_weights_are_recognised(archive, spoiled):
    with pytest.raises(ArchiveError, match="bare weights instead of a Stable-Baselines3 archive"):
        read_agent(spoiled(members_of(archive.read_bytes())["policy.pth"]))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..\\b", "C:\\b", "\\b"])
def test_name_that_leaves_the_archive_is_refused(archive, spoiled, name):
    members = members_of(archive.read_bytes())
    with pytest.raises(UnsafeArchiveError, match="a member is called"):
        read_agent(spoiled(zipped({**members, name: b"x"})))


def test_two_members_of_one_name_are_refused(archive, spoiled):
    members = members_of(archive.read_bytes())
    content = zipped({**members, "dat_": members["data"]}).replace(b"dat_", b"data")
    with pytest.raises(UnsafeArchiveError, match="two members have the same name"):
        read_agent(spoiled(content))


def test_too_many_members_are_refused(archive, spoiled):
    members = members_of(archive.read_bytes()) | {f"x{n}": b"" for n in range(100)}
    with pytest.raises(ArchiveError, match="members"):
        read_agent(spoiled(zipped(members)))


@pytest.mark.parametrize("name", ["data", "policy.pth"])
def test_zip_bomb_is_refused_unopened(archive, spoiled, name):
    members = members_of(archive.read_bytes())
    bomb = spoiled(zipped({**members, name: bytes(150 << 20)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(ArchiveError, match=rf"{name} (is compressed|unpacks to)"):
        read_quickly(bomb)


def test_member_that_is_larger_than_it_says_is_refused(archive, spoiled):
    members = members_of(archive.read_bytes())
    content = bytearray(zipped({**members, "data": b" " * (2 << 20)}, zipfile.ZIP_DEFLATED))
    for marker, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.find(marker)
        while struct.unpack_from("<I", content, at + offset)[0] != 2 << 20:
            at = content.find(marker, at + 1)
        struct.pack_into("<I", content, at + offset, 100)
    with pytest.raises(ArchiveError, match="data"):
        read_quickly(spoiled(bytes(content)))


def test_member_that_is_smaller_than_it_says_is_refused(archive, spoiled):
    members = members_of(archive.read_bytes())
    size = len(members["data"])
    content = bytearray(zipped(members, zipfile.ZIP_DEFLATED))
    name = struct.pack("<H", len("data"))  # in both records the length of the name follows the size
    assert content.count(struct.pack("<I", size) + name) == 2
    content = content.replace(struct.pack("<I", size) + name, struct.pack("<I", size + 9) + name)
    with pytest.raises(ArchiveError, match="data is cut short"):
        read_agent(spoiled(bytes(content)))


def test_encrypted_member_is_refused(archive, spoiled):
    content = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as source:
        content[source.start_dir + 8] |= 1  # the flags of the first member
    with pytest.raises(ArchiveError, match="is encrypted"):
        read_agent(spoiled(bytes(content)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a": ' + b"[" * 100_000, "not JSON"),
        (b'{"a": [' + b"[]," * 2_000_000 + b"[]]}", "values"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"{}", "'policy_class' is missing"),
        (b'{"policy_class": {":serialized:": "gAS!"}}', "not base64"),
        (b'{"policy_class": {":serialized:": 3}}', "not base64"),
        (b'{"policy_class": {":serialized:": ""}}', "the pickle is damaged"),
    ],
)
def test_damaged_fields_are_refused(archive, spoiled, content, message):
    members = members_of(archive.read_bytes())
    with pytest.raises(ArchiveError, match=message):
        read_quickly(spoiled(zipped({**members, "data": content})))


def weights_with(change):
    """A torch file whose pickle has been changed."""
    import torch

    buffer = io.BytesIO()
    torch.save({"action_net.weight": torch.zeros(300, 5)}, buffer)
    members = members_of(buffer.getvalue())
    (name,) = (name for name in members if name.endswith("/data.pkl"))
    changed = change(members[name])
    assert changed != members[name]
    return zipped({**members, name: changed})


ROWS = (b"M,\x01K\x05\x86", b"J\xff\xff\xff\x7fK\x05\x86")
STEPS = (b"K\x05K\x01\x86", b"K\x00K\x00\x86")
DAMAGE = {
    "more rows than numbers": ([ROWS], r"shape \(2147483647, 5\) does not fit its 1500 numbers"),
    "rows without end": ([ROWS, STEPS], r"shape \(2147483647, 5\) does not fit its 1500 numbers"),
    "more numbers than there are": (
        [(b"M\xdc\x05", b"J\xff\xff\xff\x7f")],
        r"\d+ bytes of weights; expected at most",
    ),
    "some more numbers than there are": (
        [(b"M\xdc\x05", b"M\xdd\x05")],
        r"the numbers of action_net.weight; expected 6004 bytes; got 6000",
    ),
    "another type": ([(b"Float", b"Dream")], r"would import 'torch\.DreamStorage'"),
    "twice the size": (
        [(b"X\x0c\x00\x00\x00Float", b"X\x0d\x00\x00\x00Double"), (b"ctorch\nFloat", b"ctorch\nDouble")],
        r"the numbers of action_net.weight; expected 12000 bytes; got 6000",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_weights_that_do_not_fit_their_numbers_are_refused(archive, spoiled, case):
    changes, message = DAMAGE[case]

    def change(content):
        for before, after in changes:
            content = content.replace(before, after)
        return content

    members = members_of(archive.read_bytes())
    with pytest.raises(NAMED, match=rf"policy\.pth.*{message}"):
        read_quickly(spoiled(zipped({**members, "policy.pth": weights_with(change)})))


def test_weights_of_the_old_torch_format_cut_short_are_refused(archive, spoiled):
    import torch

    members = members_of(archive.read_bytes())
    state = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    whole = buffer.getvalue()
    read_agent(spoiled(zipped({**members, "policy.pth": whole})))
    for size in range(0, len(whole) - 1, len(whole) // 23):
        with pytest.raises(ArchiveError):
            read_agent(spoiled(zipped({**members, "policy.pth": whole[:size]})))


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


def sources(tmp_path):
    """Small archives of different families, and statistics of observations."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    small = {"policy_kwargs": {"net_arch": [4]}}
    goal = gym.spaces.Dict(observation=box(2), achieved_goal=box(1), desired_goal=box(1))
    archives = []
    for arguments in (
        ("PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2)),
        ("A2C", "MlpPolicy", box(3), gym.spaces.MultiDiscrete([2, 3])),
        ("SAC", "MultiInputPolicy", goal, box(2)),
        ("DQN", "MlpPolicy", gym.spaces.MultiBinary(3), gym.spaces.Discrete(2)),
        ("TQC", "MlpPolicy", box(3), box(2)),
    ):
        model = make_model(*arguments, **small)
        model.save(tmp_path / "source.zip", exclude=["_last_obs"])
        archives.append((tmp_path / "source.zip").read_bytes())
    vector = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    vector.reset()
    vector.save(tmp_path / "source.pkl")
    return archives, (tmp_path / "source.pkl").read_bytes()


def check_mutations(tmp_path, seeds):
    archives, statistics = sources(tmp_path)
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
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < (MEGABYTES + 500) << 10
    )  # torch itself: 400 MB


def test_mutated_files_give_named_errors_only(tmp_path):
    check_mutations(tmp_path, range(500))


@pytest.mark.slow
def test_twenty_thousand_mutated_files_give_named_errors_only(tmp_path):
    check_mutations(tmp_path, range(1000, 21_000))


def test_statistics_that_announce_more_than_they_hold_are_refused(tmp_path):
    _, statistics = sources(tmp_path)
    bomb = statistics.replace(b"K\x04\x85", b"J\xff\xff\xff\x7f\x85")
    assert bomb != statistics
    with pytest.raises(ArchiveError, match=r"s\.pkl"):
        read_statistics(bomb, "s.pkl")
