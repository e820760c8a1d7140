//! What an operator does to a running engine by signals: SIGUSR1 pulls the kill switch, SIGUSR2 re-arms,
//! SIGHUP reads the limits of the configuration file anew.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGUSR1, SIGUSR2};
use taut::pipeline::Operator;

use super::config::DemoConfig;
use crate::Failure;

/// The signals that have come and were not obeyed yet.
pub struct Signals {
    kill: Arc<AtomicBool>,
    rearm: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        let listen = |signal| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag)).map(|_| flag)
        };
        Ok(Self { kill: listen(SIGUSR1)?, rearm: listen(SIGUSR2)?, reload: listen(SIGHUP)? })
    }

    /// Does what was asked for. Returns what there is to say about it.
    pub fn obey(&self, operator: &Operator, file: Option<&Path>) -> Option<String> {
        let taken = |flag: &AtomicBool| flag.swap(false, Ordering::Relaxed);
        let said = taken(&self.reload).then(|| match reload(operator, file) {
            Ok(()) => "limits read anew".to_owned(),
            Err(failure) => format!("limits stay as they were: {failure}"),
        });
        if taken(&self.rearm) {
            operator.rearm();
        }
        // Of both at once, the kill counts.
        if taken(&self.kill) {
            operator.kill();
        }
        said
    }
}

fn reload(operator: &Operator, file: Option<&Path>) -> Result<(), Failure> {
    let file = file.ok_or_else(|| Failure::Usage("no --config was given".into()))?;
    let config = DemoConfig::from_toml(&crate::read_file(file)?)?;
    let limits = config.engine.limit_set()?;
    operator.set_limits(limits).map_err(|error| Failure::Usage(error.to_string()))
}
