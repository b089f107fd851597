"""What `ratecard doctor` finds wrong around an account, on this machine: keys, files with secrets, Git, the journal."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from reconciler.base.clock import Clock
from reconciler.base.diagnostics import Diagnostic, Severity
from reconciler.base.errors import JournalError, RatecardError
from reconciler.engine.config import FILE_NAME, FOLDER, Workspace, access, path_in
from reconciler.engine.session import open_journal
from reconciler.journal.verify import verify
from reconciler.plan.findings import Finding
from reconciler.providers.base import Mode
from reconciler.providers.registry import find_provider

_SHOWN_PROBLEMS = 10
_PASSED_ON = ("HOME", "PATH", "SYSTEMROOT", "USERPROFILE")


def of_diagnostic(diagnostic: Diagnostic) -> Finding:
    """A mistake in a file as a finding."""
    ways_out = [text for text in (diagnostic.hint, *diagnostic.choices) if text]
    what = f"{diagnostic.path}: {diagnostic.message}" if diagnostic.path else diagnostic.message
    return Finding(
        diagnostic.code, diagnostic.severity, what, str(diagnostic.location), "; or ".join(ways_out) or "correct it"
    )


def keys(workspace: Workspace, chosen: str) -> Iterator[Finding]:
    """Keys that are missing, of another mode, or shared by two accounts. No key is ever quoted."""
    used: dict[str, list[str]] = defaultdict(list)
    for name, account in workspace.spec.accounts.items():
        where = f"{FILE_NAME}: account {name}"
        if account.key is None:
            continue
        try:
            granted = access(workspace, name, account)
        except RatecardError as error:
            if name == chosen:  # the keys of other accounts may be elsewhere, and should be
                yield Finding("key/missing", Severity.ERROR, error.message, where, error.hint or "check it")
            continue
        try:
            if granted.mode is not Mode.SANDBOX or granted.url is not None:
                find_provider(account.provider).connect(granted).close()
        except RatecardError as error:
            yield Finding("key/mode", Severity.ERROR, error.message, where, error.hint or "check it")
            continue
        if granted.mode is not Mode.SANDBOX:
            used[granted.key].append(name)
    for names in used.values():
        if len(names) > 1:
            yield Finding(
                "key/shared",
                Severity.WARNING,
                f"the accounts {' and '.join(names)} have the same key: each keeps bindings of its own for one account",
                FILE_NAME,
                "keep one of them",
            )


def secret_files(workspace: Workspace) -> Iterator[Finding]:
    """Files with keys and passwords that others on this machine may read, or that Git has."""
    mailer = workspace.spec.mailer
    named = {account.key for account in workspace.spec.accounts.values()}
    named |= {mailer.password if mailer else None, workspace.journal_reference}
    for reference in sorted(name for name in named if name is not None and name.startswith("file:")):
        shown = reference.removeprefix("file:")
        path = path_in(workspace.folder, shown)
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue  # told as a missing key
        if mode & 0o077:
            everybody = bool(mode & 0o007)
            yield Finding(
                "key/readable",
                Severity.ERROR if everybody else Severity.WARNING,
                f"{'everybody' if everybody else 'a group'} on this machine can get at the key file {shown} "
                f"(mode {mode:03o})",
                shown,
                f"chmod 600 {shown}",
            )
        if _git(workspace.folder, "ls-files", "--error-unmatch", "--", str(path)) == 0:
            yield Finding(
                "key/in-git",
                Severity.ERROR,
                f"the key file {shown} is in Git: whoever may read the repository has the key",
                shown,
                "make a new key at the provider and revoke this one; then `git rm --cached` it and ignore it",
            )


def journal_in_git(workspace: Workspace) -> Iterator[Finding]:
    """A journal that Git has, or would take with the next `git add`."""
    if workspace.journal_reference is not None:
        return  # it is in a database
    path, shown = workspace.journal_path, workspace.spec.journal
    if _git(workspace.folder, "ls-files", "--error-unmatch", "--", str(path)) == 0:
        yield Finding(
            "journal/in-git",
            Severity.ERROR,
            "the journal is in Git: two branches with journals of their own can never be made one",
            shown,
            f"git rm --cached {shown}, and name {FOLDER}/ in .gitignore; `ratecard log checkpoint` is made for Git",
        )
    elif _git(workspace.folder, "check-ignore", "--quiet", "--", str(path)) == 1:
        yield Finding(
            "journal/not-ignored",
            Severity.WARNING,
            "Git does not ignore the journal, so that the next `git add .` takes it",
            shown,
            f"name {FOLDER}/ in .gitignore" if shown.startswith(f"{FOLDER}/") else f"name {shown} in .gitignore",
        )


def journal(workspace: Workspace, account: str, clock: Clock) -> Iterator[Finding]:
    """A journal that is not sound, and a run that was interrupted."""
    shown = workspace.spec.journal
    if workspace.journal_missing:
        return
    fix = "keep this file as it is; restore the newest backup that verifies, and compare it with `ratecard log`"
    try:
        with open_journal(workspace, clock, read_only=True) as opened:
            problems = verify(opened).problems
            run = opened.open_run(account) if not problems else None
    except RatecardError as error:  # of a journal at a URL, that may be missing as well
        code = "journal/unsound" if isinstance(error, JournalError) else "journal/unread"
        yield Finding(code, Severity.ERROR, error.message, shown, error.hint or fix)
        return
    for problem in problems[:_SHOWN_PROBLEMS]:
        yield Finding("journal/unsound", Severity.ERROR, problem, shown, fix)
    if run is not None:
        yield Finding(
            "run/open",
            Severity.ERROR,
            f"the run {run.id} of {run.digest.removeprefix('sha256:')[:12]} was interrupted and is not over",
            f"account {account}",
            f"ratecard apply --resume --account {account}",
        )


def _git(folder: Path, *arguments: str) -> int | None:
    """How git answers in a folder: 0 yes, 1 no, anything else: it is in no repository. None without git."""
    program = shutil.which("git")
    if program is None:
        return None
    # What a repository configures to be run on such questions is not run.
    safe = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
    try:
        return subprocess.run(  # noqa: S603  # a list of arguments, no shell; the program is the machine's own
            [program, *safe, *arguments], cwd=folder, capture_output=True, timeout=10, check=False,
            stdin=subprocess.DEVNULL, env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        ).returncode  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
