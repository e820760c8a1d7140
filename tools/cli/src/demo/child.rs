//! The venue as a child process of the demo: the same binary, on loopback, on another core.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use taut::kraken::logon::Credentials;
use taut::secret::Secret;

/// The first line that a child venue prints.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Where each service listens, by name.
    pub services: BTreeMap<String, SocketAddr>,
    /// The certificate to trust; absent on plain TCP.
    pub certificate_pem: Option<String>,
    /// The symbols that are traded, as the venue writes them.
    pub symbols: Vec<String>,
    /// What liquidity there is, in words.
    pub liquidity: String,
    /// The cores that the venue's thread may run on.
    pub cores: Vec<usize>,
}

/// The last line that a child venue prints.
#[derive(Debug, Serialize, Deserialize)]
pub struct Farewell {
    /// Orders of clients that were open when it ended: none, after a clean end.
    pub open_orders: usize,
}

/// A running child venue. Killed when dropped, so that none is left behind.
pub struct Venue {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub ready: Ready,
}

/// Why there is no child venue.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The process could not be started or talked to.
    #[error("the venue's process: {0}")]
    Process(#[from] io::Error),
    /// It failed and has said why on standard error, in a line that needs no other beside it.
    #[error("the venue did not start")]
    Told,
    /// It ended early.
    #[error("the venue ended early ({0})")]
    Early(String),
    /// It said something unexpected.
    #[error("the venue said something unexpected: {0}")]
    Protocol(#[from] serde_json::Error),
}

impl Venue {
    /// Starts `taut venue --child` and waits until it listens.
    ///
    /// # Errors
    /// [`ChildError`]; no process is left.
    pub fn start(
        arguments: &[&std::ffi::OsStr],
        key: &Secret,
        secret: &Secret,
    ) -> Result<Self, ChildError> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["venue", "--child"])
            .args(arguments)
            .env(Credentials::KEY_VARIABLE, key.expose())
            .env(Credentials::SECRET_VARIABLE, secret.expose())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let ready = Ready {
            services: BTreeMap::new(),
            certificate_pem: None,
            symbols: Vec::new(),
            liquidity: String::new(),
            cores: Vec::new(),
        };
        let mut venue = Self { child, stdin, stdout: BufReader::new(stdout), ready };
        let mut line = String::new();
        venue.stdout.read_line(&mut line)?;
        if line.is_empty() {
            let status = venue.child.wait()?;
            // 1 is the exit code of every failure that was printed.
            let told = status.code() == Some(1);
            return Err(if told {
                ChildError::Told
            } else {
                ChildError::Early(status.to_string())
            });
        }
        venue.ready = serde_json::from_str(&line)?;
        Ok(venue)
    }

    /// Where a service listens.
    ///
    /// # Errors
    /// [`ChildError::Early`] if there is none of that name.
    pub fn address(&self, service: &str) -> Result<SocketAddr, ChildError> {
        let missing = || ChildError::Early(format!("no service {service}"));
        self.ready.services.get(service).copied().ok_or_else(missing)
    }

    /// Ends it and reads its last line. A closed standard input is the sign to end.
    ///
    /// # Errors
    /// [`ChildError`]; the process is gone all the same.
    pub fn stop(mut self) -> Result<Farewell, ChildError> {
        drop(self.stdin.take());
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let status = self.child.wait()?;
        if line.is_empty() {
            return Err(ChildError::Early(status.to_string()));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // It may have ended in between; either way it is gone after the wait.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
