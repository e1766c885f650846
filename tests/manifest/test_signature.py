"""Who has signed a dataset, with SSH keys and without a network."""

import hashlib
import subprocess

import pytest

from builder.errors import SignatureError
from builder.manifest.manifest import SIGNATURE
from builder.manifest.signature import LARGEST, Signer, is_of_its_content, sign, signer, stated_signer


def generate(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, "-C", "a comment"], check=True)
    return path


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: generate(folder / name) for name in ("ada", "bob")}


@pytest.fixture
def folder(tmp_path):
    dataset = tmp_path / "x"
    dataset.mkdir()
    (dataset / "manifest.json").write_text("{}")
    (dataset / "README.md").write_text("a card")
    return dataset


def public(key):
    return key.with_suffix(".pub")


def fingerprint(key):
    said = subprocess.run(["ssh-keygen", "-lf", public(key)], capture_output=True, check=True, text=True)
    return said.stdout.split()[1]


def test_a_public_key_tells_whose_signature_it_is(folder, keys):
    signed = sign(folder, keys["ada"])
    assert (
        signed
        == signer(folder, public(keys["ada"]))
        == stated_signer(folder)
        == Signer(fingerprint(keys["ada"]))
    )
    with pytest.raises(SignatureError, match=r"is not among the signers of .*bob.pub"):
        signer(folder, public(keys["bob"]))


def test_a_file_of_signers_names_who_has_signed(folder, keys, tmp_path):
    words = {name: " ".join(public(key).read_text().split()[:2]) for name, key in keys.items()}
    allowed = tmp_path / "signers"
    allowed.write_text(f'# ours\nbob@lab {words["bob"]}\nada@lab namespaces="il-builder" {words["ada"]}\n')
    sign(folder, keys["ada"])
    assert signer(folder, allowed).name == "ada@lab"
    assert str(signer(folder, allowed)) == f"ada@lab, key {fingerprint(keys['ada'])}"


@pytest.mark.parametrize("name", ["manifest.json", "README.md"])
@pytest.mark.parametrize("change", ["changed", "gone"])
def test_what_has_changed_since_is_not_signed(folder, keys, name, change):
    sign(folder, keys["ada"])
    assert is_of_its_content(folder)
    (folder / name).unlink()
    if change == "changed":
        (folder / name).write_text("else")
    assert not is_of_its_content(folder)
    with pytest.raises(SignatureError, match="has not signed this manifest and this card"):
        signer(folder, public(keys["ada"]))


def test_ssh_keygen_alone_checks_it(folder, keys):
    sign(folder, keys["ada"])
    printed = subprocess.run(
        ["sha256sum", "manifest.json", "README.md"], cwd=folder, capture_output=True, check=True
    )
    command = ["ssh-keygen", "-Y", "check-novalidate", "-n", "il-builder", "-s", folder / SIGNATURE]
    assert subprocess.run(command, input=printed.stdout, check=False).returncode == 0


def test_a_signature_for_something_else_is_none(folder, keys):
    message = folder / "message"
    message.write_text(
        "".join(
            f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
            for name in ("manifest.json", "README.md")
        )
    )
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", keys["ada"], "-n", "git", message], check=True)
    message.with_name("message.sig").rename(folder / SIGNATURE)
    with pytest.raises(SignatureError, match="has not signed"):
        signer(folder, public(keys["ada"]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"-----BEGIN SSH SIGNATURE-----\n!!!\n-----END SSH SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n-----END SSH SIGNATURE-----\n",
        b"x" * (LARGEST + 1),
    ],
    ids=["empty", "bytes", "not base64", "a key longer than the file", "large"],
)
def test_a_file_that_is_no_signature_is_said(folder, keys, content):
    (folder / SIGNATURE).write_bytes(content)
    with pytest.raises(SignatureError, match=r"not an SSH signature|too large"):
        stated_signer(folder)
    with pytest.raises(SignatureError, match=r"not an SSH signature|too large"):
        signer(folder, public(keys["ada"]))


def test_what_is_not_signed_is_said(folder, keys):
    assert stated_signer(folder) is None
    assert is_of_its_content(folder)
    with pytest.raises(SignatureError, match=r"it is not signed.*il-builder sign"):
        signer(folder, public(keys["ada"]))


@pytest.mark.parametrize("wrong", ["nowhere", "no key"])
def test_a_key_that_cannot_sign_is_said_and_nothing_is_written(folder, tmp_path, wrong):
    key = tmp_path / wrong
    if wrong == "no key":
        key.write_text("a text")
    with pytest.raises(SignatureError, match=f"{wrong}( cannot sign|; give key=PATH)"):
        sign(folder, key)
    assert not (folder / SIGNATURE).exists()


def test_without_ssh_keygen_the_package_is_named(folder, keys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignatureError, match="no ssh-keygen here; install OpenSSH"):
        sign(folder, keys["ada"])


def test_the_usual_key_signs_where_none_is_named(folder, keys, monkeypatch, tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_bytes(keys["bob"].read_bytes())
    (tmp_path / ".ssh/id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sign(folder).key == fingerprint(keys["bob"])
