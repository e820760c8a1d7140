//! What reaches a strategy's desk: typed, fixed-size records, the same whether they arrive by a
//! function call (layout `inline`), through a ring (`split`, `full`), from a recording or from a
//! simulation. The message's bytes stay behind on the thread that received them.

mod journal;
mod rest;
mod words;

pub use journal::{FirstKept, FromJournal};
pub use rest::{Listed, RestAnswer, RestProblem, RestSaid};

use taut_codec::frame::TooLong;
use taut_codec::garbled::Garbled;
use taut_codec::value::{Decimal, FixStr, UtcTime};

use crate::command::SessionId;
use crate::conductor::LinkEvent;
use crate::journal::AppendError;
use crate::limits::EVENT_TEXT_MAX;
use crate::session::SessionEvent;
use crate::trace::Stamps;
use crate::types::{
    ClOrdId, ExecId, Instrument, InstrumentId, OrdType, OrderId, Px, Qty, Side, TimeInForce,
};

/// The head of a text of the peer, as much as an event holds; `instead` stands for each control byte.
pub(crate) fn cut_text(bytes: &[u8], instead: u8) -> EventText {
    let len = bytes.len().min(EVENT_TEXT_MAX);
    // Nearly every text has no control byte.
    EventText::new(&bytes[..len]).unwrap_or_else(|_| replace_controls(&bytes[..len], instead))
}

#[cold]
fn replace_controls(bytes: &[u8], instead: u8) -> EventText {
    let mut clean = [0; EVENT_TEXT_MAX];
    for (out, &byte) in clean.iter_mut().zip(bytes) {
        *out = if byte < 0x20 || byte == 0x7f { instead } else { byte };
    }
    EventText::new(&clean[..bytes.len()]).unwrap_or_default()
}

/// One record to the desk.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The session that it belongs to.
    pub session: SessionId,
    /// When it passed each stage.
    pub stamps: Stamps,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EventKind {
    /// Logged on.
    SessionUp {
        /// The sequence space; changes at a reset, not at a reconnect.
        epoch: u32,
        /// The TCP life, counted per session.
        connection: u32,
        /// The next MsgSeqNum expected of the venue.
        next_in: u64,
        /// The next that we use.
        next_out: u64,
    },
    /// The connection is gone; nothing is sent until the next [`EventKind::SessionUp`].
    SessionDown {
        /// Why.
        reason: DownReason,
        /// The next MsgSeqNum expected of the venue.
        next_in: u64,
        /// The next that we use.
        next_out: u64,
    },
    /// What is done about the connection of the session, and why.
    Link(LinkEvent),
    /// What else the session has to say; its ups, downs and gaps come as events of their own.
    Session(SessionEvent),
    /// One instrument that the desk was configured with is known (InstrumentList, 35=y).
    Instrument {
        /// Which.
        id: InstrumentId,
        /// Its rules.
        instrument: Instrument,
    },
    /// A configured instrument is not on the venue's list, or the list was refused.
    InstrumentUnknown {
        /// Which.
        id: InstrumentId,
    },
    /// One entry of a book snapshot (W) or incremental (X).
    Book(BookEntry),
    /// A public trade (X with 269=2).
    Trade(MarketTrade),
    /// A market data subscription was refused (Y).
    MarketDataRefused {
        /// Which instrument, if the request is known.
        instrument: Option<InstrumentId>,
        /// MDReqRejReason(281).
        reason: u8,
        /// Text(58).
        text: EventText,
    },
    /// An ExecutionReport (35=8).
    Report(Report),
    /// A command was refused by the venue (35=j, or 35=3 that refers to it).
    Refused(Refusal),
    /// A command's bytes have been taken by the wire, in order.
    OnWire {
        /// The command's ClOrdID.
        cl_ord_id: ClOrdId,
        /// Its MsgSeqNum.
        msg_seq_num: u64,
        /// Ticks of the clock when the kernel took the bytes.
        sent_ticks: u64,
    },
    /// A command was taken back before it reached the wire; the venue never sees it.
    Withdrawn {
        /// The command's ClOrdID.
        cl_ord_id: ClOrdId,
        /// Why.
        reason: WithdrawReason,
    },
    /// What an earlier run left behind, by the journal of the trading session; before that is up.
    FromJournal(FromJournal),
    /// A call by REST is answered, or a part of its answer is here.
    Rest(RestAnswer),
    /// Something is wrong that is not about one order: a limit was reached, a message could not be
    /// understood.
    Alarm(Alarm),
}

