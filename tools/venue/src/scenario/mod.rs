//! Conversations with the venue as readable text: what is sent, what must come back, field by field.
//!
//! They run against the venue in process, with a virtual clock ([`embedded`]), and against any address
//! ([`socket`]): the same text checks this mirror and the original.
//!
//! ```text
//! == A limit order rests                          a scenario starts
//! % switches.reject_form = "captured"             configuration of the venue (TOML), if it is not the default
//! !logon A spot-trading TAUT 141=Y|8674=1         connect and log on; what follows goes into the Logon
//! A> D|11={new a}|38=0.01|40=2|44=1000|54=1|55=BTC/USD|59=1|60={now}
//! A< 8|150=A|39=A|11={a}|37=?order|58=~limit      the next message: these fields, whatever else is there
//! A<= 8|...                                       the next message: exactly these fields in this order
//! A< nothing                                      no message waits
//! A< closed                                       the connection is closed
//! ```
//! * Header, BodyLength and CheckSum are added to what is sent; a header field in the text replaces the
//!   usual one. `A>> text` sends bytes as they are (`|` for SOH, `{len}` and `{sum}` for 9 and 10).
//! * Values expected: `?` anything, `?name` anything and remember it, `-` the field is absent, `~text`
//!   contains, `!text` is another, else the text itself. Of a repeated tag the n-th is compared with the n-th.
//! * `{name}` is what was remembered; `{new name}` a fresh numeric ClOrdID, `{comb name}` a fresh COMB UUID
//!   (both with an offset: `{comb old -130s}`); `{now}`, `{now+5s}`, `{now+60s:s}` (to the second) times;
//!   `{key}`, `{nonce}`, `{password}` those of a Logon.
//! * Heartbeats are passed over and TestRequests answered, unless they are what is expected. So are updates of
//!   books (X) in a scenario without `!alone`: others may trade at any time.
//! * `!connect A spot-trading TAUT` connects without logon, `!drop A` drops the connection, `!set name value`
//!   remembers a value.
//! * `!alone` says that nobody else may trade meanwhile and that the books have to be empty. `!fresh` says that no
//!   ClOrdID was used before (captured ones are old): trading logons carry ForceResetClOrdID(5030). On sockets
//!   each holds if the [`Grants`] of the run say so.
//! * Any other command steers the venue: a [`Step`](crate::venue::Step) as a control script has it, done at once,
//!   such as `!market BTC/USD cancel_only`. So it runs in process only, as `!advance 5s` does (on sockets: waits,
//!   up to [`WAIT_MAX`]). On sockets a scenario ends at the first of these, and one with a configuration is
//!   skipped; the report says so.

pub mod embedded;
mod expect;
mod link;
mod parse;
mod raw;
mod report;
mod run;
pub mod socket;
mod values;

use std::time::Duration;

pub use expect::{Finding, Received};
pub use link::{Grants, Link, LinkError, Peer};
pub use parse::{ScenarioError, parse};
pub use report::{LineReport, Outcome, Report};
pub use run::{run, run_as_it_is};

/// Longest `!advance` that a run on sockets waits for.
pub const WAIT_MAX: Duration = Duration::from_secs(5);

/// One conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The file that it stands in.
    pub file: String,
    /// What it shows, a sentence.
    pub title: String,
    /// Where it starts, from 1.
    pub line: usize,
    /// Configuration of the venue, TOML; empty for that of the suite.
    pub config: String,
    /// What happens, in this order.
    pub steps: Vec<Line>,
}

/// A step with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Line number from 1.
    pub number: usize,
    /// As written.
    pub text: String,
    /// What it says.
    pub step: Step,
}

/// A field of a message as written: values hold placeholders still.
pub type Field = (u32, String);

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Connects, and logs on if there are fields for a Logon.
    Connect {
        /// Name of the connection.
        name: String,
        /// [`crate::Service::name`].
        service: String,
        /// SenderCompID.
        sender: String,
        /// Further fields of the Logon; `None`: no Logon.
        logon: Option<Vec<Field>>,
    },
    /// The client drops the connection.
    Drop {
        /// Name of the connection.
        name: String,
    },
    /// Sends a message.
    Send {
        /// Name of the connection.
        name: String,
        /// MsgType.
        msg_type: String,
        /// The fields.
        fields: Vec<Field>,
    },
    /// Sends bytes.
    Raw {
        /// Name of the connection.
        name: String,
        /// The bytes, `|` for SOH.
        text: String,
    },
    /// A message has to come.
    Expect {
        /// Name of the connection.
        name: String,
        /// Whether there may be no other fields, and no other order.
        exact: bool,
        /// MsgType.
        msg_type: String,
        /// The fields.
        fields: Vec<Field>,
    },
    /// No message waits.
    Nothing {
        /// Name of the connection.
        name: String,
    },
    /// The connection is closed by the venue.
    Closed {
        /// Name of the connection.
        name: String,
    },
    /// Time passes.
    Advance(Duration),
    /// Remembers a value.
    Set {
        /// Under which name.
        name: String,
        /// The value, with placeholders.
        value: String,
    },
    /// The venue is steered.
    Control(Vec<String>),
}
