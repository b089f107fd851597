import pytest

from reconciler.base.errors import LockedError
from reconciler.cli.commands.init import write_workspace
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.session import open_session

KEY = "dodo_test_lock_scope"


@pytest.fixture
def checkouts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("DODO_PAYMENTS_API_KEY", KEY)
    found = []
    for name in ("one", "two"):
        write_workspace(tmp_path / name, "billing")
        workspace, diagnostics = load_workspace(tmp_path / name)
        assert diagnostics == ()
        found.append(workspace)
    return found


def test_two_checkouts_of_a_workspace_exclude_each_other_on_one_account(checkouts, tmp_path):
    one, two = checkouts
    clock = SystemClock()
    with (
        open_session(one, "test", clock) as first,
        open_session(two, "test", clock) as second,
        first.lock("apply 1"),
        pytest.raises(LockedError, match="account test is held by"),
        second.lock("apply 2"),
    ):
        pytest.fail("both hold the account")
    names = [path.name for path in (tmp_path / "state").rglob("*")]
    assert names
    assert not any(KEY in name for name in names)


def test_another_key_is_another_account(checkouts, monkeypatch):
    one, two = checkouts
    clock = SystemClock()
    with open_session(one, "test", clock) as first, first.lock("apply 1"):
        monkeypatch.setenv("DODO_PAYMENTS_API_KEY", KEY + "_other")
        with open_session(two, "test", clock) as second, second.lock("apply 2"):
            pass


def test_two_keys_of_one_account_exclude_each_other_once_the_account_has_told_its_id(checkouts, monkeypatch):
    one, two = checkouts
    clock = SystemClock()
    with open_session(one, "test", clock) as first, first.lock("apply 1"):
        monkeypatch.setenv("DODO_PAYMENTS_API_KEY", KEY + "_other")
        with open_session(two, "test", clock) as second, second.lock("apply 2"), first.lock_of("bus_1", "apply 1"):
            with pytest.raises(LockedError, match="apply 1"), second.lock_of("bus_1", "apply 2"):
                pytest.fail("both hold the account")
            with second.lock_of("bus_2", "apply 2"), second.lock_of(None, "apply 2"):
                pass


@pytest.mark.parametrize("urls", [("http://127.0.0.1:8787", "http://localhost:8787")])
def test_two_checkouts_exclude_each_other_on_one_sandbox_by_its_address_and_not_by_its_key(tmp_path, monkeypatch, urls):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    workspaces = []
    for number, url in enumerate(urls):
        home = tmp_path / str(number)
        write_workspace(home, "billing")
        config = home / "ratecard.yaml"
        monkeypatch.setenv(f"KEY_{number}", f"dodo_test_{number}")
        at = f"mode: sandbox\n      url: {url}\n      key: env:KEY_{number}\n"
        config.write_text(config.read_text().replace("mode: sandbox\n", at, 1))
        workspace, diagnostics = load_workspace(home)
        assert diagnostics == ()
        workspaces.append(workspace)
    clock = SystemClock()
    with (
        open_session(workspaces[0], None, clock) as first,
        open_session(workspaces[1], None, clock) as second,
        first.lock("apply 1"),
        pytest.raises(LockedError, match="apply 1"),
        second.lock("apply 2"),
    ):
        pytest.fail("both hold the sandbox")
