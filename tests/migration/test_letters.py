"""Who is moved is written to, once, in true numbers; who is left out is not. Crashes change nothing of it."""

from __future__ import annotations

import signal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from reconciler.engine.migrating import part_of
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.render import as_text
from reconciler.providers.dodo.provider import Dodo

from .books import PRO, TEAM, Subscribers, migration, specs


def outbox(world: Subscribers) -> list[EmailMessage]:
    folder = world.home / ".ratecard" / "outbox" / "sandbox"
    if not folder.is_dir():
        return []
    return [message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]


def letters(world: Subscribers) -> dict[str, str]:
    found: dict[str, str] = {}
    for message in outbox(world):
        assert message["To"] not in found, "one message a customer"
        found[message["To"]] = message.get_content().replace("\r\n", "\n")
    return found


def planned(world: Subscribers, proration: str = "none", **more: str) -> ChangeSet:
    world.write(specs(move=migration(proration, **{"notify": "true", **more})))
    change_set = world.plan()
    world.approve(change_set)
    return change_set


def addresses(world: Subscribers, prefix: str, count: int) -> list[str]:
    return [world.subscription(f"sub_{prefix}_{n:06d}")["customer"]["email"] for n in range(1, count + 1)]


def test_each_customer_who_is_moved_is_told_once_in_numbers_and_nobody_else(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="a")
    world.plant(count=1, id_prefix="paused", status="paused")
    change_set = planned(world)
    assert outbox(world) == []
    card = as_text(change_set, Dodo().capabilities)
    assert 'Writes to each customer who is moved, once, "Your new price", in our own words.' in card
    assert "messages that went out cannot be fetched back" in card

    assert world.apply(change_set).result == "applied"

    bills = world.subscription("sub_a_000001")["next_billing_date"][:10]
    told = letters(world)
    assert set(told) == set(addresses(world, "a", 3))
    assert told[addresses(world, "a", 1)[0]] == (
        "Hello,\n\nyour subscription costs 59 USD every month instead of 49 USD.\n"
        f"Your next invoice is 59 USD on {bills}.\n"
    )


def test_what_is_charged_for_the_change_is_told_and_the_next_bill_by_what_the_provider_says_then(
    world: Subscribers,
) -> None:
    world.plant(count=1, id_prefix="b")
    assert world.apply(planned(world, "difference")).result == "applied"
    bills = world.subscription("sub_b_000001")["next_billing_date"][:10]
    (text,) = letters(world).values()
    assert "For the change itself 10 USD are charged now.\n" in text
    assert f"Your next invoice is 59 USD on {bills}.\n" in text


def test_at_the_next_renewal_they_are_told_from_when_on(world: Subscribers) -> None:
    world.plant(count=1, id_prefix="c")
    assert world.apply(planned(world, when="next_renewal")).result == "applied"
    bills = world.subscription("sub_c_000001")["next_billing_date"][:10]
    (text,) = letters(world).values()
    assert f"costs 59 USD every month instead of 49 USD from its next renewal on {bills} on.\n" in text


def test_a_customer_with_several_subscriptions_is_told_of_all_of_them_in_one_message(world: Subscribers) -> None:
    world.plant(id_prefix="d")
    customer = world.subscription("sub_d_000001")["customer"]["customer_id"]
    for name in ("sub_e", "sub_f"):
        world.plant(id=name, customer_id=customer)
    change_set = planned(world, waves="{canary: 1, size: 1}")
    assert (change_set.changes[0].after or {})["waves"] == [3], "a wave parts no customer"
    assert world.apply(change_set).result == "applied"
    (text,) = letters(world).values()
    assert all(f"your subscription {name} costs" in text for name in ("sub_d_000001", "sub_e", "sub_f"))


def test_words_of_ones_own_are_filled_with_what_was_done(world: Subscribers) -> None:
    world.plant(id_prefix="g")
    words = '{subject: "From {old} to {new}", text: "{subscription}: {new} every {every}, {charge} now. {braces}"}'
    assert "is nothing that a PlanMigration fills in" in _mistakes(world, words)
    words = words.replace(" {braces}", "")
    world.write(specs(move=migration(message=words)))
    change_set = world.plan()
    world.approve(change_set)
    assert world.apply(change_set).result == "applied"
    (message,) = outbox(world)
    assert message["Subject"] == "From 49 USD to 59 USD"
    assert message.get_content().strip() == "sub_g_000001: 59 USD every month, 0 USD now."


def _mistakes(world: Subscribers, words: str) -> str:
    world.write(specs(move=migration(message=words)))
    with pytest.raises(AssertionError) as caught:
        world.plan()
    return str(caught.value)


def test_a_plan_that_moves_its_subscribers_can_tell_them_each_time_anew(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="h")
    for amount in ("55 USD", "60 USD"):
        world.go({"pro": PRO.replace("49 USD", amount) + "  existing: {then: now, notify: true}\n", "team": TEAM})
    assert len(outbox(world)) == 4


def test_who_was_left_out_at_the_last_moment_is_not_told(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="i")
    change_set = planned(world)
    world.call("PATCH", "/subscriptions/sub_i_000002", {"status": "paused"})
    assert world.apply(change_set).result == "applied"
    assert set(letters(world)) == {addresses(world, "i", 3)[0], addresses(world, "i", 3)[2]}


@pytest.mark.parametrize(
    "failpoint",
    [
        "apply.before_intent:5",
        "apply.after_write:5",
        "journal.before_commit.outcome:6",
        "journal.after_commit.intent:6",
    ],
)
def test_a_run_that_is_killed_among_messages_tells_each_customer_once(world: Subscribers, failpoint: str) -> None:
    world.plant(count=4, id_prefix="k")
    change_set = planned(world)
    process = world.start("apply", change_set.short, failpoint=failpoint)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert world.apply(change_set, resume=True).result == "applied"
    assert set(letters(world)) == set(addresses(world, "k", 4))
    with world.session() as session:
        sent = [entry.text("to") for entry in session.journal.entries() if entry.kind == "message"]
    assert sorted(sent) == sorted(letters(world))


def test_people_can_answer_for_one_message_of_which_nobody_can_tell_whether_it_went_out(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="l")
    change_set = planned(world)
    with world.session() as session:
        change = part_of(session, change_set, "run", "run-00001.m000002")
    assert change is not None
    customer = world.lines(str((change_set.changes[0].after or {})["manifest"]))[1]["before"]["customer"]
    assert (change.kind, change.address) == ("message", f"PlanMigration/to-team:message-0-{customer}")
    assert world.apply(change_set).result == "applied"
    assert (world.home / ".ratecard" / "outbox" / "sandbox" / f"{change.id}.eml").is_file(), (
        "the very message that goes"
    )
