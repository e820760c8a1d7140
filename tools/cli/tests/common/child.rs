//! The built binary as a child process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `taut` with its output on pipes.
pub fn taut(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taut"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A child that is gone at the end of the test, however it ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.wait_for(PATIENCE)
    }

    pub fn wait_for(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the command does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// The lines of standard error. To be taken once.
    pub fn errors(&mut self) -> impl Iterator<Item = String> + use<> {
        lines_of(self.0.stderr.take().unwrap())
    }

    /// The lines of standard output. To be taken once.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        lines_of(self.0.stdout.take().unwrap())
    }
}

/// The lines of a pipe, for each of which somebody waits no longer than [`PATIENCE`].
fn lines_of(pipe: impl Read + Send + 'static) -> impl Iterator<Item = String> {
    let (to, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe).lines().map(Result::unwrap);
        // Until nobody listens any more.
        while lines.next().is_some_and(|line| to.send(line).is_ok()) {}
    });
    std::iter::from_fn(move || match lines.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("no line within {PATIENCE:?}"),
    })
}

/// Runs to the end.
pub fn run(arguments: &[&str]) -> Output {
    run_for(arguments, PATIENCE)
}

/// Runs to the end, which may take so long.
pub fn run_for(arguments: &[&str], patience: Duration) -> Output {
    let mut running = Running::start(&mut taut(arguments));
    let stdout = collect(running.0.stdout.take().unwrap());
    let stderr = collect(running.0.stderr.take().unwrap());
    let status = running.wait_for(patience);
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

/// Reads a pipe to its end beside the child, which is not to wait for room in it.
fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
