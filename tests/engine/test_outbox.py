"""Messages go out once: written down, or taken by a server over TLS; what nobody can tell stays so."""

import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.base.errors import AnswerLostError, NotSentError, ProviderError, RatecardError
from reconciler.engine.outbox import Outbox, Server, State, compose

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
FIELDS = {"to": "a@b.example", "subject": "Your refund", "text": "Größe: 49 USD\n.\nBcc: x@y.example\n"}


def test_without_a_server_a_message_is_a_file_that_mail_programs_read(tmp_path):
    outbox = Outbox(tmp_path / "outbox", "us@acme.example")
    assert outbox.state("msg_1") is State.WAITING
    outbox.send("msg_1", FIELDS, NOW)
    assert outbox.state("msg_1") is State.SENT
    (file,) = (tmp_path / "outbox").iterdir()
    read = message_from_bytes(file.read_bytes(), policy=default)
    assert (read["From"], read["To"], read["Subject"]) == ("us@acme.example", "a@b.example", "Your refund")
    assert read["Bcc"] is None
    assert read.get_content().replace("\r\n", "\n") == FIELDS["text"]
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_a_crash_left_half_written_is_written_again(tmp_path):
    outbox = Outbox(tmp_path, "us@acme.example")
    (tmp_path / "msg_1.sending").write_bytes(b"From: u")
    assert outbox.state("msg_1") is State.WAITING
    outbox.send("msg_1", FIELDS, NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["msg_1.eml"]


@pytest.mark.parametrize("field", ["to", "subject"])
@pytest.mark.parametrize("injected", ["a@b.example\nBcc: all@b.example", "x\r\nBcc: all@b.example", "x\r\n\r\nbody"])
def test_no_field_can_end_its_header_and_begin_another(field, injected):
    with pytest.raises(RatecardError, match="cannot be written"):
        compose("msg_1", {**FIELDS, field: injected}, "us@acme.example", NOW)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine, and what trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    return serving, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


class MailServer:
    """One conversation: takes a message, refuses it, or hangs up when it has been handed over."""

    def __init__(self, context, ending=b"250 taken"):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.context, self.ending, self.taken, self.plain = context, ending, [], []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with suppress(OSError):  # a client that does not trust it hangs up
            self._converse()

    def _converse(self):
        connection, _ = self._listening.accept()
        with connection:
            lines = self._say(connection, b"220 here")
            while line := lines.readline():
                word = line.split()[0].upper()
                if word == b"STARTTLS":
                    connection.sendall(b"220 go\r\n")
                    connection = self.context.wrap_socket(connection, server_side=True)
                    lines = connection.makefile("rb")
                elif word == b"EHLO":
                    connection.sendall(b"250-here\r\n250 STARTTLS\r\n")
                elif word == b"DATA":
                    self._say(connection, b"354 go on")
                    self.taken.append(b"".join(iter(lines.readline, b".\r\n")))
                    if not self.ending:
                        connection.close()
                        return
                    self._say(connection, self.ending)
                elif word == b"QUIT":
                    self._say(connection, b"221 bye")
                    connection.close()
                    return
                else:
                    self.plain.append(not isinstance(connection, ssl.SSLSocket))
                    self._say(connection, b"250 fine")

    @staticmethod
    def _say(connection, words):
        connection.sendall(words + b"\r\n")
        return connection.makefile("rb")

    def close(self):
        self._thread.join(5)
        self._listening.close()


def serve(certificate, tmp_path, ending):
    serving, trusting = certificate
    server = MailServer(serving, ending)
    return server, Outbox(tmp_path, "us@acme.example", Server("127.0.0.1", server.port, context=trusting))


def test_a_server_takes_a_message_over_tls_and_nothing_before_it(certificate, tmp_path):
    server, outbox = serve(certificate, tmp_path, b"250 taken")
    outbox.send("msg_1", FIELDS, NOW)
    server.close()
    (taken,) = server.taken
    assert b"To: a@b.example\r\n" in taken
    assert not any(server.plain)
    assert outbox.state("msg_1") is State.SENT


def test_what_a_server_refuses_did_not_go_and_may_be_tried_again(certificate, tmp_path):
    server, outbox = serve(certificate, tmp_path, b"554 no thanks")
    with pytest.raises(ProviderError, match="refused the message: code 554"):
        outbox.send("msg_1", FIELDS, NOW)
    server.close()
    assert outbox.state("msg_1") is State.WAITING


def test_a_message_whose_answer_was_lost_is_never_sent_again(certificate, tmp_path):
    server, outbox = serve(certificate, tmp_path, b"")
    with pytest.raises(AnswerLostError):
        outbox.send("msg_1", FIELDS, NOW)
    server.close()
    assert outbox.state("msg_1") is State.UNDER_WAY
    with pytest.raises(AnswerLostError, match="under way already"):
        outbox.send("msg_1", FIELDS, NOW)
    assert len(server.taken) == 1


def test_a_server_that_is_not_there_or_not_who_it_says_gets_nothing(certificate, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(NotSentError):
        Outbox(tmp_path, "us@acme.example", Server("127.0.0.1", port)).send("msg_1", FIELDS, NOW)
    server = MailServer(certificate[0])
    with pytest.raises(NotSentError):
        Outbox(tmp_path, "us@acme.example", Server("127.0.0.1", server.port)).send("msg_1", FIELDS, NOW)
    server.close()
    assert server.taken == []
    assert list(tmp_path.iterdir()) == []
