//! What the figures were taken on.

use std::fmt;
use std::fs::read_to_string;

use serde::Serialize;
use taut::pipeline::available_cores;
use taut_codec::scan::Scanner;

/// The machine, as far as it says.
#[derive(Debug, Serialize)]
pub struct Host {
    /// Name of the processor.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: Vec<usize>,
    /// Cores that the kernel keeps free of other work.
    pub isolated: String,
    /// How the clock of the first core is chosen.
    pub governor: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Load of the last minute before the first round: above 0.5 others were busy.
    pub load: String,
    /// Level of the scanner.
    pub scanner: String,
    /// Version of this program.
    pub version: &'static str,
    /// Why the driver is not polled inside `recv` on the wire `busy-poll`; `None`: it is.
    pub busy_poll_refused: Option<String>,
    /// Nanoseconds of one cache line's way to the other core and back; `None` on one core.
    pub cache_line_ns: Option<u64>,
}

/// A line of a file of the kernel's, without its end.
fn said(file: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    Some(text.lines().next().unwrap_or_default().trim().to_owned()).filter(|line| !line.is_empty())
}

impl Host {
    /// Reads it.
    pub fn read(cache_line_ns: Option<u64>) -> Self {
        let unknown = || "unknown".to_owned();
        let processor = read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let load = said("/proc/loadavg").and_then(|line| Some(line.split(' ').next()?.to_owned()));
        Self {
            processor: processor.unwrap_or_else(unknown),
            cores: available_cores(),
            isolated: said("/sys/devices/system/cpu/isolated").unwrap_or_else(|| "none".into()),
            governor: said("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .unwrap_or_else(unknown),
            kernel: said("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
            load: load.unwrap_or_else(unknown),
            scanner: format!("{:?}", Scanner::new().level()),
            version: env!("CARGO_PKG_VERSION"),
            busy_poll_refused: taut::wire::busy_poll::refusal().map(|error| error.to_string()),
            cache_line_ns,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.cache_line_ns.map_or("not measured".into(), |ns| format!("{ns} ns"));
        writeln!(f, "host       {}, Linux {}", self.processor, self.kernel)?;
        writeln!(
            f,
            "           cores {:?}, isolated {}, governor {}, load before {}",
            self.cores, self.isolated, self.governor, self.load
        )?;
        writeln!(
            f,
            "           cache line there and back {line}, scanner {}, taut {}",
            self.scanner, self.version
        )?;
        match &self.busy_poll_refused {
            Some(why) => writeln!(f, "           SO_BUSY_POLL is refused: {why}"),
            None => Ok(()),
        }
    }
}
