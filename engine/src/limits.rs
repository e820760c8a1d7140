//! Every limit of the engine, in one place, with the relations between them asserted at compile
//! time. Reaching one is an event, never a stall, a panic or a silent drop.

use std::time::Duration;

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
/// Records opened under one key before the connection is given up: the peer was asked for a new key
/// at [`TLS_RECORDS_PER_KEY_MAX`] and did not answer.
pub const TLS_RECORDS_OPENED_PER_KEY_MAX: u64 = 2 * TLS_RECORDS_PER_KEY_MAX;
/// Records without application data (tickets, key updates, empty records) that a peer may send in a
/// row before the connection is given up.
pub const TLS_IDLE_RECORDS_MAX: u32 = 32;
/// KeyUpdates that a peer may send in the life of one connection. At one per 2^23 records that is
/// 2^31 records; more is a storm.
pub const TLS_KEY_UPDATES_MAX: u32 = 256;
/// Cipher text buffer of one receiving half, and of a handshake, bytes.
pub const WIRE_RECEIVE_BYTES: usize = 128 * 1024;
/// Bytes that one sending half holds for a socket that is full.
pub const WIRE_SEND_BYTES: usize = 256 * 1024;
/// Buffers of the io_uring reader (a power of two) and the size of each, bytes.
pub const URING_BUFFERS: u16 = 256;
/// See [`URING_BUFFERS`].
pub const URING_BUFFER_BYTES: usize = 4096;
/// Frames that one AF_XDP socket can receive before they are read (a power of two). A window of
/// [`XDP_RECEIVE_BYTES`] full of small messages does not fill them.
pub const XDP_RECEIVE_FRAMES: u32 = 2048;
/// Frames that one AF_XDP socket can send before they have left (a power of two).
pub const XDP_SEND_FRAMES: u32 = 1024;
/// Size of such a frame, bytes: what the kernel reserves, an Ethernet header and the longest packet.
pub const XDP_FRAME_BYTES: usize = 2048;
/// Longest IP packet that an AF_XDP stack sends or asks for, bytes.
pub const XDP_MTU_MAX: usize = 1500;
/// TCP connections of one AF_XDP stack, those that wait to be taken and those that end included.
pub const XDP_CONNECTIONS: usize = 32;
/// Connections to one port of an AF_XDP stack that wait to be taken.
pub const XDP_BACKLOG: usize = 4;
/// Receive buffer, and so the window, of one TCP connection of an AF_XDP stack, bytes.
pub const XDP_RECEIVE_BYTES: usize = 256 * 1024;
/// Bytes of one such connection that were sent and not acknowledged, or wait to be sent.
pub const XDP_SEND_BYTES: usize = 128 * 1024;
/// Garbage bytes skipped in a row before the connection is given up.
pub const RESYNC_BYTES_MAX: usize = 64 * 1024;
/// Highest MsgSeqNum that is accepted, and the farthest a peer may jump ahead at once.
pub const SEQ_NUM_MAX: u64 = 999_999_999_999;
/// Farthest that a SequenceReset may raise the next expected number in one step, and that a refusal of
/// our number may raise our own.
pub const SEQ_JUMP_MAX: u64 = 100_000_000;
/// Longest HeartBtInt that is accepted from a peer, seconds.
pub const HEARTBEAT_SECONDS_MAX: u32 = 3600;
/// Longest wait for the answer to a Logout that tells the peer what it broke (FIX session case 2.c).
pub const ERROR_LOGOUT_WAIT: Duration = Duration::from_secs(2);
/// Room of an outbox that only admin messages may use, so that a session can always answer and log
/// out.
pub const OUTBOX_ADMIN_BYTES: usize = 16 * 1024;
/// Longest value of the peer (TestReqID, MsgType) that an admin message repeats, bytes.
pub const ECHO_BYTES_MAX: usize = 1024;
/// How many of its last numbers a session without a store knows which were messages of the application; a
/// multiple of 64. An eighth of it in bytes for each session.
pub const SENT_NUMBERS: u64 = 65_536;
const _: () = assert!(SENT_NUMBERS.is_multiple_of(64) && SENT_NUMBERS > 0);
/// ResendRequests of ours for one gap that stays as it is, before the session is logged out.
pub const RESEND_TRIES_MAX: u32 = 5;
/// ResendRequests of the peer from the same number in a row, before the session is logged out.
pub const RESEND_REPEATS_MAX: u32 = 16;
/// ResendRequests of the peer that do not begin further on than the one before, within
/// [`RESEND_REQUESTS_PERIOD_NS`], before the session is logged out.
pub const RESEND_REQUESTS_MAX: u32 = 256;
/// See [`RESEND_REQUESTS_MAX`], nanoseconds.
pub const RESEND_REQUESTS_PERIOD_NS: u64 = 10_000_000_000;
/// TestRequests of one logon until both sides have what they missed; more, and the peer asks again
/// and again for what it got.
pub const SYNC_ASKS_MAX: u32 = 8;
/// Messages of a resend that are written in one [`RESEND_PERIOD_NS`]; the rest follows with later ticks.
pub const RESEND_BATCH_MAX: u32 = 256;
/// What a message that is sent again costs in units of one that is only looked at and withheld.
pub const RESEND_REPLAY_WORK: u32 = 8;
/// Units of work on resends in one [`RESEND_PERIOD_NS`].
pub const RESEND_WORK_MAX: u32 = RESEND_BATCH_MAX * RESEND_REPLAY_WORK;
/// The period that bounds the rate of resends, nanoseconds.
pub const RESEND_PERIOD_NS: u64 = 1_000_000;
/// Most numbers that one answer to a ResendRequest reaches back with messages.
pub const RESEND_MAX: u64 = 64 * 1024;
/// Message types that a resend policy can name.
pub const RESEND_TYPES_MAX: usize = 8;
/// Messages that came too early and are kept until it is their turn.
pub const HELD_MESSAGES_MAX: usize = 1024;
/// Longest reason text that an event carries, bytes. The longest form of Kraken's, `ClOrdID <uuid> :
/// EGeneral:Other:<CODE>`, with the longest code of its lists, has 94 (venue file 5.1, 5.3).
pub const EVENT_TEXT_MAX: usize = 111;
/// Session events waiting for the application.
pub const SESSION_EVENTS_MAX: usize = 64;
/// Hosts of one session.
pub const HOSTS_MAX: usize = 8;
/// Pinned keys of an engine: one of each host and of its successor.
pub const TLS_PINS_MAX: usize = 64;
/// Dials, and connections that are handed over, between two threads; each session has one at a time.
pub const DIAL_RING: usize = 8;
/// Sessions of an engine: market data and trading, on one market or on two.
pub const SESSIONS_MAX: usize = 4;
const _: () = assert!(DIAL_RING >= 2 * SESSIONS_MAX);
/// Events of one conductor that wait for the application.
pub const LINK_EVENTS_MAX: usize = 16;
/// Instruments that a desk follows.
pub const INSTRUMENTS_MAX: usize = 64;
/// Levels kept per side of an L2 book: the venue's deepest subscription and room for the entries
/// that one incremental adds before it deletes others.
pub const BOOK_LEVELS_MAX: usize = 1000 + 64;
/// Orders that a desk tracks at the same time, live and recently ended.
pub const ORDERS_MAX: usize = 4096;
/// Commands of one order that wait for the venue's answer. The last is left for a cancel.
pub const PENDING_PER_ORDER_MAX: usize = 64;
/// ClOrdIDs that the order table remembers per order, on average: the current one, superseded ones
/// and requests that wait. The pool is shared, so one order may use many more; one of each order's is left
/// for a cancel.
pub const CL_ORD_IDS_PER_ORDER: usize = 8;
/// Superseded ClOrdIDs that an order keeps, so that a late report for one of them is recognised.
pub const CL_ORD_IDS_SUPERSEDED_MAX: usize = 4;
/// ExecIDs of recent fills that a desk remembers to recognise a repeated one. An older repeat is
/// still caught when it would raise the order's fills above the venue's CumQty.
pub const EXEC_IDS_MAX: usize = 16 * 1024;
/// ExecIDs of recent reports without a fill that a desk remembers for the same purpose. An older repeat can
/// end no order twice and takes no fill back, but its terms are taken.
pub const REPORT_IDS_MAX: usize = 4096;
/// Times that all uncertain orders are asked about after one drop before the strategy goes on without an answer.
pub const RECONCILE_ROUNDS_MAX: u32 = 5;
/// The pause before orders are asked about once more that were asked about so often, nanoseconds.
pub const RECONCILE_AGAIN_NS: u64 = 30_000_000_000;
/// Markers that a desk recognises the late answer of: each drop, and each round after it, sends one.
pub const MARKERS_MAX: usize = 32;
/// Rounds of the cancel ladder after the kill switch was pulled, before it is left to the operator.
pub const KILL_ROUNDS_MAX: u32 = 5;
/// How long a round of the ladder after a kill may take before the next begins, nanoseconds.
pub const KILL_ROUND_NS: u64 = 2_000_000_000;
/// The pause after calls by REST were given up while the session is down, nanoseconds.
pub const REST_AGAIN_NS: u64 = 30_000_000_000;
/// Calls by REST, and parts of their answers, between two threads. A longer list of open orders waits.
pub const REST_RING: usize = 256;
/// Parts of answers that are passed on to the strategy at once.
pub const REST_PARTS_MAX: usize = 32;
/// Parts of what an earlier run left behind that are told to the strategy at once.
pub const RECALL_PARTS_MAX: usize = 32;
/// How long the trading session waits for the instruments while there is something of an earlier run that
/// cannot be told without them, nanoseconds.
pub const RECALL_WAIT_NS: u64 = 10_000_000_000;
/// Longest answer to a call by REST, bytes: a thousand open orders.
pub const REST_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Headers of an answer to a call by REST.
pub const REST_HEADERS_MAX: usize = 64;
/// Resubscriptions of one book in a row without a verified checksum before it is given up.
pub const BOOK_RESYNCS_MAX: u32 = 8;
/// Commands that one callback of a strategy may issue.
pub const COMMANDS_PER_CALLBACK_MAX: usize = 256;
/// Messages of one connection that are taken before the others are looked at, of those that were received
/// together. To look costs a system call, several times as much as a message.
pub const TURN_MESSAGES_MAX: usize = 32;
/// Commands that wait for the next ones of the same turn, to leave in one send with them.
pub const TURN_COMMANDS_MAX: usize = 256;
/// Rendered orders, amends and cancels that a session keeps: one for each instrument, side and type that
/// it sends. A further one takes the place of another.
pub const TEMPLATES: usize = 256;
/// Records in the ring from the session thread to the strategy thread.
pub const EVENT_RING: usize = 16 * 1024;
/// Records in the ring from the strategy thread to the session thread.
pub const COMMAND_RING: usize = 2 * 1024;
/// Small slots between the reader and the session core (layout `full`).
pub const FRAME_RING: usize = 1024;
/// Bytes of a small slot; a little off a power of two, so that slots do not share cache sets.
pub const SMALL_SLOT_BYTES: usize = 2 * 1024 + 64;
/// Fields of a small slot.
pub const SMALL_SLOT_FIELDS: usize = 256;
/// Slots between the reader and the session core that hold the longest message.
pub const LARGE_SLOTS: usize = 4;
/// Records in the ring to the housekeeping thread.
pub const TRACE_RING: usize = 64 * 1024;
/// Requests of which it is known off the path when they were sent: a first answer to an older one is not timed.
pub const UNANSWERED_MAX: usize = 64 * 1024;
/// Largest segment of a journal, bytes.
pub const JOURNAL_SEGMENT_BYTES_MAX: usize = 1 << 30;
/// Most segments of a journal that stay mapped.
pub const JOURNAL_SEGMENTS_MAPPED_MAX: usize = 16;
/// Messages that a journal finds by their number, the last ones that were sent.
pub const JOURNAL_INDEX: usize = 64 * 1024;
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
    assert!(CL_ORD_IDS_PER_ORDER > CL_ORD_IDS_SUPERSEDED_MAX + 2);
    assert!(ORDERS_MAX * CL_ORD_IDS_PER_ORDER < u32::MAX as usize);
    assert!(TLS_RECORDS_PER_KEY_MAX < 1 << 24);
    assert!(TLS_RECORDS_OPENED_PER_KEY_MAX > TLS_RECORDS_PER_KEY_MAX);
    assert!(
        WIRE_RECEIVE_BYTES >= 2 * TLS_RECORD_MAX,
        "a whole record must fit behind a partial one"
    );
    assert!(WIRE_SEND_BYTES >= 2 * TLS_RECORD_MAX);
    assert!(URING_BUFFERS.is_power_of_two() && URING_BUFFERS <= 1 << 15);
    assert!(XDP_RECEIVE_FRAMES.is_power_of_two() && XDP_SEND_FRAMES.is_power_of_two());
    // 256: XDP_PACKET_HEADROOM; 14: an Ethernet header.
    assert!(XDP_FRAME_BYTES.is_power_of_two() && XDP_FRAME_BYTES >= 256 + 14 + XDP_MTU_MAX);
    assert!(XDP_RECEIVE_FRAMES as usize * 128 >= XDP_RECEIVE_BYTES);
    assert!(XDP_CONNECTIONS > 2 * XDP_BACKLOG);
    assert!(FIELDS_MAX * 3 <= MESSAGE_BYTES_MAX);
    assert!(FRAME_RING.is_power_of_two());
    assert!(JOURNAL_INDEX.is_power_of_two());
    assert!(TEMPLATES.is_power_of_two());
    assert!(JOURNAL_SEGMENT_BYTES_MAX < u32::MAX as usize, "offsets have 32 bits");
    assert!(JOURNAL_SEGMENT_BYTES_MAX >= 2 * MESSAGE_BYTES_MAX);
    assert!(SMALL_SLOT_BYTES < MESSAGE_BYTES_MAX && SMALL_SLOT_FIELDS < FIELDS_MAX);
};
