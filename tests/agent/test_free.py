import pytest

from reconciler.agent.evidence import Form, read_evidence
from reconciler.testing.clock import StandingClock


def amounts(text):
    return [found.number for found in read_evidence(text, StandingClock().now()) if found.form is Form.MONEY]


@pytest.mark.parametrize("text", ["three tiers: Free (50 documents/month)", "a Free plan", "the free tier"])
def test_a_plan_that_is_free_costs_nothing(text):
    assert amounts(text) == [0]


@pytest.mark.parametrize("text", ["a 14-day free trial", "10,000 free events", "free of charge for some", "Free trial"])
def test_a_free_trial_and_free_units_say_nothing_of_a_price(text):
    assert amounts(text) == []
