//! What users of FIX engines ask for, one test per demand at least, named by what holds.
//!
//! The numbers are those of the list of demands that the project was started with:
//!
//! | demand | here | also |
//! |---|---|---|
//! | 1 stale orders are never sent again | `resend` | `an_order_is_never_replayed_unless_the_policy_names_it` |
//! | 2 a request counts once it is sent, and is forgotten on reject and disconnect | `resend` | `a_rejected_resend_request_counts_as_not_asked_and_is_not_repeated_for_ever` |
//! | 3 resends are bounded | `resend` | `ever_other_resend_requests_are_a_storm_too_but_not_if_they_take_their_time` |
//! | 4 replay and live traffic do not interleave | `resend` | `two_sessions_over_a_breaking_link_deliver_at_most_once_in_order_and_heal` |
//! | 5 the last gap fill is right | `resend` | `a_resend_request_is_answered_by_one_gap_fill_and_never_by_an_order_8` |
//! | 6 sequence state survives a restart | `restart` | `a_session_goes_on_from_its_journal_in_the_next_life`, `a_killed_process_goes_on_where_it_was`, `what_a_strategy_had_not_handled_when_it_was_killed_comes_in_its_next_life` |
//! | 7 a daily reset inside a session that never ends | `returning` | `a_venue_that_has_lost_its_numbers_and_starts_at_1_is_followed_into_a_new_epoch` |
//! | 8 schedules are right across midnight | `returning` | `a_day_of_any_time_of_day_has_one_rollover_midnight_too` |
//! | 9 no false heartbeat disconnect | `liveness` | `a_stall_of_our_own_does_not_end_a_healthy_session` |
//! | 10 credentials never reach a log | `secrets` | `no_secret_reaches_the_file`, `a_message_is_not_printed_by_its_debug_form` |
//! | 11 TLS with SNI and verification | `secrets` | `a_certificate_for_another_name_or_by_another_issuer_is_refused_unless_insecure` |
//! | 12 a Logon counts, not a TCP connect; back-off | `returning` | `hosts_are_tried_in_order_before_the_wait_grows_and_the_good_one_is_kept` |
//! | 13 a clean slate per connection | `sending` | `the_numbers_go_on_over_a_lost_connection_and_the_epoch_stays` |
//! | 16 hostile input neither loops, stalls nor exhausts memory | `hostile` | `endless_garbage_ends_the_connection_but_not_the_venue` |
//! | 17 back-pressure is visible and decidable | `sending` | `a_slow_subscriber_is_dropped_and_the_others_go_on` |
//! | 18 cancel on disconnect, logout told from drop | `sending` | `a_lost_connection_cancels_its_orders_and_nothing_else`, `orders_stay_if_the_client_said_so_or_logged_out` |
//! | 19 graceful logout with a result | `sending` | `our_logout_waits_for_the_answer_and_closes_without_another_message_12_13a` |
//! | 22 `send` tells the truth | `sending` | `only_a_logged_on_session_sends` |

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod hostile;
mod liveness;
mod resend;
mod restart;
mod returning;
mod rig;
mod secrets;
mod sending;
