//! Every limit of the engine, in one place, with the relations between them asserted at compile
//! time. Reaching one is an event, never a stall, a panic or a silent drop.

/// Longest FIX message that is accepted, bytes. Kraken's L3 snapshots reach 88 KB (venue file 4.10).
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Most fields in one message that is accepted. The shortest field, `1=<SOH>`, has 3 bytes, but a
/// snapshot entry averages 13; a message with more is refused with a typed error.
pub const FIELDS_MAX: usize = 32 * 1024;
/// Receive buffer of one connection, bytes of plain text.
pub const RECEIVE_BYTES: usize = 2 * MESSAGE_BYTES_MAX;
/// Longest message that we send, bytes.
pub const SEND_MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of one session that wait for the wire.
pub const OUTBOX_BYTES: usize = 1024 * 1024;
/// Largest payload of one TLS 1.3 record, bytes (RFC 8446 section 5.1).
pub const TLS_PLAINTEXT_MAX: usize = 16 * 1024;
/// Largest TLS 1.3 record on the wire: header, payload and 256 bytes of expansion (RFC 8446 5.2).
pub const TLS_RECORD_MAX: usize = 5 + TLS_PLAINTEXT_MAX + 256;
/// Records sealed under one key before the connection must be renewed. RFC 8446 5.5 allows 2^24.5
/// full-size records for AES-GCM.
pub const TLS_RECORDS_PER_KEY_MAX: u64 = 1 << 23;
/// Garbage bytes skipped in a row before the connection is given up.
pub const RESYNC_BYTES_MAX: usize = 64 * 1024;
/// Highest MsgSeqNum that is accepted, and the farthest a peer may jump ahead at once.
pub const SEQ_NUM_MAX: u64 = 999_999_999_999;
/// Farthest that a SequenceReset may raise the next expected number in one step.
pub const SEQ_JUMP_MAX: u64 = 100_000_000;
/// Longest HeartBtInt that is accepted from a peer, seconds.
pub const HEARTBEAT_SECONDS_MAX: u32 = 3600;
/// Room of an outbox that only admin messages may use, so that a session can always answer and log
/// out.
pub const OUTBOX_ADMIN_BYTES: usize = 16 * 1024;
/// Longest value of the peer (TestReqID, MsgType) that an admin message repeats, bytes.
pub const ECHO_BYTES_MAX: usize = 1024;
/// ResendRequests of ours for one gap that stays as it is, before the session is logged out.
pub const RESEND_TRIES_MAX: u32 = 5;
/// ResendRequests of the peer from the same number in a row, before the session is logged out.
pub const RESEND_REPEATS_MAX: u32 = 16;
/// Session events waiting for the application.
pub const SESSION_EVENTS_MAX: usize = 64;
/// Instruments that a desk follows.
pub const INSTRUMENTS_MAX: usize = 64;
/// Levels kept per side of an L2 book: the venue's deepest subscription and room for the entries
/// that one incremental adds before it deletes others.
pub const BOOK_LEVELS_MAX: usize = 1000 + 64;
/// Orders that a desk tracks at the same time, live and recently ended.
pub const ORDERS_MAX: usize = 4096;
/// Commands of one order that wait for the venue's answer.
pub const PENDING_PER_ORDER_MAX: usize = 64;
/// Commands that one callback of a strategy may issue.
pub const COMMANDS_PER_CALLBACK_MAX: usize = 256;
/// Records in the ring from the session thread to the strategy thread.
pub const EVENT_RING: usize = 16 * 1024;
/// Records in the ring from the strategy thread to the session thread.
pub const COMMAND_RING: usize = 4 * 1024;
/// Records in the ring from the reader to the session core (layout `full`).
pub const FRAME_RING: usize = 1024;
/// Records in the ring to the housekeeping thread.
pub const TRACE_RING: usize = 64 * 1024;
/// Timers of one strategy.
pub const TIMERS_MAX: usize = 64;

const _: () = {
    assert!(
        RECEIVE_BYTES >= 2 * MESSAGE_BYTES_MAX,
        "a whole message must fit behind a partial one"
    );
    assert!(OUTBOX_BYTES >= SEND_MESSAGE_BYTES_MAX * COMMANDS_PER_CALLBACK_MAX / 4);
    assert!(OUTBOX_ADMIN_BYTES >= 2 * SEND_MESSAGE_BYTES_MAX);
    assert!(OUTBOX_BYTES > 2 * OUTBOX_ADMIN_BYTES);
    assert!(ECHO_BYTES_MAX * 2 <= SEND_MESSAGE_BYTES_MAX);
    assert!(COMMAND_RING >= COMMANDS_PER_CALLBACK_MAX);
    assert!(TLS_RECORDS_PER_KEY_MAX < 1 << 24);
    assert!(FIELDS_MAX * 3 <= MESSAGE_BYTES_MAX);
    assert!(FRAME_RING.is_power_of_two());
};
