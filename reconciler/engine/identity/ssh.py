"""SSH signatures, made and judged by the machine's own `ssh-keygen -Y`, as git does.

Called with lists of arguments and never through a shell, with only those variables of the environment that it needs.
The armour of a signature is read here, strictly, so that one signature has one spelling.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.base.errors import RatecardError, RefusedError, UsageError

# Time for a person to type a passphrase or touch a hardware key; verifying asks nobody.
SIGNING_TIMEOUT_S = 120.0
VERIFYING_TIMEOUT_S = 20.0

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_WIDTH = 70  # of the lines that ssh-keygen writes
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_PUBLIC_KEY = re.compile(r"(?P<type>[a-z0-9@.-]{1,64}) (?P<data>[A-Za-z0-9+/]{16,8192}={0,2})", re.ASCII)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}", re.ASCII)
_PASSED_ON = (
    "PATH", "HOME", "USER", "TERM", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER",
    "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign: the file that `ssh-keygen -f` is given, and its fingerprint `SHA256:…`.

    With the file of a public key the agent signs.
    """

    path: Path
    fingerprint: str


def fingerprint(public_key: str) -> str:
    """The fingerprint, `SHA256:…`, of a public key `type base64`. Raises ValueError when it is none."""
    match = _PUBLIC_KEY.fullmatch(public_key)
    if match is None or match["type"] not in _KEY_TYPES:
        raise ValueError(
            f"{public_key[:60]!r} is not a public SSH key: write `type base64`, without options or comment"
        )
    try:
        data = base64.b64decode(match["data"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"{public_key[:60]!r} is not a public SSH key: {error}") from None
    if _text_at(data, 0)[0] != match["type"].encode():
        raise ValueError(f"{public_key[:60]!r} is not a public SSH key: its data are of another type")
    return _fingerprint(data)


def signer_of(signature: str) -> str:
    """The fingerprint of the key that a signature says it was made with. Raises ValueError when it is no signature."""
    return fingerprint(public_key_of(signature))


def public_key_of(signature: str) -> str:
    """The public key, `type base64`, that a signature says it was made with. Raises ValueError."""
    blob = _blob(signature)
    if blob[:6] != b"SSHSIG" or blob[6:10] != b"\x00\x00\x00\x01":
        raise ValueError("it is not an SSH signature of version 1")
    key, _ = _text_at(blob, 10)
    kind, _ = _text_at(key, 0)
    return f"{kind.decode('ascii', 'replace')} {base64.b64encode(key).decode()}"


def find_key(chosen: Path | None, folder: Path) -> Path:
    """The key to sign with: the chosen one, else git's `user.signingkey`, else `~/.ssh/id_ed25519`.

    Raises UsageError when there is none.
    """
    if chosen is not None:
        if not chosen.expanduser().is_file():
            raise UsageError(
                f"there is no key {chosen}", hint="name the file of an SSH key, private or public: --key PATH"
            )
        return chosen.expanduser()
    own = Path("~/.ssh/id_ed25519").expanduser()
    candidates = (_git_key(folder), own, own.with_suffix(".pub"))
    found = next((path for path in candidates if path is not None and path.is_file()), None)
    if found is None:
        raise UsageError(
            "there is no SSH key to sign with: neither git's user.signingkey nor ~/.ssh/id_ed25519",
            hint="name one: --key PATH; `ssh-keygen -t ed25519` makes one, and the policy must name its public key",
        )
    return found


def load_key(path: Path) -> SigningKey:
    """A key with its fingerprint, read without its passphrase. Raises RatecardError when the file holds no key."""
    answered = _run(["-l", "-E", "sha256", "-f", str(path.absolute())], b"", VERIFYING_TIMEOUT_S, interactive=False)
    match = _FINGERPRINT.search(answered.stdout.decode("utf-8", "replace"))
    if answered.returncode != 0 or match is None:
        raise RatecardError(f"no SSH key can be read from {path}: {_words(answered)}", hint="name another: --key PATH")
    return SigningKey(path, match[0])


def sign(data: bytes, key: SigningKey, namespace: str, *, interactive: bool) -> str:
    """The armoured signature over bytes. With `interactive`, a passphrase may be asked for on the terminal.

    Raises RatecardError, in words: no such key, a wrong passphrase, no agent that holds it.
    """
    arguments = ["-Y", "sign", "-f", str(key.path.absolute()), "-n", namespace]
    answered = _run(arguments, data, SIGNING_TIMEOUT_S, interactive=interactive)
    text = answered.stdout.decode("ascii", "replace")
    if answered.returncode != 0:
        raise RatecardError(f"the key {key.path} does not sign: {_words(answered)}", hint=_hint(key, answered))
    try:
        signer = signer_of(text)
    except ValueError as error:
        raise RatecardError(f"ssh-keygen made no signature: {error}") from None
    if signer != key.fingerprint:
        raise RatecardError(
            f"the key {key.path} is {signer}, and the public key beside it is {key.fingerprint}",
            hint=f"remove or renew {key.path}.pub",
        )
    return text


def verify(data: bytes, signature: str, person: str, public_keys: Sequence[str], namespace: str) -> str:
    """The fingerprint of the key of this person that made the signature over exactly these bytes.

    Raises RefusedError when none of the keys did: another key, other bytes, another namespace; RatecardError when it
    cannot be found out.
    """
    try:
        signer = signer_of(signature)
        known = {fingerprint(key): key for key in public_keys}
    except ValueError as error:
        raise RefusedError(f"the signature of {person} does not hold: {error}") from None
    if signer not in known:
        raise RefusedError(f"the signature is by the key {signer}, which the policy does not give to {person}")
    principal = person if _PLAIN.fullmatch(person) else f"member-{hashlib.sha256(person.encode()).hexdigest()}"
    with tempfile.TemporaryDirectory(prefix="ratecard-") as made:
        signers, signed = Path(made, "allowed_signers"), Path(made, "signature")
        signers.write_text(f'{principal} namespaces="{namespace}" {known[signer]}\n', encoding="ascii")
        signed.write_text(signature, encoding="ascii")
        arguments = ["-Y", "verify", "-f", str(signers), "-I", principal, "-n", namespace, "-s", str(signed)]
        answered = _run(arguments, data, VERIFYING_TIMEOUT_S, interactive=False)
    if answered.returncode != 0:
        raise RefusedError(f"the signature of {person} does not hold: {_words(answered)}")
    return signer


def _run(
    arguments: Sequence[str], data: bytes, timeout_s: float, *, interactive: bool
) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise RatecardError(
            "there is no ssh-keygen on this machine, which signs and verifies", hint="install OpenSSH 8.2 or newer"
        )
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C"}
    try:
        # A session of its own has no terminal, so that nothing waits for a passphrase where nobody sits.
        return subprocess.run(  # noqa: S603  # a list of arguments, no shell; the program is the machine's own
            [program, *arguments],
            input=data,
            capture_output=True,
            timeout=timeout_s,
            env=environment,
            start_new_session=not interactive,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RatecardError(f"ssh-keygen did not answer within {timeout_s:.0f} seconds", retry=True) from None
    except (OSError, ValueError) as error:
        raise RatecardError(f"ssh-keygen cannot be run: {error}") from None


def _git_key(folder: Path) -> Path | None:
    """The file that git signs with; None when git signs otherwise or is not there."""
    program = shutil.which("git")
    if program is None:
        return None
    found = []
    for arguments in (["--get", "gpg.format"], ["--type=path", "--get", "user.signingkey"]):
        try:
            answered = subprocess.run(  # noqa: S603  # a list of arguments, no shell
                [program, "config", *arguments],
                cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        found.append(answered.stdout.decode("utf-8", "replace").strip())
    return Path(found[1]) if found[0] == "ssh" and found[1] and "\x00" not in found[1] else None


def _words(answered: subprocess.CompletedProcess[bytes]) -> str:
    lines = (answered.stderr or answered.stdout).decode("utf-8", "replace").strip().splitlines()
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("@@")]
    return " ".join(" ".join(kept).split())[:300] or f"ssh-keygen ended with {answered.returncode}"


def _hint(key: SigningKey, answered: subprocess.CompletedProcess[bytes]) -> str:
    told = answered.stderr.decode("utf-8", "replace").lower()
    if "passphrase" in told:
        return "run it where the passphrase can be typed, or add the key to ssh-agent and name its .pub file"
    if "agent" in told or key.path.suffix == ".pub":
        return f"add the key to the agent: `ssh-add {key.path.with_suffix('')}`"
    return "name another key: --key PATH"


def _blob(signature: str) -> bytes:
    """The bytes inside the armour, which must be spelled exactly as ssh-keygen spells it. Raises ValueError."""
    lines = signature.split("\n")
    if len(lines) < 4 or lines[0] != _BEGIN or lines[-2:] != [_END, ""]:
        raise ValueError("it is not an SSH signature")
    try:
        blob = base64.b64decode("".join(lines[1:-2]), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its base64 is damaged") from None
    text = base64.b64encode(blob).decode()
    spelled = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    if lines[1:-2] != spelled:
        raise ValueError("it is not spelled as ssh-keygen spells it")
    return blob


def _text_at(data: bytes, place: int) -> tuple[bytes, int]:
    """A length of four bytes and as many bytes; and the place after them. Raises ValueError when they are not there."""
    length = int.from_bytes(data[place : place + 4], "big")
    end = place + 4 + length
    if len(data) < place + 4 or len(data) < end:
        raise ValueError("it is cut off")
    return data[place + 4 : end], end


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
