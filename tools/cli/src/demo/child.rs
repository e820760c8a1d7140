//! The venue as a child process of the demo: the same binary, on loopback, on another core.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// The child process, for whoever may have to end it: the demo, or a second Ctrl-C.
#[derive(Clone, Default)]
pub struct Process(Arc<Mutex<Option<Child>>>);

impl Process {
    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its id, once it was started.
    pub fn id(&self) -> Option<u32> {
        self.lock().as_ref().map(Child::id)
    }

    /// Kills it, if it runs, and keeps anybody from starting it until `then` has returned.
    pub fn kill_and(&self, then: impl FnOnce()) {
        let mut process = self.lock();
        if let Some(child) = &mut *process
            && !matches!(child.try_wait(), Ok(Some(_)))
        {
            // It may have ended in between; either way it is gone after the wait, stopped or not.
            let _ = child.kill();
            let _ = child.wait();
        }
        then();
    }

    /// How it ended, if it does until `deadline`. Never blocks longer than a moment with the lock.
    fn wait_until(&self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let ended = self.lock().as_mut().map_or(Ok(None), Child::try_wait)?;
            if ended.is_some() || Instant::now() >= deadline {
                return Ok(ended);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A running child venue. Killed when dropped, so that none is left behind.
pub struct Venue {
    process: Process,
    stdin: Option<ChildStdin>,
    lines: Receiver<io::Result<String>>,
    /// What it said when it was ready.
    pub ready: Ready,
}

/// Longest wait for its first line: it may have a large recording to verify.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for its end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Why there is no child venue.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The process could not be started or talked to.
    #[error("the venue's process: {0}")]
    Process(#[from] io::Error),
    /// It failed and has said why on standard error, in a line that needs no other beside it.
    #[error("the venue did not start")]
    Told,
    /// It does not answer. It was killed.
    #[error("the venue's process was killed: it {what} within {} s", within.as_secs_f64())]
    Hangs {
        /// What it did not do.
        what: &'static str,
        /// How long it had.
        within: Duration,
    },
    /// Ctrl-C, before it was ready.
    #[error("interrupted before the venue was ready")]
    Interrupted,
    /// It ended early.
    #[error("the venue ended early ({0})")]
    Early(String),
    /// It said something unexpected.
    #[error("the venue said something unexpected: {0}")]
    Protocol(#[from] serde_json::Error),
}

impl Venue {
    /// Starts `taut venue --child` as `process` and waits until it listens, or `stop` is set.
    ///
    /// # Errors
    /// [`ChildError`]; no process is left.
    pub fn start(
        arguments: &[&std::ffi::OsStr],
        key: &Secret,
        secret: &Secret,
        process: Process,
        stop: &AtomicBool,
    ) -> Result<Self, ChildError> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["venue", "--child"])
            .args(arguments)
            .env(Credentials::KEY_VARIABLE, key.expose())
            .env(Credentials::SECRET_VARIABLE, secret.expose());
        Self::launch(command, process, stop, READY_WITHIN)
    }

    fn launch(
        mut command: Command,
        process: Process,
        stop: &AtomicBool,
        within: Duration,
    ) -> Result<Self, ChildError> {
        let mut slot = process.lock();
        let child = slot.insert(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        drop(slot);
        let (sender, lines) = mpsc::channel();
        let ready = Ready {
            services: BTreeMap::new(),
            certificate_pem: None,
            symbols: Vec::new(),
            liquidity: String::new(),
            cores: Vec::new(),
        };
        let mut venue = Self { process, stdin, lines, ready };
        let stdout = stdout.ok_or_else(|| io::Error::other("no pipe"))?;
        // Ends with the child, whose pipe it reads.
        std::thread::Builder::new().name("taut-child".into()).spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line).is_err() {
                    break;
                }
            }
        })?;
        let deadline = Instant::now() + within;
        match venue.line(deadline, || stop.load(Ordering::Relaxed))? {
            Line::Said(line) => {
                venue.ready = serde_json::from_str(&line)?;
                Ok(venue)
            }
            Line::GaveUp => Err(ChildError::Interrupted),
            Line::Late => Err(ChildError::Hangs { what: "did not say that it is ready", within }),
            Line::End => {
                let Some(status) = venue.process.wait_until(deadline)? else {
                    return Err(ChildError::Hangs { what: "did not end", within });
                };
                // 1 is the exit code of every failure that was printed.
                Err(match status.code() {
                    _ if stop.load(Ordering::Relaxed) => ChildError::Interrupted,
                    Some(1) => ChildError::Told,
                    _ => ChildError::Early(status.to_string()),
                })
            }
        }
    }

    /// Where a service listens.
    ///
    /// # Errors
    /// [`ChildError::Early`] if there is none of that name.
    pub fn address(&self, service: &str) -> Result<SocketAddr, ChildError> {
        let missing = || ChildError::Early(format!("no service {service}"));
        self.ready.services.get(service).copied().ok_or_else(missing)
    }

    /// Has it do something on purpose, in the words of its configuration's `control`.
    ///
    /// # Errors
    /// If it is gone.
    pub fn control(&mut self, step: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{step}")
    }

    /// Ends it and reads its last line. A closed standard input is the sign to end; a venue that does
    /// not follow it is killed.
    ///
    /// # Errors
    /// [`ChildError`]; the process is gone all the same.
    pub fn stop(self) -> Result<Farewell, ChildError> {
        self.stop_within(END_WITHIN)
    }

    fn stop_within(mut self, within: Duration) -> Result<Farewell, ChildError> {
        drop(self.stdin.take());
        let hangs = || ChildError::Hangs { what: "did not end", within };
        let deadline = Instant::now() + within;
        let last = self.line(deadline, || false)?;
        let status = self.process.wait_until(deadline)?.ok_or_else(hangs)?;
        match last {
            Line::Said(line) => Ok(serde_json::from_str(&line)?),
            Line::End => Err(ChildError::Early(status.to_string())),
            Line::Late | Line::GaveUp => Err(hangs()),
        }
    }

    /// The next line, unless it is late or `give_up` says so.
    fn line(&self, deadline: Instant, give_up: impl Fn() -> bool) -> io::Result<Line> {
        loop {
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => return line.map(Line::Said),
                Err(RecvTimeoutError::Disconnected) => return Ok(Line::End),
                Err(RecvTimeoutError::Timeout) if give_up() => return Ok(Line::GaveUp),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    return Ok(Line::Late);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// What came of waiting for a line.
enum Line {
    Said(String),
    End,
    Late,
    GaveUp,
}

impl Drop for Venue {
    fn drop(&mut self) {
        self.process.kill_and(|| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str =
        r#"{"services":{},"certificate_pem":null,"symbols":[],"liquidity":"","cores":[]}"#;
    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(30);

    /// A shell in the venue's place; `exec` keeps it one process.
    fn launch(script: &str, within: Duration, stop: bool) -> (Process, Result<Venue, ChildError>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let process = Process::default();
        let venue = Venue::launch(command, process.clone(), &AtomicBool::new(stop), within);
        (process, venue)
    }

    fn is_gone(process: &Process) -> bool {
        process.lock().as_mut().expect("it was started").try_wait().expect("it is ours").is_some()
    }

    #[test]
    fn a_venue_that_never_says_that_it_is_ready_is_killed() {
        let (process, venue) = launch("exec sleep 100", SHORT, false);
        let error = venue.err().expect("it never was ready");
        assert!(matches!(error, ChildError::Hangs { .. }), "{error}");
        assert!(is_gone(&process));
    }

    #[test]
    fn a_venue_that_does_not_end_is_killed_and_reported() {
        let (process, venue) = launch(&format!("echo '{READY}'; exec sleep 100"), LONG, false);
        let error = venue.expect("it was ready").stop_within(SHORT).expect_err("it hangs");
        assert!(error.to_string().contains("did not end within 0.1 s"), "{error}");
        assert!(is_gone(&process));
    }

    #[test]
    fn an_interrupt_before_the_venue_is_ready_leaves_no_process() {
        let (process, venue) = launch("exec sleep 100", LONG, true);
        assert!(matches!(venue, Err(ChildError::Interrupted)));
        assert!(is_gone(&process));
    }

    #[test]
    fn the_last_word_of_a_venue_is_heard() {
        let script = format!("echo '{READY}'; cat; echo '{{\"open_orders\":3}}'");
        let (process, venue) = launch(&script, LONG, false);
        let farewell = venue.expect("it was ready").stop().expect("it said something");
        assert_eq!(farewell.open_orders, 3);
        assert!(is_gone(&process));
    }

    #[test]
    fn a_venue_that_ends_without_a_word_is_told_from_one_that_said_why() {
        assert!(matches!(launch("exit 1", LONG, false).1, Err(ChildError::Told)));
        assert!(matches!(launch("exit 7", LONG, false).1, Err(ChildError::Early(_))));
    }
}