/// A reason text, cut at [`EVENT_TEXT_MAX`] bytes.
pub type EventText = FixStr<EVENT_TEXT_MAX>;

/// Why a session is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// We asked to log out and the venue confirmed.
    LoggedOut,
    /// The venue logged us out.
    VenueLoggedOut(EventText),
    /// The venue refused the logon, and said why.
    LogonRefused(EventText),
    /// The venue refused the logon, and its clock is so far from ours that it had to (venue file 2.1).
    ClockSkew {
        /// The venue's clock minus ours, milliseconds.
        ms: i64,
        /// What it said.
        text: EventText,
    },
    /// The connection was closed behind our Logon without a byte: a silent refusal (venue file 2), or a
    /// gateway that does not serve.
    ClosedAtLogon,
    /// The connection was closed or reset without a logout.
    ConnectionLost,
    /// Our own journal did not take a record, so the connection was closed before anything went out that it
    /// does not have; an [`Alarm::Journal`] said why.
    JournalFailed,
    /// A report came before the instruments that it may be about were known, or before an earlier run's orders
    /// were told: it could not have been read. We closed, and its number is not used up: the venue sends it
    /// again.
    InstrumentsUnknown,
    /// The venue did not do in time what we waited for.
    TimedOut {
        /// What that is.
        awaited: Awaited,
        /// How long we waited, milliseconds.
        ms: u64,
    },
    /// The venue sent a message that is longer than
    /// [`MESSAGE_BYTES_MAX`](crate::limits::MESSAGE_BYTES_MAX): what its head says. It is not used up, and
    /// may come again.
    TooLong(TooLong),
    /// The venue broke the protocol; the text says how.
    ProtocolError(EventText),
}

/// What did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The Logon of whoever connected.
    Logon,
    /// The answer to our Logon.
    LogonAnswer,
    /// An answer to the TestRequests behind the Logon: whether nothing is missing is not known.
    Synchronisation,
    /// Any message; a TestRequest was not answered either.
    AnyMessage,
    /// The answer to our Logout.
    LogoutAnswer,
}

/// One level of a book that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookEntry {
    /// Which book.
    pub instrument: InstrumentId,
    /// The side of the level.
    pub side: Side,
    /// What to do.
    pub action: BookAction,
    /// The level's price.
    pub px: Px,
    /// The level's new quantity (for a delete: what the venue says is left behind our depth).
    pub qty: Qty,
    /// Whether this is the last entry of its message.
    pub last: bool,
    /// ChecksumOrderBook(5041) of the message; only on its last entry, if the message has one.
    pub checksum: Option<u32>,
    /// SendingTime(52) of the message.
    pub sent: UtcTime,
}

/// What a book entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookAction {
    /// The first entry of a snapshot: drop the book, then set this level. With `qty` 0: drop only.
    Restart,
    /// Set the level.
    Set,
    /// Remove the level.
    Delete,
}

/// A public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketTrade {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// The price.
    pub px: Px,
    /// The quantity.
    pub qty: Qty,
    /// AggressorSide(2446), if said.
    pub aggressor: Option<Side>,
}

/// ExecType(150); venue file 4.6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExecType {
    /// `A`
    PendingNew,
    /// `0`
    New,
    /// `F`
    Trade,
    /// `4`
    Canceled,
    /// `5`
    Replaced,
    /// `C`
    Expired,
    /// `D`
    Restated,
    /// `I`
    OrderStatus,
    /// `8`: Kraken says that it does not send it; tolerated (venue file C5).
    Rejected,
}

/// OrdStatus(39); venue file 4.6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrdStatus {
    /// `A`
    PendingNew,
    /// `0`
    New,
    /// `1`
    PartiallyFilled,
    /// `2`
    Filled,
    /// `4`
    Canceled,
    /// `5`
    Replaced,
    /// `6`
    PendingCancel,
    /// `8`
    Rejected,
    /// `C`
    Expired,
    /// `E`
    PendingReplace,
}

