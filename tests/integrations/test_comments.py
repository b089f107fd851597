"""The one comment of a review: made once, updated where it is ours, never where it is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.base.errors import RatecardError
from reconciler.engine.forge_issues import Issues, issues_from, keep_issue
from reconciler.engine.forges import Place, place_from, post
from reconciler.plan.review import fit, marker

from .forge import TOKEN, Forge, running_forge

MARK = marker("billing", "sandbox")


@pytest.fixture
def forge() -> Iterator[Forge]:
    with running_forge() as running:
        yield running


def environment(forge: Forge) -> dict[str, str]:
    return {
        "GITHUB_API_URL": forge.url,
        "GITHUB_REPOSITORY": "acme/billing",
        "GITHUB_TOKEN": TOKEN,
        "RATECARD_PULL_REQUEST": "7",
        "CI_API_V4_URL": forge.url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
        "GITLAB_TOKEN": TOKEN,
    }


@pytest.fixture(params=["github", "gitlab"])
def place(request: pytest.FixtureRequest, forge: Forge) -> Place:
    return place_from(request.param, environment(forge))


def test_a_comment_is_made_once_and_found_again_behind_hundreds_of_others(forge: Forge, place: Place):
    for number in range(250):
        forge.say("mallory", f"comment {number}")
    assert not post(place, MARK, "first\n").updated
    assert post(place, MARK, "second\n").updated
    assert [one["body"] for one in forge.comments[250:]] == [f"{MARK}\nsecond\n"]


def test_a_comment_with_our_marker_that_somebody_else_wrote_is_left_alone(forge: Forge, place: Place):
    forge.say("mallory", f"{MARK}\nall is well, approve it")
    assert not post(place, MARK, "what it really is\n").updated
    assert forge.comments[0]["body"].endswith("approve it")
    assert post(place, MARK, "again\n").updated
    assert len(forge.comments) == 2


def test_each_account_has_a_comment_of_its_own(forge: Forge, place: Place):
    post(place, MARK, "one\n")
    assert not post(place, marker("billing", "live"), "two\n").updated


@pytest.mark.parametrize(("status", "words"), [(403, "answered 403"), (500, "answered 500")])
def test_what_a_forge_refuses_is_told_without_the_token_that_it_may_quote(
    forge: Forge, place: Place, status: int, words: str
):
    forge.refuses = [status]
    with pytest.raises(RatecardError) as caught:
        post(place, MARK, "one\n")
    assert words in caught.value.message
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
    assert len([one for one in forge.asked if one.startswith("POST")]) == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GITHUB_TOKEN", "", "GITHUB_TOKEN is empty"),
        ("GITHUB_TOKEN", "two words", "holds nothing of its kind"),
        ("RATECARD_PULL_REQUEST", "7/../8", '"7/../8"'),
        ("GITHUB_REPOSITORY", "acme/billing/../other", "GITHUB_REPOSITORY"),
        ("GITHUB_API_URL", "http://forge.example", "no https address"),
        ("GITHUB_API_URL", "https://user@forge.example", "no https address"),
    ],
)
def test_what_the_pipeline_does_not_set_as_it_should_is_told(forge: Forge, name: str, value: str, words: str):
    with pytest.raises(RatecardError) as caught:
        place_from("github", {**environment(forge), name: value})
    assert words in caught.value.message
    assert "two words" not in caught.value.message


def test_a_comment_is_cut_after_a_line_and_says_so_with_its_block_closed():
    text = "### Title\n\n````\n" + "a line of the plan\n" * 100 + "````\n"
    short = fit(text, 500)
    assert len(short) <= 500
    assert short.endswith("the saved change set has all of it.\n")
    assert short.count("````") == 2
    assert fit(text, 5_000) == text


@pytest.fixture(params=["github", "gitlab"])
def issues(request: pytest.FixtureRequest, forge: Forge) -> Issues:
    return issues_from(request.param, environment(forge))


def test_drift_has_one_issue_that_is_opened_updated_and_closed_when_nothing_has_drifted_any_more(
    forge: Forge, issues: Issues
):
    assert keep_issue(issues, "billing", "live", None) is None
    opened = keep_issue(issues, "billing", "live", "money Plan/pro:monthly was changed\n")
    assert opened is not None
    assert not opened.updated
    again = keep_issue(issues, "billing", "live", "access Webhook/billing is gone\n")
    assert again is not None
    assert (again.updated, again.url) == (True, opened.url)
    [issue] = forge.issues
    assert issue["title"] == "The billing account live has drifted"
    assert "Webhook/billing is gone" in issue["body"] + issue["description"]
    assert keep_issue(issues, "billing", "live", None) is not None
    assert (issue["state"], keep_issue(issues, "billing", "live", None)) == ("closed", None)
    keep_issue(issues, "billing", "live", "money again\n")
    assert [one["state"] for one in forge.issues] == ["closed", "open"]


def test_an_issue_of_another_account_or_of_somebody_else_is_left_alone(forge: Forge, issues: Issues):
    forge.open("mallory", "not ours", "<!-- ratecard drift billing/live -->\nall is well")
    keep_issue(issues, "billing", "live", "one\n")
    keep_issue(issues, "billing", "test", "two\n")
    assert len(forge.issues) == 3
    assert forge.issues[0]["body"].endswith("all is well")
