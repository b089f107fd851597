"""SSH signatures: whose they are, over which bytes, for what."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from reconciler.base.errors import RatecardError, RefusedError, UsageError
from reconciler.engine.identity import ssh

from .keys import make_key

NAMESPACE = "ratecard-approval"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_what_a_key_signs_is_verified_with_its_public_key(tmp_path, kind):
    key = make_key(tmp_path, "ann", kind=kind)
    signature = ssh.sign(b"said", ssh.load_key(key.path), NAMESPACE, interactive=False)
    assert ssh.verify(b"said", signature, "ann", [key.public], NAMESPACE) == key.fingerprint


def test_a_signature_holds_for_its_bytes_its_key_and_its_namespace_only(tmp_path):
    ann, bob = make_key(tmp_path, "ann"), make_key(tmp_path, "bob")
    signature = ssh.sign(b"said", ssh.load_key(ann.path), NAMESPACE, interactive=False)
    for data, keys, namespace, why in [
        (b"Said", [ann.public], NAMESPACE, "incorrect signature"),
        (b"said", [bob.public], NAMESPACE, "which the policy does not give to ann"),
        (b"said", [], NAMESPACE, "which the policy does not give to ann"),
        (b"said", [ann.public], "git", "namespace does not match"),
    ]:
        with pytest.raises(RefusedError, match=why):
            ssh.verify(data, signature, "ann", keys, namespace)


@pytest.mark.parametrize(
    "name", ["*", "ann,bob", "!ann", 'a"b', "ann namespaces=x", "ann\nbob ssh-ed25519 AAAA", "Ännchen"]
)
def test_a_name_is_no_pattern_and_no_line_of_allowed_signers(tmp_path, name):
    ann, eve = make_key(tmp_path, "ann"), make_key(tmp_path, "eve")
    signature = ssh.sign(b"said", ssh.load_key(ann.path), NAMESPACE, interactive=False)
    assert ssh.verify(b"said", signature, name, [ann.public], NAMESPACE) == ann.fingerprint
    with pytest.raises(RefusedError):
        ssh.verify(b"said", signature, name, [eve.public], NAMESPACE)


@pytest.mark.parametrize(
    "text",
    ["", "ssh-ed25519", "ssh-ed25519 AAAA", "cert-authority ssh-ed25519 {data}", "ssh-ed25519 {data} comment",
     "ssh-ed25519 {data}\n* ssh-ed25519 {data}", "ssh-rsa {data}", "ssh-dss {data}"],
)  # fmt: skip
def test_what_is_not_one_public_key_is_refused(tmp_path, text):
    data = make_key(tmp_path, "ann").public.split()[1]
    with pytest.raises(ValueError, match="is not a public SSH key"):
        ssh.fingerprint(text.format(data=data))


def test_a_signature_has_one_spelling(tmp_path):
    ann = make_key(tmp_path, "ann")
    signature = ssh.sign(b"said", ssh.load_key(ann.path), NAMESPACE, interactive=False)
    lines = signature.split("\n")
    respelled = [
        signature + "\n",
        signature.replace("\n", "\r\n"),
        signature.strip(),
        "\n".join([lines[0], "".join(lines[1:-2]), *lines[-2:]]),
        "".join([signature[:100], " ", signature[100:]]),
        "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        "x" * 10_000,
    ]
    for other in respelled:
        with pytest.raises(RefusedError):
            ssh.verify(b"said", other, "ann", [ann.public], NAMESPACE)


def test_a_passphrase_that_nobody_can_type_is_told_and_nothing_waits(tmp_path):
    key = ssh.load_key(make_key(tmp_path, "ann", passphrase="correct horse").path)
    with pytest.raises(RatecardError, match="passphrase") as told:
        ssh.sign(b"said", key, NAMESPACE, interactive=False)
    assert "ssh-agent" in (told.value.hint or "")


def test_an_agent_signs_when_the_public_key_is_named(tmp_path, monkeypatch):
    ann = make_key(tmp_path, "ann")
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"(SSH_\w+)=([^;]+);", started))
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", found["SSH_AUTH_SOCK"])
        public = ssh.load_key(ann.path.rename(tmp_path / "elsewhere").with_name("ann.pub"))
        with pytest.raises(RatecardError, match="No private key found") as told:
            ssh.sign(b"said", public, NAMESPACE, interactive=False)
        assert "ssh-add" in (told.value.hint or "")
        subprocess.run(["ssh-add", "-q", str(tmp_path / "elsewhere")], check=True, capture_output=True)
        signature = ssh.sign(b"said", public, NAMESPACE, interactive=False)
        assert ssh.verify(b"said", signature, "ann", [ann.public], NAMESPACE) == ann.fingerprint
    finally:
        os.kill(int(found["SSH_AGENT_PID"]), 15)


def test_without_ssh_keygen_that_is_told(tmp_path, monkeypatch):
    key = make_key(tmp_path, "ann")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RatecardError, match="there is no ssh-keygen"):
        ssh.load_key(key.path)


def test_the_key_is_the_chosen_one_else_gits_else_the_usual_one(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with pytest.raises(UsageError, match="no SSH key to sign with"):
        ssh.find_key(None, tmp_path)
    usual = make_key(home / ".ssh", "id_ed25519")
    assert ssh.find_key(None, tmp_path) == usual.path
    gits = make_key(tmp_path, "gits")
    (home / ".gitconfig").write_text(f"[user]\n  signingkey = {gits.path}\n", encoding="utf-8")
    assert ssh.find_key(None, tmp_path) == usual.path  # a PGP key is no file of ours
    (home / ".gitconfig").write_text(f"[gpg]\n  format = ssh\n[user]\n  signingkey = {gits.path}\n", encoding="utf-8")
    assert ssh.find_key(None, tmp_path) == gits.path
    chosen = make_key(tmp_path, "chosen")
    assert ssh.find_key(chosen.path, tmp_path) == chosen.path
    with pytest.raises(UsageError, match="there is no key"):
        ssh.find_key(tmp_path / "none", tmp_path)


def test_a_file_that_holds_no_key_is_told(tmp_path):
    (tmp_path / "notes").write_text("not a key", encoding="utf-8")
    with pytest.raises(RatecardError, match="no SSH key can be read"):
        ssh.load_key(tmp_path / "notes")
