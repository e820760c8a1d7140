//! Every row of the FIX session-layer test cases (FIX Trading Community, June 2020) and the tests that
//! hold us to it. A row stands for both roles unless it says otherwise: most tests of
//! `engine/src/session/tests` run once as initiator and once as acceptor.
//!
//! The tests below check that every named test exists, and, where `../shared` is beside the checkout,
//! that no row of the list there is missing here.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

#[path = "common/skipped.rs"]
mod skipped;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skipped::skipped;

/// A row's id, what is demanded in short, and the tests, or why there is none.
const ROWS: &[(&str, &str, &[&str])] = &[
    (
        "1B.a,b",
        "initiator: the Logon is the first message",
        &["an_initiator_sends_its_logon_first_1b_a"],
    ),
    (
        "1B.c",
        "initiator: valid answer, too high a number",
        &[
            "a_valid_logon_answer_brings_the_session_up_1b_c",
            "a_logon_answer_with_too_high_a_number_is_accepted_and_the_rest_requested_1b_c",
        ],
    ),
    (
        "1B.d",
        "initiator: invalid answer",
        &["an_invalid_logon_answer_is_answered_by_a_logout_with_the_reason_1b_d"],
    ),
    (
        "1B.e",
        "initiator: the answer is no Logon",
        &["an_answer_that_is_no_logon_ends_the_connection_1b_e"],
    ),
    (
        "1S.a",
        "acceptor: valid Logon, too high a number",
        &[
            "an_acceptor_answers_a_valid_logon_only_after_the_verdict_1s_a",
            "a_logon_with_too_high_a_number_is_answered_and_the_rest_requested_1s_a",
        ],
    ),
    (
        "1S.b",
        "acceptor: identity already connected, also by logons at the same time",
        &[
            "a_second_connection_of_a_live_comp_id_is_closed_and_the_first_stays",
            "of_two_logons_at_the_same_time_one_is_answered_and_the_other_closed_1s_b",
        ],
    ),
    ("1S.c", "acceptor: unknown CompID", &["an_unknown_comp_id_is_closed_without_a_word_1s_c"]),
    (
        "1S.d",
        "acceptor: invalid Logon",
        &[
            "an_invalid_logon_is_refused_with_the_reason_1s_d",
            "a_logon_with_a_wrong_begin_string_is_refused_by_name_1s_d",
            "a_logon_with_a_field_fault_is_refused",
        ],
    ),
    (
        "2S",
        "acceptor: first message no Logon",
        &[
            "a_first_message_that_is_no_logon_is_closed_without_a_word_2s",
            "garbage_before_the_logon_ends_the_connection_2s",
        ],
    ),
    ("2.a", "number as expected", &["a_message_with_the_expected_number_is_the_applications_2a"]),
    (
        "2.b",
        "number too high",
        &["a_gap_is_requested_once_with_an_open_range_and_closed_in_order_2b"],
    ),
    (
        "2.c",
        "number too low",
        &["too_low_a_number_is_fatal_2c", "a_logon_answer_with_too_low_a_number_is_refused_2c"],
    ),
    ("2.d", "garbled", &["garbled_input_is_ignored_and_too_much_of_it_ends_the_connection_2d"]),
    (
        "2.e",
        "PossDup, seen or not",
        &["a_possible_duplicate_is_ignored_if_seen_and_else_processed_2e"],
    ),
    (
        "2.f",
        "PossDup, 122 after 52",
        &["a_possible_duplicate_first_sent_after_it_was_sent_is_rejected_2f"],
    ),
    (
        "2.g",
        "PossDup without 122",
        &["a_possible_duplicate_without_its_first_sending_time_is_rejected_2g"],
    ),
    ("2.h", "BeginString right", &["a_message_with_the_expected_number_is_the_applications_2a"]),
    ("2.i", "BeginString wrong", &["a_wrong_begin_string_is_fatal_2i"]),
    ("2.j", "CompIDs right", &["a_message_with_the_expected_number_is_the_applications_2a"]),
    ("2.k", "CompIDs wrong", &["a_wrong_comp_id_is_rejected_by_its_tag_and_fatal_2k"]),
    (
        "2.l/m",
        "BodyLength right, wrong",
        &[
            "a_whole_message_is_framed_and_every_prefix_of_it_is_incomplete",
            "a_body_length_that_is_wrong_by_one_either_way_loses_that_message_only",
            "demand_16_a_body_length_that_lies_is_refused_at_once_and_the_next_message_is_heard",
        ],
    ),
    (
        "2.n/o",
        "SendingTime near, off, not UTC",
        &["a_sending_time_that_is_off_or_not_utc_is_rejected_and_fatal_2o"],
    ),
    (
        "2.p/q",
        "MsgType valid, invalid",
        &["each_kind_of_damage_has_its_reason_and_tag", "fix44_judges_the_session_cases"],
    ),
    ("2.r", "MsgType not supported", &["an_unsupported_type_is_answered_by_a_business_reject_2r"]),
    (
        "2.s/t",
        "8, 9, 35 first",
        &[
            "a_msg_type_that_is_not_third_is_garbage",
            "begin_string_and_body_length_must_come_first_and_second",
        ],
    ),
    (
        "3.a/b",
        "CheckSum right, wrong",
        &[
            "a_whole_message_is_framed_and_every_prefix_of_it_is_incomplete",
            "a_message_whose_check_sum_is_wrong_is_a_frame_and_the_next_one_follows",
            "a_message_with_a_wrong_checksum_is_rejected_disregarded_and_asked_for_again",
        ],
    ),
    ("3.c", "garbled", &["garbled_input_is_ignored_and_too_much_of_it_ends_the_connection_2d"]),
    (
        "3.d/e",
        "CheckSum last, of three digits",
        &["a_check_sum_that_is_not_three_digits_and_a_delimiter_is_garbage"],
    ),
    (
        "4.a",
        "Heartbeat after HeartBtInt",
        &[
            "a_heartbeat_is_sent_after_heart_bt_int_without_sending_4a",
            "heartbeats_can_be_sent_twice_as_often",
        ],
    ),
    ("4.b", "TestRequest", &["a_test_request_is_answered_by_a_heartbeat_with_its_id_4b"]),
    ("5", "Heartbeat", &["a_message_with_the_expected_number_is_the_applications_2a"]),
    (
        "6",
        "silence",
        &[
            "a_silent_peer_is_asked_and_then_left_6",
            "any_message_behind_the_test_request_proves_that_the_peer_lives_6",
        ],
    ),
    ("7", "Reject", &["a_reject_is_counted_and_given_to_the_application_7"]),
    (
        "8",
        "ResendRequest",
        &[
            "a_resend_request_is_answered_by_one_gap_fill_and_never_by_an_order_8",
            "what_the_policy_replays_comes_back_between_gap_fills_with_its_first_sending_time_8",
            "a_resend_request_for_what_was_never_sent_or_makes_no_sense_is_rejected",
            "a_request_while_another_is_answered_is_answered_with_what_is_left",
            "demand_03_the_same_request_again_and_again_is_a_storm_and_ends_the_session",
        ],
    ),
    (
        "9",
        "state lost",
        &[
            "a_side_that_has_lost_its_state_raises_its_number_by_a_reset_and_the_other_follows_9",
            "a_logon_that_starts_at_one_resets_both_sides_and_begins_an_epoch",
        ],
    ),
    ("10.a", "gap fill too high", &["a_gap_fill_above_the_expected_number_reveals_a_gap_10a"]),
    ("10.b", "gap fill as expected", &["a_gap_fill_at_the_expected_number_moves_it_10b"]),
    (
        "10.c",
        "gap fill too low, PossDup",
        &["a_gap_fill_below_the_expected_number_is_ignored_or_fatal_10c_10d"],
    ),
    (
        "10.d",
        "gap fill too low",
        &["a_gap_fill_below_the_expected_number_is_ignored_or_fatal_10c_10d"],
    ),
    (
        "10.e",
        "gap fill that lowers",
        &["a_gap_fill_that_does_not_move_forward_or_jumps_too_far_is_rejected_10e"],
    ),
    (
        "11.a",
        "reset that raises",
        &[
            "a_reset_is_taken_whatever_its_own_number_11a_11b",
            "a_reset_makes_void_what_came_too_early_before_it",
        ],
    ),
    ("11.b", "reset to the same", &["a_reset_is_taken_whatever_its_own_number_11a_11b"]),
    (
        "11.c",
        "reset that lowers",
        &["a_reset_that_lowers_the_number_or_jumps_too_far_is_rejected_and_uses_no_number_11c"],
    ),
    (
        "12",
        "we log out",
        &[
            "our_logout_waits_for_the_answer_and_closes_without_another_message_12_13a",
            "a_logout_that_is_not_answered_times_out_12",
            "a_resend_request_behind_our_logout_is_served_12",
        ],
    ),
    (
        "13.a",
        "Logout answered",
        &["our_logout_waits_for_the_answer_and_closes_without_another_message_12_13a"],
    ),
    ("13.b", "the peer logs out", &["the_peers_logout_is_answered_and_the_peer_may_close_13b"]),
    (
        "14.a",
        "unknown tag",
        &[
            "each_kind_of_damage_has_its_reason_and_tag",
            "a_field_fault_is_rejected_whatever_the_type_and_uses_the_number_14",
        ],
    ),
    (
        "14.b",
        "required tag missing",
        &[
            "each_kind_of_damage_has_its_reason_and_tag",
            "a_header_field_that_is_missing_empty_twice_or_misplaced_is_rejected_14",
        ],
    ),
    (
        "14.c",
        "tag not of this type",
        &[
            "each_kind_of_damage_has_its_reason_and_tag",
            "a_field_fault_is_rejected_whatever_the_type_and_uses_the_number_14",
        ],
    ),
    (
        "14.d",
        "tag without value",
        &[
            "each_kind_of_damage_has_its_reason_and_tag",
            "a_header_field_that_is_missing_empty_twice_or_misplaced_is_rejected_14",
        ],
    ),
    (
        "14.e",
        "value out of range",
        &["each_kind_of_damage_has_its_reason_and_tag", "fix44_judges_the_session_cases"],
    ),
    (
        "14.f",
        "wrong format",
        &["each_kind_of_damage_has_its_reason_and_tag", "fix44_judges_the_session_cases"],
    ),
    (
        "14.g",
        "order of header, body, trailer",
        &["a_header_behind_the_body_is_out_of_order_from_its_first_field_on_14g"],
    ),
    (
        "14.h",
        "tag twice",
        &[
            "each_kind_of_damage_has_its_reason_and_tag",
            "a_field_of_the_session_that_is_there_twice_is_never_read_as_one_of_them_14h",
        ],
    ),
    ("14.i", "group count", &["a_count_that_lies_is_an_error", "fix44_judges_the_session_cases"]),
    (
        "14.j",
        "group order",
        &["an_entry_that_starts_with_another_tag_is_an_error", "fix44_judges_the_session_cases"],
    ),
    (
        "14.k",
        "SOH in a field",
        &[
            "a_control_byte_or_an_empty_value_is_refused_and_the_first_error_is_kept",
            "the_acceptor_passes_the_definitions",
        ],
    ),
    ("14.l", "application not available", &["an_application_that_is_not_available_says_so_14l"]),
    (
        "14.m",
        "conditionally required field missing",
        &[
            "a_limit_order_needs_a_price_a_stop_order_a_stop_price_and_gtd_a_date",
            "an_order_without_what_its_type_requires_is_answered_by_a_business_reject_14m",
        ],
    ),
    (
        "14.n, 17.a-j",
        "no encryption: EncryptMethod 0 only",
        &[
            "an_invalid_logon_is_refused_with_the_reason_1s_d",
            "an_invalid_logon_answer_is_answered_by_a_logout_with_the_reason_1b_d",
        ],
    ),
    ("15", "fields in another order", &["header_fields_may_stand_in_any_order_15"]),
    (
        "16.a",
        "message while disconnected",
        &[
            "what_is_to_be_sent_while_disconnected_waits_and_is_bounded_16a",
            "demand_22_send_says_what_became_of_the_message_and_only_a_logon_goes_before_the_logon",
        ],
    ),
    (
        "16.b",
        "reconnect with a queue",
        &["what_waited_leaves_behind_the_synchronisation_with_new_numbers_16b"],
    ),
    (
        "18.a/b",
        "third parties as agreed, or not",
        &["a_third_party_that_was_not_agreed_on_is_rejected_by_its_tag_18b"],
    ),
    (
        "19.a/b",
        "PossResend",
        &[
            "a_possible_resend_is_an_ordinary_message_to_the_session_19",
            "a_possible_resend_of_an_order_is_echoed_once_19",
        ],
    ),
    (
        "20",
        "ResendRequest while waiting for our own",
        &[
            "a_resend_request_above_the_expected_number_is_served_before_the_own_gap_closes_20",
            "a_resend_request_that_itself_reveals_a_gap_is_served_and_the_gap_requested_20",
            "a_gap_that_is_still_there_after_the_resend_is_requested_again_20",
        ],
    ),
    // Not in the list, but in other people's definitions, or demanded of us beside it.
    (
        "reset in session",
        "141=Y while logged on",
        &[
            "a_logon_with_reset_within_the_session_resets_both_sides",
            "a_fake_reset_within_the_session_is_fatal_and_resets_nothing",
        ],
    ),
    (
        "789",
        "NextExpectedMsgSeqNum",
        &[
            "an_acceptor_resends_by_itself_from_the_number_that_the_logon_names",
            "a_789_above_what_was_sent_is_refused_by_either_side",
        ],
    ),
    (
        "HeartBtInt 0",
        "no heartbeats",
        &[
            "a_heart_bt_int_of_zero_means_no_heartbeats",
            "demand_09_a_heart_bt_int_of_zero_is_quiet_and_a_hostile_one_is_refused",
        ],
    ),
    (
        "every byte",
        "the connection breaks anywhere",
        &[
            "after_a_cut_at_any_byte_both_sides_agree_and_nothing_comes_twice",
            "after_a_cut_at_any_byte_everything_has_come_once_and_in_order_if_it_may_be_replayed",
            "after_a_cut_at_any_byte_a_reset_begins_anew",
            "a_stream_split_at_every_pair_of_bytes_gives_the_same_messages",
        ],
    ),
];

