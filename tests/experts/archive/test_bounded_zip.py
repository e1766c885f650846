"""Files that are no sound archive are refused at once and in little memory."""

import struct
import zipfile

import pytest
from damaged import members_of, read_quickly, zipped
from sweeps import sweep

from builder.errors import ArchiveError, UnsafeArchiveError
from builder.experts.archive.agent import read_agent


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


@sweep("name", ["data", "policy.pth"])
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


def two_directories(hidden, shown):
    """A zip file with two central directories: one reader finds `shown`, another one `hidden`.

    The first end record is where the file says that it begins; the last one is at the file's end.
    """
    return zipped(hidden) + zipped(shown)


def weights_of(archive, **changed):
    members = members_of(archive.read_bytes())
    inner = members_of(members["policy.pth"])
    root = next(iter(inner)).partition("/")[0]
    return members, inner | {f"{root}/{name}": content for name, content in changed.items()}


def test_of_two_directories_in_the_weights_the_one_that_is_checked_is_the_one_that_is_read(archive, spoiled):
    """Torch finds a directory of its own in such a file; nothing of the archive is given to it."""
    expected = read_agent(archive).network.output.weight
    members, inner = weights_of(archive)
    root = next(iter(inner)).partition("/")[0]
    zeros = {name: bytes(len(content)) if "/data/" in name else content for name, content in inner.items()}
    assert root
    found = read_agent(spoiled(zipped(members | {"policy.pth": two_directories(zeros, inner)})))
    assert (found.network.output.weight == expected).all()


@pytest.mark.slow
def test_a_second_directory_does_not_make_a_small_file_large(archive, spoiled):
    members, inner = weights_of(archive)
    bomb = {**inner, "archive/data/0": bytes(170 << 20)}
    content = zipped(bomb, zipfile.ZIP_DEFLATED) + zipped(inner)
    read_quickly(spoiled(zipped(members | {"policy.pth": content})))
    content = zipped(inner) + zipped(bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match=r"unpacks to|compressed"):
        read_quickly(spoiled(zipped(members | {"policy.pth": content})))


def test_a_record_that_zipfile_does_not_take_says_nothing_of_the_directory(spoiled):
    """Its signature is wrong, so that the plain record counts, and what that says is the directory's size."""
    record = b"PK\x06\x07".rjust(60, b"\0") + bytes(16)
    end = b"PK\x05\x06" + bytes(8) + b"\xff\xff\xff\x7f" + bytes(6)
    with pytest.raises(ArchiveError, match="its directory takes 2147483647 bytes"):
        read_quickly(spoiled(bytes(100) + record + end))


def test_an_archive_larger_than_any_is_not_read(spoiled):
    path = spoiled(b"PK\x03\x04")
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ArchiveError, match=f"{1 << 40} bytes; expected at most"):
        read_quickly(path)
