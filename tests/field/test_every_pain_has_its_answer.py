"""One place to look: what people complain of in tools for billing as code, and tests whose names are the answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

# The complaint -> where the tests are, and their names without `test_`.
ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "An amount cannot be changed: there is a second price, and the old one is sold on": {
        "field/test_prices_that_change.py": (
            "a_new_amount_is_one_change_of_one_object_and_says_how_many_stay_on_the_old_price",
            "what_the_provider_cannot_change_is_made_anew_the_old_one_archived_and_the_plan_says_who_stays_on_it",
        ),
    },
    "The old one goes before the new one is there": {
        "field/test_prices_that_change.py": ("on_any_catalogue_what_takes_a_place_is_there_before_what_had_it_goes",),
        "laws/test_laws.py": ("law_1_after_apply_planning_again_is_empty_whatever_was_live_before",),
    },
    "What something else still needs cannot be archived, and everything is stuck": {
        "field/test_prices_that_change.py": (
            "what_others_still_need_is_let_go_of_first_so_that_archiving_never_gets_stuck",
        ),
    },
    "Decimals, nulls and empty text come back otherwise: a difference for ever, or a duplicate with each apply": {
        "field/test_prices_that_change.py": (
            "decimals_and_nothing_read_back_as_written_and_a_second_apply_makes_nothing",
            "each_level_of_a_price_reads_back_as_written_also_the_last_which_has_no_end_and_in_a_new_workspace",
            "steps_that_the_provider_would_forget_are_refused_with_what_says_the_same_and_never_sent",
        ),
        "laws/test_import_law.py": (
            "taking_over_what_others_made_changes_nothing_and_then_nothing_is_left_to_do",
            "a_field_that_is_changed_by_hand_after_taking_over_is_exactly_what_is_planned_put_back_and_reverted",
        ),
    },
    "Importing a webhook rotated its signing secret": {
        "beside/test_webhooks.py": ("importing_a_webhook_neither_rotates_its_secret_nor_makes_it_anew",),
        "field/test_accounts_that_are_there.py": (
            "a_secret_is_never_made_anew_by_a_change_and_goes_only_when_somebody_types_that_it_is_for_good",
        ),
    },
    "The secret is shown once, and then it is in the state file": {
        "beside/test_webhooks.py": (
            "a_webhook_gets_its_headers_and_its_secret_goes_where_the_spec_says",
            "no_secret_is_in_the_change_set_the_journal_a_message_or_any_file_but_its_own",
            "a_webhook_that_is_taken_over_may_name_a_place_for_the_secret_that_it_has",
            "a_secret_is_written_as_the_manifest_of_a_kubernetes_secret",
            "the_secret_is_asked_for_once_and_never_again",
        ),
    },
    "What exists cannot be taken over, customers' own prices least of all": {
        "field/test_accounts_that_are_there.py": (
            "one_command_takes_over_all_that_is_there_customers_own_prices_too_and_then_nothing_is_left_to_do",
        ),
    },
    "What was made in the dashboard stands in the way": {
        "lifecycle/test_ownership.py": ("what_others_made_is_listed_and_never_touched_unless_its_kind_says_otherwise",),
        "field/test_accounts_that_are_there.py": (
            "what_others_made_is_listed_and_left_to_the_byte_by_everything_that_is_applied",
        ),
        "laws/test_laws.py": ("law_3_what_is_not_ours_stays_as_it_is_to_the_byte",),
    },
    "A hundred objects end in 429s": {
        "engine/test_pacing.py": ("two_hundred_objects_apply_without_one_429",),
        "providers/test_dodo_limiter.py": (
            "threads_together_keep_the_limit_also_when_they_oversleep",
            "a_refusal_within_the_limit_halves_our_share_which_grows_back_minute_by_minute",
        ),
        "crash/test_kill.py": ("a_run_killed_within_ends_as_if_it_had_not_been",),
    },
    "Test and live differ in every id, and somebody copies them by hand": {
        "field/test_accounts_that_are_there.py": (
            "what_was_tried_goes_live_without_an_id_and_applications_import_a_map_of_ids",
            "what_was_taken_over_in_one_account_goes_to_another_though_its_spec_names_an_id_of_the_first",
        ),
    },
    "Two changes in one cycle, and one of them silently wins": {
        "migration/test_stopping.py": ("two_migrations_of_one_subscriber_are_an_error_and_never_a_silent_choice",),
    },
    "Who has a price of their own is forgotten when the plan changes": {
        "migration/test_terms_of_ones_own.py": (
            "who_has_a_price_of_their_own_is_a_group_by_itself_and_is_kept_or_moved_as_the_spec_says",
        ),
    },
    "Nobody can be moved in bulk, in waves, with a pause": {
        "migration/test_pausing.py": ("a_run_pauses_after_each_wave_and_goes_on_when_the_time_has_come",),
    },
    "A migration silently left people out": {
        "migration/test_moving.py": ("those_who_are_left_out_are_told_with_their_reasons",),
    },
    "Moved to the new plan, and the agreed price was gone": {
        "migration/test_moving.py": ("a_price_of_ones_own_is_kept_unless_the_migration_says_move",),
    },
    "The revenue jumped, and somebody had to find out who was charged too much": {
        "migration/test_stopping.py": ("a_rule_that_breaks_after_a_wave_stops_the_next_one_and_says_what_was_done",),
    },
    "The wrong proration, and invoices that nobody expected": {
        "migration/test_invoices.py": (
            "the_next_two_invoices_are_told_under_each_choice_and_are_those_that_come",
            "nothing_is_charged_at_once_unless_the_spec_says_so",
        ),
    },
    "Who leaves an old price is credited by the new one": {
        "migration/test_terms_of_ones_own.py": ("who_leaves_a_plan_that_is_sold_no_more_is_charged_by_what_they_paid",),
    },
    "Charged a hundred times too much in a currency without cents": {
        "field/test_prices_that_change.py": (
            "no_currency_is_charged_a_hundred_times_too_much",
            "a_number_without_its_currency_and_a_currency_whose_smallest_unit_is_in_doubt_are_refused",
        ),
    },
    "Rolling back is another adventure, which nobody reviews": {
        "field/test_what_was_reviewed.py": (
            "the_reverse_of_a_run_is_a_change_set_of_its_own_that_is_planned_shown_and_approved",
        ),
        "laws/test_laws.py": ("law_5_apply_and_then_its_reverse_gives_an_equivalent_account",),
    },
    "Two runs at once, and everything is there twice": {
        "field/test_what_was_reviewed.py": (
            "two_runs_of_the_same_specs_at_once_make_each_object_once_and_a_fresh_checkout_makes_none_again",
        ),
    },
    "A change by hand right after a run is taken for an echo of the run": {
        "engine/test_drift_decisions.py": (
            "a_change_by_hand_in_the_same_moment_as_our_own_is_told_apart_from_it_by_the_operation_alone",
            "what_our_own_finished_run_wrote_is_never_drift_and_what_came_right_after_it_always_is",
        ),
    },
    "What was applied is not what was reviewed": {
        "field/test_what_was_reviewed.py": (
            "what_is_applied_is_what_was_approved_and_when_live_has_moved_nothing_is_written",
        ),
        "stale/test_configuration.py": (
            "every_value_that_is_planned_on_and_changes_meanwhile_is_refused_before_the_first_write",
        ),
    },
    "The same plan has to be approved again and again": {
        "field/test_what_was_reviewed.py": ("planning_again_with_the_same_effects_needs_no_second_approval",),
        "laws/test_laws.py": ("law_2_files_order_comments_and_spelling_never_change_the_digest",),
    },
    "Everybody writes a script to find what was changed by hand": {
        "engine/test_drift_decisions.py": ("drift_names_what_when_and_by_whom_and_has_three_verbs_that_leave_none",),
        "cli/test_drift.py": ("a_pipeline_reads_what_when_and_who_and_the_code_says_whether_there_is_any",),
    },
    "Two objects stand for one, or one is gone, and nobody notices": {
        "field/test_accounts_that_are_there.py": (
            "the_doctor_finds_what_is_there_twice_or_gone_and_says_what_helps",
            "the_doctor_finds_one_account_under_two_names_links_that_are_stale_and_objects_that_two_claim",
        ),
    },
    "What was left out of a call was deleted": {
        "lifecycle/test_ownership.py": (
            "what_is_omitted_and_nobodys_goes_only_where_its_kind_is_authoritative_and_the_plan_says_so",
        ),
        "field/test_accounts_that_are_there.py": ("what_others_wrote_on_an_object_of_ours_is_there_after_we_write_it",),
    },
    "Finding drift needs a paid service": {
        "cli/test_drift.py": ("drift_is_found_by_the_core_alone_with_no_service_no_key_and_no_network",),
    },
    "A model wrote 4900 for 49 dollars": {
        "agent/claude/test_grounding.py": ("an_amount_is_not_found_in_what_says_something_else",),
        "agent/claude/test_gate.py": ("a_hostile_model_approves_nothing_and_drafts_nothing_that_was_not_said",),
    },
    "An agent tries again, and the money goes twice": {
        "strangers/test_one_refund_each_time.py": (
            "an_answer_that_is_lost_after_the_effect_makes_no_second_refund",
            "a_run_that_dies_and_is_resumed_makes_one_refund",
        ),
        "engine/test_resolving.py": ("a_lost_journal_does_not_refund_again",),
    },
    "A key of the settings that nobody knows any more lets everything through": {
        "attacks/test_s6_many_small_ones.py": (
            "an_unknown_word_in_a_policy_is_fatal",
            "a_live_account_without_a_policy_does_nothing",
        ),
        "plan/test_policy.py": ("every_key_that_guards_something_has_an_effect",),
    },
    "Nothing limits what an agent spends in a day, and nobody knows who let it": {
        "attacks/test_s6_many_small_ones.py": ("the_fourth_of_thirty_dollars_trips_a_budget_of_a_hundred",),
        "plan/test_policy.py": ("splitting_an_amount_never_gives_a_milder_answer",),
    },
    "A refund without an amount is a refund of everything, past every limit": {
        "attacks/test_s6_many_small_ones.py": ("a_refund_that_names_no_amount_is_judged_by_all_that_it_gives_back",),
    },
    "A reverse that could not be done was told as a success": {
        "engine/test_actions.py": ("what_can_be_taken_back_is_and_stays_done",),
        "attacks/test_a_strangers_change_set.py": ("what_cannot_be_undone_is_not_approved_as_if_it_could",),
    },
    "Another billing system has no such tool": {
        "../reconciler/testing/suite.py": (
            "what_is_written_is_read_back_with_the_same_body_and_the_second_plan_is_empty",
            "what_is_not_ours_is_untouched_by_everything",
            "a_write_whose_answer_was_lost_is_found_to_have_happened",
        ),
    },
}


def named_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    return set(re.findall(r"^ *def test_(\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("complaint", ANSWERS)
def test_each_complaint_has_tests_whose_names_are_the_answer(complaint: str):
    for file, names in ANSWERS[complaint].items():
        assert [name for name in names if name not in named_in(TESTS / file)] == []


def test_no_answer_is_missing_from_the_list():
    listed = {(file, name) for answers in ANSWERS.values() for file, names in answers.items() for name in names}
    here = {
        (f"field/{path.name}", name)
        for path in (TESTS / "field").glob("test_*.py")
        if path != Path(__file__)
        for name in named_in(path)
    }
    assert here <= listed