/// The attack surface of FIX, and the tests that show each countermeasure.
const ATTACKS: &[(&str, &[&str])] = &[
    (
        "BodyLength huge, negative, overflowing",
        &[
            "a_huge_body_length_is_refused_before_its_bytes_are_awaited",
            "a_body_length_of_ten_digits_or_none_or_no_digits_is_malformed",
            "leading_zeros_in_the_body_length_are_legal_up_to_nine_digits",
        ],
    ),
    (
        "message larger than the receive buffer",
        &["the_longest_message_that_fits_is_taken_and_one_byte_more_is_refused"],
    ),
    ("garbled stream", &["demand_16_garbage_without_end_ends_the_connection_with_a_reason"]),
    (
        "SOH or control bytes in what we send",
        &[
            "a_control_byte_or_an_empty_value_is_refused_and_the_first_error_is_kept",
            "a_logout_text_with_control_bytes_is_left_out",
        ],
    ),
    (
        "SOH inside data fields",
        &[
            "data_is_written_behind_its_length_and_a_bad_value_ends_in_an_error",
            "a_data_field_that_the_scanner_does_not_know_may_hold_any_byte",
        ],
    ),
    (
        "control bytes from the peer in logs",
        &[
            "bytes_that_are_not_printable_are_escaped",
            "demand_16_control_bytes_of_the_peer_do_not_reach_an_event",
        ],
    ),
    (
        "sequence attacks",
        &[
            "demand_16_numbers_of_a_hostile_peer_move_nothing_far",
            "gap_fills_without_end_use_up_the_numbers_and_end_in_a_logout",
            "a_number_that_is_missing_or_none_is_fatal",
        ],
    ),
    ("HeartBtInt 0 or huge", &["a_hostile_heart_bt_int_is_refused"]),
    (
        "resend storm",
        &[
            "a_resend_storm_is_logged_out",
            "ever_other_resend_requests_are_a_storm_too_but_not_if_they_take_their_time",
        ],
    ),
    (
        "duplicate fills by PossDup or PossResend",
        &["a_gap_is_asked_for_and_the_resent_report_counts_once"],
    ),
    (
        "duplicate tags, lying group counts",
        &[
            "a_tag_that_stands_twice_outside_groups_is_found",
            "a_count_that_lies_is_an_error",
            "a_field_of_the_session_that_is_there_twice_is_never_read_as_one_of_them_14h",
        ],
    ),
    ("captured Logon replayed", &["a_captured_logon_cannot_be_replayed"]),
    (
        "AEAD limits",
        &[
            "a_used_up_key_is_changed_before_the_next_record",
            "a_peer_that_uses_a_key_for_too_long_is_asked_and_then_refused",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of all test functions of the workspace.
fn tests() -> BTreeSet<String> {
    fn visit(dir: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let mut of_a_test = false;
                for line in text.lines().map(str::trim) {
                    if line == "#[test]" {
                        of_a_test = true;
                    } else if let Some(rest) = line.strip_prefix("fn ")
                        && std::mem::take(&mut of_a_test)
                    {
                        names.insert(rest.split('(').next().unwrap().to_string());
                    }
                }
            }
        }
    }
    let mut names = BTreeSet::new();
    for dir in
        ["codec/src", "codec/tests", "engine/src", "engine/tests", "tools/venue", "tools/cli"]
    {
        visit(&root().join(dir), &mut names);
    }
    names
}

#[test]
fn every_row_and_every_attack_has_tests_and_they_exist() {
    let tests = tests();
    assert!(tests.len() > 300, "{} tests found", tests.len());
    let named = ROWS.iter().map(|(id, _, tests)| (*id, *tests));
    for (id, named) in named.chain(ATTACKS.iter().copied()) {
        assert!(!named.is_empty(), "{id}");
        for name in named {
            assert!(tests.contains(*name), "{id}: there is no test {name}");
        }
    }
}

#[test]
fn no_row_of_the_list_is_missing() {
    let list = root().join("../shared/conformance/session-cases.md");
    let Ok(text) = std::fs::read_to_string(&list) else {
        skipped(format_args!("{} is not there", list.display()));
        return;
    };
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|line| line.split('|').next().unwrap().trim())
        .filter(|id| *id != "id")
        .collect();
    assert!(ids.len() > 50, "{ids:?}");
    for id in ids {
        assert!(ROWS.iter().any(|(row, ..)| *row == id), "row {id} is missing");
    }
}

#[test]
fn every_demand_names_tests_that_exist() {
    let tests = tests();
    let demands = include_str!("demands/main.rs");
    let mut named = 0;
    for line in demands.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let Some(also) = line.split('|').nth(2) else { continue };
        for name in also.split('`').skip(1).step_by(2) {
            assert!(tests.contains(name), "there is no test {name}: {line}");
            named += 1;
        }
    }
    assert!(named > 15, "{named}");
    for demand in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 22] {
        let start = format!("demand_{demand:02}_");
        assert!(tests.iter().any(|name| name.starts_with(&start)), "{start}");
    }
}
