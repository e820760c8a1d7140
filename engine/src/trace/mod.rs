//! Where the time goes: a stamp per stage, carried with the event, summed off the path.

pub mod allocation;
mod clock;
mod collector;

pub use clock::Clock;
pub use collector::{Collector, Latency, Record, Row, Sent};

/// The stages of the path (design section 3). A stamp is taken when the stage is done, so a stage's
/// time is the difference to the stamp before it and the stages add up to the total exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// t0: the poll of the socket that found the bytes begins; with `path.kernel_stamps` when the kernel took the last
    /// of them from the network, where the wire says so.
    Poll,
    /// t1: the bytes are in our buffer.
    Receive,
    /// t2: TLS records are opened.
    Open,
    /// t3: the message's turn has come: the wait for messages before it in one read.
    Frame,
    /// t4: its bounds are found, the fields are indexed and CheckSum is verified.
    Scan,
    /// t5: sequence number and session rules are checked, the message is typed.
    Session,
    /// t6: book or order state is updated; includes the ring in layouts with more than one thread.
    Book,
    /// t7: the strategy issued the command.
    Strategy,
    /// t8: risk limits are checked.
    Risk,
    /// t9: the message is encoded; includes the ring in layouts with more than one thread.
    Encode,
    /// t10: the TLS record is sealed.
    Seal,
    /// t11: the kernel has taken the bytes.
    Send,
}

impl Stage {
    /// How many stamps there are.
    pub const COUNT: usize = 12;

    /// All, in the order of the path.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Poll,
        Self::Receive,
        Self::Open,
        Self::Frame,
        Self::Scan,
        Self::Session,
        Self::Book,
        Self::Strategy,
        Self::Risk,
        Self::Encode,
        Self::Seal,
        Self::Send,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Receive => "recv",
            Self::Open => "tls open",
            Self::Frame => "frame",
            Self::Scan => "scan",
            Self::Session => "session",
            Self::Book => "book/order",
            Self::Strategy => "strategy",
            Self::Risk => "risk",
            Self::Encode => "encode",
            Self::Seal => "tls seal",
            Self::Send => "send",
        }
    }
}

/// The stamps of one message on its way, in raw ticks of the [`Clock`]; 0 is "not reached".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps([u64; Stage::COUNT]);

impl Stamps {
    /// No stage reached.
    pub const NONE: Self = Self([0; Stage::COUNT]);

    /// Notes that `stage` was done at `ticks`.
    pub const fn set(&mut self, stage: Stage, ticks: u64) {
        self.0[stage as usize] = ticks;
    }

    /// When `stage` was done; 0 if it was not reached.
    #[must_use]
    pub const fn get(&self, stage: Stage) -> u64 {
        self.0[stage as usize]
    }

    /// Whether every stage was reached, none before the one ahead of it.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.0[0] != 0 && self.0.is_sorted()
    }

    /// Whether a received message caused this one: the path from the socket is stamped.
    #[must_use]
    pub const fn is_caused_by_input(&self) -> bool {
        self.0[Stage::Poll as usize] != 0
    }
}