impl OrdStatus {
    /// Whether nothing more can happen to the order.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Rejected | Self::Expired)
    }
}

/// LiquidityInd(5050).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liquidity {
    /// `0`
    Maker,
    /// `1`
    Taker,
}

/// One fill, as a report tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// LastPx(31).
    pub px: Px,
    /// LastQty(32).
    pub qty: Qty,
    /// LiquidityInd(5050), if said.
    pub liquidity: Option<Liquidity>,
}

/// An ExecutionReport, typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// ClOrdID(11): the last request on the order.
    pub cl_ord_id: ClOrdId,
    /// OrigClOrdID(41), if said.
    pub orig_cl_ord_id: Option<ClOrdId>,
    /// OrderID(37).
    pub order_id: OrderId,
    /// ExecID(17).
    pub exec_id: ExecId,
    /// ExecType(150).
    pub exec_type: ExecType,
    /// OrdStatus(39).
    pub ord_status: OrdStatus,
    /// Side(54).
    pub side: Side,
    /// OrdType(40).
    pub ord_type: OrdType,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// Price(44) of a limit order.
    pub px: Option<Px>,
    /// StopPx(99) of an order that has or had a trigger.
    pub stop_px: Option<Px>,
    /// TriggerPrice(1102), once the order has triggered.
    pub trigger_px: Option<Px>,
    /// OrderQty(38).
    pub order_qty: Qty,
    /// CumQty(14).
    pub cum_qty: Qty,
    /// LeavesQty(151).
    pub leaves_qty: Qty,
    /// The fill, on ExecType `F`.
    pub fill: Option<Fill>,
    /// GrossTradeAmt(381): what all fills so far cost, in units of 10^-(price precision + quantity
    /// precision) of the quote currency; `None` if the venue did not say, or not in these units.
    pub gross: Option<i64>,
    /// MiscFeeAmt(137), cumulative over the order's trades (venue file 6.13), with MiscFeeCurr(138).
    pub fee: Option<(Decimal, FixStr<11>)>,
    /// TransactTime(60).
    pub transact_time: UtcTime,
    /// PossDupFlag(43) or PossResend(97): the venue says that it may have sent this before.
    pub poss_dup: bool,
    /// Text(58).
    pub text: EventText,
}

/// A refusal by the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// BusinessRejectRefID(379): the ClOrdID of the refused command; `None` if the venue did not say
    /// (a session-level Reject names only `ref_seq_num`).
    pub cl_ord_id: Option<ClOrdId>,
    /// First byte of RefMsgType(372); 0 if the venue did not say.
    pub ref_msg_type: u8,
    /// RefSeqNum(45); 0 on Kraken's business rejects (venue file 4.7).
    pub ref_seq_num: u64,
    /// Which layer refused.
    pub layer: RefusalLayer,
    /// BusinessRejectReason(380) or SessionRejectReason(373), if said.
    pub reason: Option<u32>,
    /// Text(58).
    pub text: EventText,
}

/// Which layer of the venue refused (venue file section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalLayer {
    /// The gateway's field checks: Reject (35=3).
    Session,
    /// The order entry service or the engine: BusinessMessageReject (35=j).
    Business,
}

/// Why a command did not reach the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithdrawReason {
    /// The session was not logged on, or went down with the command still unsent.
    SessionDown,
    /// The session's outbox was full.
    OutboxFull,
    /// The message could not be encoded.
    NotEncodable,
    /// Of a replace that was held until the venue had told the OrderID: a later one has taken its place.
    Superseded,
    /// Of such a replace: the order has ended.
    OrderEnded,
    /// Of such a replace: it is not known any more whether the order is open.
    OrderUncertain,
}

