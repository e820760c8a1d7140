//! The side that a scenario talks to.

use std::time::Duration;

use taut::kraken::logon::Credentials;
use taut_codec::value::UtcTime;

use super::WAIT_MAX;
use crate::gateway::Service;

/// Why the other side did not do what a step needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// It cannot: the scenario ends here, without blame.
    Unsupported(String),
    /// It failed.
    Failed(String),
}

/// Who a name of a scenario stands for.
#[derive(Debug, Clone)]
pub struct Peer {
    /// SenderCompID.
    pub sender: String,
    /// What it logs on to trading with.
    pub credentials: Option<Credentials>,
}

/// The side that a scenario talks to.
pub trait Link {
    /// The time there.
    fn now(&self) -> UtcTime;

    /// Who a SenderCompID of a scenario stands for.
    ///
    /// # Errors
    /// [`LinkError::Unsupported`] if nobody does.
    fn peer(&self, sender: &str) -> Result<Peer, LinkError>;

    /// Connects; the number names the connection.
    ///
    /// # Errors
    /// [`LinkError`].
    fn connect(&mut self, service: Service) -> Result<usize, LinkError>;

    /// Sends bytes.
    ///
    /// # Errors
    /// [`LinkError`].
    fn send(&mut self, connection: usize, bytes: &[u8]) -> Result<(), LinkError>;

    /// Appends what came, waiting for something up to `patience`. `false` once the connection is closed
    /// and all of it was read.
    ///
    /// # Errors
    /// [`LinkError`].
    fn receive(
        &mut self,
        connection: usize,
        patience: Duration,
        into: &mut Vec<u8>,
    ) -> Result<bool, LinkError>;

    /// Drops a connection without a word.
    fn drop_connection(&mut self, connection: usize);

    /// Lets time pass.
    ///
    /// # Errors
    /// [`LinkError`].
    fn advance(&mut self, time: Duration) -> Result<(), LinkError>;

    /// Steers the venue.
    ///
    /// # Errors
    /// [`LinkError`].
    fn control(&mut self, words: &[String]) -> Result<(), LinkError>;
}

/// What a scenario may take for granted where nothing can be steered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants {
    /// Nobody else trades there, and no orders rest: `!alone` holds.
    pub alone: bool,
    /// A logon may make the clients' ClOrdIDs start anew (5030=Y): `!fresh` holds.
    pub fresh: bool,
}

/// A control step where nothing can be steered: `!alone` and `!fresh` are so or not.
pub(super) fn unsteered(words: &[String], grants: Grants) -> Result<(), LinkError> {
    Err(LinkError::Unsupported(match words {
        [word] if word == "alone" && grants.alone => return Ok(()),
        [word] if word == "fresh" && grants.fresh => return Ok(()),
        [word] if word == "alone" => "it needs a market without anybody else".into(),
        [word] if word == "fresh" => "it needs clients whose ClOrdIDs may start anew".into(),
        _ => format!("!{} steers the venue", words.join(" ")),
    }))
}

/// Whether a scenario may wait so long where time cannot be made to pass.
pub(super) fn patient(time: Duration) -> Result<(), LinkError> {
    if time <= WAIT_MAX {
        return Ok(());
    }
    Err(LinkError::Unsupported(format!("it would take {} s", time.as_secs())))
}
