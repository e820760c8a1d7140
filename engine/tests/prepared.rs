//! `path.nice`, `path.lock_memory` and `path.huge_pages`, in a process of their own: they are about all of it.

use std::net::TcpListener;

use taut::config::EngineConfig;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, Memory, StartError};
use taut::secret::Secret;
use taut::strategy::Strategy;

#[path = "common/skipped.rs"]
mod skipped;

struct Nothing;

impl Strategy for Nothing {}

/// Whether the kernel puts memory into huge pages when it is asked to (Linux 6.1), and has one that is free.
fn has_huge_pages() -> bool {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let release = read("/proc/sys/kernel/osrelease");
    let mut version = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let collapses = (version.next(), version.next()) >= (Some(6), Some(1));
    let has_size = !read("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size").is_empty();
    // Free blocks of each zone, by size: the tenth column is of 2^9 pages.
    let zones = read("/proc/buddyinfo");
    let free = zones.lines().any(|zone| {
        zone.split_whitespace().skip(4 + 9).any(|blocks| blocks.parse().is_ok_and(|n: u64| n > 8))
    });
    collapses && has_size && free
}

#[test]
fn an_engine_gets_the_nice_value_and_the_memory_that_it_asks_for() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [market_data, trading] =
        listeners.each_ref().map(|listener| listener.local_addr().expect("bound").port());
    let session =
        |port| format!("host = 'localhost'\nport = {port}\nsender = 'TAUT'\ntarget = 'V'\n");
    let config = |nice: i32| {
        EngineConfig::from_toml(&format!(
            "[path]\nlayout = 'split'\nwire = 'mio'\nidle = 'park'\nnice = {nice}\nlock_memory = true\n\
             huge_pages = true\n[tls]\nenabled = false\nmode = 'record-layer'\n\
             [market_data]\n{}reset = 'always'\nheartbeat_seconds = 30\n\
             [trading]\n{}reset = 'always'\nheartbeat_seconds = 30\n\
             [instruments]\nsymbols = ['BTC/USD']\ndepth = 10\n\
             [risk]\nmax_order_qty = '1'\nmax_notional = '1'\ncollar_bps = 50\nmax_position = '1'\n\
             max_open_orders = 1\ncommands_per_second = 1\nburst = 1\n",
            session(market_data),
            session(trading)
        ))
    };
    assert!(config(-21).is_err() && config(20).is_err(), "there are no such values");
    let config = config(5).expect("all of it is right");
    let credentials =
        Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0")).expect("base64");
    let engine = Engine::new(config, credentials).expect("it was checked");
    let running = match engine.start(Nothing) {
        Err(StartError::Lock(error)) => return skipped::skipped(format_args!("mlockall: {error}")),
        started => started.expect("nothing else is missing"),
    };
    let memory = Memory::now().expect("there is a /proc");
    running.stop();
    let outcome = running.join().expect("it ends in good order");
    // Beside the path, threads keep the value of the process.
    let nice: Vec<_> = outcome.pinning.iter().map(|p| (p.thread, p.nice.map(|n| n.got))).collect();
    let got = Some(Some(5));
    assert_eq!(nice, [("taut-housekeeping", None), ("taut-io", got), ("taut-strategy", got)]);
    assert!(outcome.pinning.iter().all(taut::pipeline::Pinning::holds));
    assert!(memory.locked_kib * 2 > memory.resident_kib, "{memory:?}");
    // Taken when the path had ended: the threads put them there after the start.
    let memory = outcome.memory.expect("there is a /proc");
    if memory.huge_kib == 0 && !has_huge_pages() {
        return skipped::skipped(format_args!("no huge page is to be had"));
    }
    assert!(memory.huge_kib >= 2 << 10, "{memory:?}");
}