/// Something wrong that is not about one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// A message arrived that could not be typed; its MsgType and the tag at fault. Orders that it may
    /// have been about become uncertain.
    Unreadable {
        /// First byte of MsgType(35).
        msg_type: u8,
        /// The field, 0 if it is about the message as a whole.
        tag: u32,
        /// The order that an ExecutionReport is about, by its ClOrdID(11) as far as that can be read.
        cl_ord_id: Option<ClOrdId>,
        /// The same by OrderID(37); empty if that cannot be read.
        order_id: OrderId,
    },
    /// Garbled input was skipped.
    Garbled {
        /// Bytes skipped.
        bytes: u32,
        /// Why they are no message.
        why: Garbled,
    },
    /// A ring between two threads was full this many times.
    RingFull {
        /// Times.
        count: u32,
    },
    /// The ring to the housekeeping thread was full, so that trace records were lost: the latency tables and the log
    /// of sent commands miss them. Said once until no more were lost for a second;
    /// [`Outcome::traces_lost`](crate::pipeline::Outcome::traces_lost) is how many it were in the end.
    TracesLost {
        /// How many, since the start.
        records: u64,
    },
    /// A thread of the path has stood still for `path.stall_ms`. If it is the strategy's, it hears of it when
    /// it turns again, together with the [`Alarm::Resumed`];
    /// [`Running::stalled`](crate::pipeline::Running::stalled) tells at once.
    Stalled {
        /// Its name.
        thread: &'static str,
    },
    /// What [`Alarm::Stalled`] told of is over.
    Resumed {
        /// Its name.
        thread: &'static str,
        /// How long it stood still, milliseconds.
        ms: u64,
    },
    /// A gap in the venue's sequence numbers; a resend was requested from here.
    Gap {
        /// First missing MsgSeqNum.
        from: u64,
        /// The number that was received instead. It is dropped, and comes again with the resend.
        to: u64,
    },
    /// The venue asked for messages again, and these, of the application, were declared void instead (gap
    /// fill): what they asked of the venue did not happen, unless it had them after all.
    Withheld {
        /// MsgSeqNum of the first.
        from: u64,
        /// MsgSeqNum of the last.
        to: u64,
        /// How many.
        messages: u32,
    },
    /// The next nonce has to be above that of an earlier Logon, which was made by a clock ahead of this
    /// one. Said before the venue is dialled.
    NonceAhead {
        /// How far it is ahead of the clock, milliseconds.
        ms: u64,
        /// How far it may be for the venue to accept the Logon (venue file 2.1), milliseconds.
        window_ms: u64,
    },
    /// Orders are uncertain for longer than they may be: the session is down, or the venue does not
    /// answer.
    Unresolved {
        /// How many; 0: those of an earlier run, as the venue has not taken the mass cancel of before the start.
        orders: u32,
    },
    /// The kill switch was pulled, and so long after its mass cancel orders are still open, or uncertain:
    /// it climbs the cancel ladder.
    KillUnanswered {
        /// How many.
        orders: u32,
        /// Which round of the ladder has ended so; the last is
        /// [`KILL_ROUNDS_MAX`](crate::limits::KILL_ROUNDS_MAX).
        round: u32,
    },
    /// Calls by REST for one purpose failed as often as may be, or in a way that does not pass.
    Rest(RestProblem),
    /// The journal did not take a message: nothing that is not stored is sent, so the connection ends.
    Journal(AppendError),
    /// Off the path, the session's journal could not be allocated ahead, flushed or tidied: it goes on while
    /// it has room, but what is stored may not outlive a power cut. Said once until
    /// [`Alarm::JournalDiskWell`], or twice if the disk first fails and then is full as well; the first error
    /// itself is in [`Outcome::journal_trouble`](crate::pipeline::Outcome::journal_trouble).
    JournalDisk {
        /// Whether the disk or the quota is full: then making room helps.
        full: bool,
    },
    /// What [`Alarm::JournalDisk`] told of is over: everything that is due was done.
    JournalDiskWell {
        /// How long it lasted, milliseconds.
        ms: u64,
    },
}

impl Alarm {
    /// Whether it is about one session, not about the engine as a whole.
    #[must_use]
    pub const fn is_of_session(&self) -> bool {
        !matches!(
            self,
            Self::RingFull { .. }
                | Self::TracesLost { .. }
                | Self::Stalled { .. }
                | Self::Resumed { .. }
        )
    }
}
