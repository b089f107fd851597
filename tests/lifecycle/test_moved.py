"""Moved: a spec gets another name, and its objects stay."""

from __future__ import annotations

import httpx

from tests.lifecycle.conftest import PRO, Place

MOVED = PRO.replace("metadata: {name: pro}\n", "metadata: {name: team}\nlifecycle: {moved: [{from: Plan/pro}]}\n")


def renamed(place: Place) -> None:
    place.remove("specs/pro.yaml")
    place.write("specs/team.yaml", MOVED)
    place.replace("specs/launch.yaml", "plans: [pro]", "plans: [team]")


def test_a_plan_that_is_renamed_keeps_its_objects_and_only_their_marks_change(place: Place, http: httpx.Client):
    before = place.ids()
    renamed(place)
    change_set = place.converge()
    assert [(change.key, change.moved_from) for change in change_set.changes] == [
        ("update Plan/team:annual", "Plan/pro:annual"),
        ("update Plan/team:monthly", "Plan/pro:monthly"),
    ]
    assert "moved from Plan/pro:annual" in str(change_set.changes[0].reason)
    assert place.ids() == {address.replace("Plan/pro", "Plan/team"): found for address, found in before.items()}
    product = http.get(f"/products/{before['Plan/pro:monthly']}").json()
    assert product["metadata"]["ratecard_address"] == "Plan/team:monthly"
    assert place.drifted() == []


def test_a_move_there_and_back_ends_where_it_began(place: Place):
    before = place.ids()
    renamed(place)
    place.converge()
    place.remove("specs/team.yaml")
    place.write("specs/pro.yaml", PRO.replace("name: pro}\n", "name: pro}\nlifecycle: {moved: [{from: Plan/team}]}\n"))
    place.replace("specs/launch.yaml", "plans: [team]", "plans: [pro]")
    place.converge()
    assert (place.ids(), place.changes()) == (before, [])


def test_a_move_is_undone_by_revert(place: Place):
    before = place.ids()
    renamed(place)
    back = place.revert(place.converge())
    assert [(change.key, change.moved_from) for change in back.changes] == [
        ("update Plan/pro:annual", "Plan/team:annual"),
        ("update Plan/pro:monthly", "Plan/team:monthly"),
    ]
    assert place.ids() == before
    place.remove("specs/team.yaml")
    place.write("specs/pro.yaml", PRO)
    place.replace("specs/launch.yaml", "plans: [team]", "plans: [pro]")
    assert place.changes() == []


def test_one_price_of_a_plan_gets_another_name(place: Place):
    before = place.ids()
    place.replace("specs/pro.yaml", "monthly: {", "per-month: {")
    place.replace("specs/pro.yaml", "of: monthly", "of: per-month")
    place.replace(
        "specs/pro.yaml",
        "metadata: {name: pro}",
        "metadata: {name: pro}\nlifecycle: {moved: [{from: Plan/pro:monthly, to: per-month}]}",
    )
    change_set = place.converge()
    assert all(change.id in before.values() for change in change_set.changes)
    assert "Plan/pro:per-month" in {change.address for change in change_set.changes if change.moved_from}
    assert place.ids()["Plan/pro:per-month"] == before["Plan/pro:monthly"]


def test_a_spec_that_moved_and_changed_at_once_is_one_update(place: Place):
    renamed(place)
    place.replace("specs/team.yaml", "For teams", "For all")
    change = place.converge().changes[0]
    assert (change.moved_from, change.before["description"], change.after["description"]) == (
        "Plan/pro:annual", "For teams", "For all",
    )  # fmt: skip


def test_a_chain_of_names_is_followed_from_whichever_of_them_the_account_knows(place: Place):
    before = place.ids()
    place.remove("specs/pro.yaml")
    place.write(
        "specs/crew.yaml",
        MOVED.replace("name: team", "name: crew").replace(
            "[{from: Plan/pro}]", "[{from: Plan/team}, {from: Plan/pro}]"
        ),
    )
    place.replace("specs/launch.yaml", "plans: [pro]", "plans: [crew]")
    place.converge()
    assert place.ids()["Plan/crew:monthly"] == before["Plan/pro:monthly"]


def test_a_journal_that_knows_no_bindings_finds_what_moved_by_its_mark(place: Place):
    before = place.ids()
    renamed(place)
    (place.folder / ".ratecard" / "journal.db").unlink()
    moved = [change for change in place.plan().change_set.changes if change.moved_from]
    assert {change.id for change in moved} == {before["Plan/pro:annual"], before["Plan/pro:monthly"]}


def test_objects_at_both_names_are_told_and_nothing_is_guessed(place: Place):
    place.write("specs/team.yaml", MOVED.replace("lifecycle: {moved: [{from: Plan/pro}]}\n", ""))
    place.converge()
    place.remove("specs/pro.yaml")
    place.write("specs/team.yaml", MOVED)
    place.replace("specs/launch.yaml", "plans: [pro]", "plans: [team]")
    told = place.mistakes()
    assert len(told) == 2
    assert told[0].startswith("specs/team.yaml:4:28: Plan/pro:")
    assert "is already" in told[0]


def test_moves_that_cannot_be_are_all_told_with_their_places(place: Place):
    place.write(
        "specs/more.yaml",
        """
        kind: Plan
        metadata: {name: other}
        lifecycle:
          moved:
            - from: Product/other
            - from: Plan/pro
            - from: Plan/other
            - {from: "Plan/old:monthly", to: monhtly}
            - {from: "Plan/old:yearly"}
            - {from: Plan/older, to: monthly}
        spec:
          title: Other
          taxCategory: saas
          prices: {monthly: {amount: 9 USD, every: month}}
        """,
    )
    told = place.mistakes()
    assert [line.partition(": ")[0] for line in told] == [f"specs/more.yaml:{n}:{c}" for n, c in _PLACES]
    assert "is a Product, and this is a Plan" in told[0]
    assert "is in the specs still" in told[1]
    assert "cannot move to itself" in told[2]
    assert 'did you mean "monthly"?' in told[3]
    assert 'no price "yearly"' in told[4]
    assert "is all of them" in told[5]


_PLACES = [(6, 13), (7, 13), (8, 13), (9, 38), (10, 14), (11, 14)]


def test_two_specs_that_take_each_others_name_are_a_circle(place: Place):
    place.write("specs/pro.yaml", PRO.replace("name: pro}\n", "name: pro}\nlifecycle: {moved: [{from: Plan/team}]}\n"))
    place.write("specs/team.yaml", MOVED.replace("title: Pro", "title: Team"))
    assert all("move to each other's place" in one for one in place.mistakes())
