//! Every limit of the venue, in one place. Reaching one is an answer on the wire or a counted event,
//! never a stall, a panic or a silent drop.

/// Clients that a configuration may name.
pub const CLIENTS_MAX: usize = 4096;
/// Sub-accounts of one client.
pub const SUB_ACCOUNTS_MAX: usize = 1024;
/// Instruments that a configuration may name.
pub const INSTRUMENTS_MAX: usize = 256;
/// Gateway instances.
pub const GATEWAY_INSTANCES_MAX: usize = 64;
/// Connections at one time, those in a TLS handshake included; more are closed at once. Every client may
/// be connected to both services.
pub const CONNECTIONS_MAX: usize = 2 * CLIENTS_MAX;
/// Arrivals kept until they are taken; later ones are counted as lost.
pub const ARRIVALS_MAX: usize = 1 << 20;
/// Orders whose trades are withheld from their clients, on purpose; trades of more are told at once.
pub const LATE_ORDERS_MAX: usize = 4096;
/// Ended orders that an OrderStatusRequest still finds.
pub const ENDED_ORDERS_MAX: usize = 16 * 1024;
/// UUID-form ClOrdIDs that one client may use within the time window of venue file 6.9.
pub const UUIDS_IN_WINDOW_MAX: usize = 64 * 1024;
/// Market data subscriptions (MDReqIDs) of one session, and its subscriptions to the instrument list.
pub const SUBSCRIPTIONS_PER_SESSION_MAX: usize = 256;
/// Symbols in one MarketDataRequest.
pub const SYMBOLS_PER_REQUEST_MAX: usize = INSTRUMENTS_MAX;
/// Deepest L2 subscription; `264=0` is capped to it (venue file 4.9).
pub const DEPTH_MAX: usize = 1000;
/// Kinds of refused logons that are told of one by one within a second; the others are counted together.
pub const REFUSALS_MAX: usize = 64;
/// Sessions that were dropped and are told of one by one until somebody asks; all are counted.
pub const DROPS_MAX: usize = 1024;
/// Bytes of a SenderCompID(49) that such a line shows.
pub const REFUSAL_SENDER_BYTES: usize = 64;
/// Requests on their way in the `websocket_like` routing; with more, the first arrives early.
pub const TRANSIT_MAX: usize = 4096;
/// Batches of delayed bytes of one connection; with more, the last ones leave together.
pub const DELAY_LINE_MAX: usize = 4096;
/// Steps of a control script.
pub const CONTROL_STEPS_MAX: usize = 4096;
/// ResendRequests of one storm on purpose: so many fit an empty outbox.
pub const RESEND_STORM_MAX: u32 = 5_000;
/// Longest ResendRequest of the venue, bytes.
pub const RESEND_REQUEST_BYTES_MAX: usize = 200;
/// Numbers that the venue skips at once on purpose.
pub const SEQUENCE_JUMP_MAX: u32 = 1_000_000;
/// Text(58) of a Logout on purpose, bytes.
pub const LOGOUT_TEXT_BYTES_MAX: usize = 256;
/// Reports that are held back one by one on purpose; no more are held then.
pub const LATE_REPORTS_MAX: usize = 1024;

const _: () =
    assert!(RESEND_STORM_MAX as usize * RESEND_REQUEST_BYTES_MAX <= taut::limits::OUTBOX_BYTES);
/// Logons of one client on one market while the venue runs; a later one is refused.
pub const LOGONS_MAX: u32 = (1 << 20) - 1;
/// Entries in one market data incremental; a longer one is split.
pub const MD_ENTRIES_PER_MESSAGE_MAX: usize = 1000;
/// Longest entry of market data, bytes: the fields of L3 at their longest.
const MD_ENTRY_BYTES_MAX: usize = 240;
/// Instruments in one InstrumentList; a longer list is fragmented (393, 893).
pub const INSTRUMENTS_PER_MESSAGE_MAX: usize = 100;
/// Longest TradSesReqID(335) that is answered otherwise than by 567=100: as long as a UUID.
pub const TRADING_REQUEST_ID_BYTES_MAX: usize = 36;

const _: () = assert!(
    MD_ENTRIES_PER_MESSAGE_MAX * MD_ENTRY_BYTES_MAX <= taut::limits::MESSAGE_BYTES_MAX - 1024
);
/// Reports of one client that are kept to be sent again, unless configured otherwise; older ones are gap
/// filled and counted.
pub const REPLAY_MESSAGES: usize = 16 * 1024;
/// Their bytes.
pub const REPLAY_BYTES: usize = 8 << 20;
/// Most messages and bytes of one client that can be configured.
pub const REPLAY_MESSAGES_MAX: usize = 64 * 1024;
/// See [`REPLAY_MESSAGES_MAX`].
pub const REPLAY_BYTES_MAX: usize = 256 << 20;
/// An iceberg shows at least this part of its quantity: one over it (venue file 6.5).
pub const ICEBERG_PARTS_MAX: i64 = 15;
/// How far ahead ExpireTime(126) may be, "up to one month", and EffectiveTime(168): 31 days.
pub const ORDER_AHEAD_MAX_NS: u64 = 31 * 24 * 3600 * 1_000_000_000;
/// Units of the quantity of a position, on derivatives or on margin: what is counted in 64 bits stays there,
/// whatever an account may do. An order that would go further trades up to here; the rest is cancelled.
pub const POSITION_UNITS_MAX: i64 = 9_000_000_000_000_000_000;
/// Positions on margin that an account may have.
pub const POSITIONS_PER_ACCOUNT_MAX: usize = 64;
/// Connections to REST at one time; one more is answered by 503.
pub const REST_CONNECTIONS_MAX: usize = 256;
/// Bytes of a call in front of its body; more are answered by 431.
pub const REST_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a call.
pub const REST_HEADERS_MAX: usize = 64;
/// Nonces of a key that are remembered, of a market that takes them out of order.
pub const NONCES_KEPT: usize = 16;
/// Body of a call; a longer one is answered by 413.
pub const REST_BODY_BYTES_MAX: usize = 16 * 1024;
/// Answers that wait for a peer; one that does not read them is dropped. The longest lists some ten thousand
/// orders.
pub const REST_OUTBOX_BYTES: usize = 8 << 20;
/// What the journal of a state grows by until the next snapshot unless configured otherwise, MiB.
pub const STATE_JOURNAL_MIB: u32 = 48;
/// The most that can be configured.
pub const STATE_JOURNAL_MIB_MAX: u32 = 1024;
/// A segment of that journal.
pub const STATE_SEGMENT_BYTES: usize = 16 << 20;
/// A record of it; a longer turn takes several.
pub const STATE_RECORD_BYTES: usize = 1 << 20;
