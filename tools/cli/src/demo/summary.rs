//! What a run came to: for people, for machines, and whether everything that was promised held.

use std::fmt::{self, Display};
use std::time::Duration;

use serde::Serialize;
use taut::config::EngineConfig;
use taut::event::DownReason;
use taut::pipeline::{Outcome, Pinning, Progress};
use taut::strategy::{InstrumentId, Symbol};
use taut::trace::allocation::Allocations;
use taut::trace::{Row, Sent};
use taut::wire::tls::TlsMode;
use taut_codec::value::Decimal;

use super::maker::Maker;
use super::order_check::compare;

/// The circumstances of a run.
pub struct Run<'a> {
    pub seconds: f64,
    pub config: &'a EngineConfig,
    pub liquidity: &'a str,
    pub venue_core: Option<usize>,
    pub venue_cores: &'a [usize],
    pub arrivals: &'a [Sent],
    /// Orders that were open at the venue when it ended, or why it did not say.
    pub farewell: Result<usize, String>,
    pub allocations: Allocations,
}

/// The summary.
#[derive(Debug, Serialize)]
pub struct Summary {
    layout: String,
    wire: String,
    tls: &'static str,
    idle: String,
    liquidity: String,
    seconds: f64,
    counts: Counts,
    instruments: Vec<Traded>,
    stages: Vec<Row>,
    total: Row,
    order_to_answer: Row,
    pinning: Vec<Pinning>,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Counts {
    book_updates: u64,
    book_updates_per_second: f64,
    commands: u64,
    commands_per_second: f64,
    orders: u64,
    amends: u64,
    cancels: u64,
    acks: u64,
    amend_acks: u64,
    fills: u64,
    cancelled: u64,
    refused_by_venue: u64,
    venue_refusal: Option<String>,
    refused_here: u64,
    trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Traded {
    symbol: Symbol_,
    position: String,
    bought: String,
    sold: String,
    fills: u64,
    profit_and_loss: Option<String>,
    quote: String,
}

/// A symbol that serialises as text.
#[derive(Debug)]
struct Symbol_(Symbol);

impl Serialize for Symbol_ {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// One thing that must hold.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    holds: bool,
    detail: String,
}

impl Summary {
    /// Puts it together.
    pub fn of(outcome: &Outcome<Maker>, run: &Run<'_>) -> Self {
        let stats = outcome.desk.stats();
        let per_second = |count: u64| count as f64 / run.seconds.max(f64::MIN_POSITIVE);
        let counts = Counts {
            book_updates: stats.book_updates,
            book_updates_per_second: per_second(stats.book_updates),
            commands: stats.commands(),
            commands_per_second: per_second(stats.commands()),
            orders: stats.orders,
            amends: stats.replaces,
            cancels: stats.cancels + stats.mass_cancels,
            acks: stats.acks,
            amend_acks: stats.replaced,
            fills: stats.fills,
            cancelled: stats.canceled,
            refused_by_venue: stats.refused_by_venue,
            venue_refusal: outcome.desk.strategy().venue_refusal().map(|text| text.to_string()),
            refused_here: stats.refused_here,
            trouble: outcome.desk.strategy().trouble().map(|refusal| refusal.to_string()),
        };
        let instruments =
            outcome.desk.markets().iter().map(|(id, _)| traded(outcome, id)).collect();
        let mut pinning = outcome.pinning.clone();
        let allowed = run.venue_cores.to_vec();
        pinning.push(Pinning { thread: "taut-venue", asked: run.venue_core, allowed });
        let checks = checks(outcome, run, &pinning);
        Self {
            layout: format!("{:?}", run.config.path.layout).to_lowercase(),
            wire: run.config.path.wire.to_string(),
            tls: match (run.config.tls.enabled, run.config.tls.mode) {
                (false, _) => "none",
                (true, TlsMode::RecordLayer) => "1.3, own record layer",
                (true, TlsMode::Rustls) => "1.3, rustls",
            },
            idle: format!("{:?}", outcome.idle).to_lowercase(),
            liquidity: run.liquidity.to_owned(),
            seconds: run.seconds,
            counts,
            instruments,
            stages: outcome.latency.stages.clone(),
            total: outcome.latency.total,
            order_to_answer: outcome.latency.round_trip,
            pinning,
            checks,
        }
    }

    /// Whether every check holds.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

fn traded(outcome: &Outcome<Maker>, id: InstrumentId) -> Traded {
    let market = outcome.desk.markets().get(id).expect("the id comes from the markets");
    let position = outcome.desk.positions().get(id).copied().unwrap_or_default();
    let precision = market.instrument().map_or(0, |facts| facts.qty_precision);
    let qty = |units| Decimal::new(units, precision).to_string();
    Traded {
        symbol: Symbol_(market.symbol()),
        position: qty(position.qty),
        bought: qty(position.bought),
        sold: qty(position.sold),
        fills: position.fills,
        profit_and_loss: outcome.desk.pnl(id).map(|pnl| pnl.to_string()),
        quote: market.symbol().as_str().rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

fn checks(outcome: &Outcome<Maker>, run: &Run<'_>, pinning: &[Pinning]) -> Vec<Check> {
    let stats = outcome.desk.stats();
    let order = compare(&outcome.latency.sent, run.arrivals);
    let complete = outcome.traces_lost == 0 && outcome.latency.sent.len() as u64 == stats.on_wire;
    let refused = stats.refused_by_venue + stats.unknown_refusals;
    // rustls allocates for each record; with it the check would only repeat that.
    let promised = !run.config.tls.enabled || run.config.tls.mode == TlsMode::RecordLayer;
    let allocations = &run.allocations;
    vec![
        Check {
            what: "send order equals arrival order",
            holds: order.violation.is_none()
                && order.numbered
                && complete
                && order.in_order > 0
                && order.missing as u64 <= refused,
            detail: match order.violation {
                Some(at) => format!("the venue's arrival {at} is out of order"),
                None if !complete => format!(
                    "{} commands on the wire, {} logged",
                    stats.on_wire,
                    outcome.latency.sent.len()
                ),
                None => format!(
                    "{} sent, {} arrived at the trading engine in that order, {} refused before it",
                    outcome.latency.sent.len(),
                    order.in_order,
                    order.missing
                ),
            },
        },
        Check {
            what: "every book checksum is right",
            holds: stats.checksums_failed == 0 && stats.checksums_verified > 0,
            detail: format!(
                "{} verified, {} wrong",
                stats.checksums_verified, stats.checksums_failed
            ),
        },
        Check {
            what: "no allocation on the path after start",
            holds: !promised || (allocations.counted && allocations.count == 0),
            detail: match &allocations.first_stack {
                _ if !allocations.counted => "not counted in this program".into(),
                None => "0".into(),
                Some(_) if !promised => format!("{} (rustls allocates)", allocations.count),
                Some(stack) => format!("{}, the first here:\n{stack}", allocations.count),
            },
        },
        Check {
            what: "every command ended exactly once",
            holds: stats.lane_violations == 0
                && outcome.desk.commands_under_way() == 0
                && stats.commands() == stats.on_wire + stats.withdrawn,
            detail: format!("{} on the wire, {} withdrawn", stats.on_wire, stats.withdrawn),
        },
        Check {
            what: "no order is left behind",
            holds: run.farewell == Ok(0) && outcome.desk.orders().live_len() == 0,
            detail: format!(
                "{} at the engine, {}",
                outcome.desk.orders().live_len(),
                match &run.farewell {
                    Ok(open) => format!("{open} open at the venue"),
                    Err(error) => format!("the venue did not say ({error})"),
                }
            ),
        },
        Check {
            what: "both sessions were logged out in good order",
            holds: outcome.ended == [Some(DownReason::LoggedOut); 2],
            detail: ["market data", "trading"]
                .iter()
                .zip(&outcome.ended)
                .map(|(session, reason)| match reason {
                    Some(reason) => format!("{session}: {reason}"),
                    None => format!("{session}: still up"),
                })
                .collect::<Vec<_>>()
                .join(", "),
        },
        Check {
            what: "client and venue agree",
            holds: stats.disagreements == 0
                && stats.unknown_reports == 0
                && stats.unknown_refusals == 0
                && stats.fills_duplicate == 0
                && stats.alarms == 0,
            detail: format!(
                "{} disagreements, {} unknown reports, {} alarms",
                stats.disagreements,
                stats.unknown_reports + stats.unknown_refusals,
                stats.alarms
            ),
        },
        Check {
            what: "threads run where they were asked to",
            holds: pinning.iter().all(Pinning::holds),
            detail: pinning
                .iter()
                .map(|p| match p.asked {
                    Some(core) => format!("{} on {core}", p.thread),
                    None => format!("{} not pinned", p.thread),
                })
                .collect::<Vec<_>>()
                .join(", "),
        },
    ]
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counts, .. } = self;
        writeln!(f, "\n{:.1} s, layout {}, wire {}", self.seconds, self.layout, self.wire)?;
        writeln!(f, "TLS {}, idle {}; {}", self.tls, self.idle, self.liquidity)?;
        writeln!(
            f,
            "\n  book updates {:>9}  {:>9.0}/s    commands {:>7}  {:>7.0}/s",
            counts.book_updates,
            counts.book_updates_per_second,
            counts.commands,
            counts.commands_per_second
        )?;
        writeln!(
            f,
            "  orders {} (acks {}), amends {} (acks {}), cancels {} (done {}), fills {}",
            counts.orders,
            counts.acks,
            counts.amends,
            counts.amend_acks,
            counts.cancels,
            counts.cancelled,
            counts.fills
        )?;
        let last = |what: &str, reason: &Option<String>| match reason {
            Some(reason) => format!(" ({what}: {reason})"),
            None => String::new(),
        };
        writeln!(
            f,
            "  refused by the venue {}{}, by our own risk check {}{}",
            counts.refused_by_venue,
            last("last", &counts.venue_refusal),
            counts.refused_here,
            last("still", &counts.trouble),
        )?;
        for traded in &self.instruments {
            let pnl = traded.profit_and_loss.as_deref().unwrap_or("unknown");
            writeln!(
                f,
                "  {}: position {} (bought {}, sold {}), profit and loss {pnl} {}",
                traded.symbol.0, traded.position, traded.bought, traded.sold, traded.quote
            )?;
        }
        writeln!(
            f,
            "\n  {:<16}{:>9}{:>9}{:>9}{:>9}{:>11}{:>10}",
            "us", "p50", "p90", "p99", "p99.9", "max", "samples"
        )?;
        for row in self.stages.iter().chain([&self.total, &self.order_to_answer]) {
            write_row(f, row)?;
        }
        writeln!(f)?;
        for check in &self.checks {
            let mark = if check.holds { "ok  " } else { "FAIL" };
            writeln!(f, "  {mark} {}: {}", check.what, check.detail)?;
        }
        Ok(())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let us = |ns: u64| format!("{}.{:02}", ns / 1000, ns % 1000 / 10);
    writeln!(
        f,
        "  {:<16}{:>9}{:>9}{:>9}{:>9}{:>11}{:>10}",
        row.name,
        us(row.p50_ns),
        us(row.p90_ns),
        us(row.p99_ns),
        us(row.p999_ns),
        us(row.max_ns),
        row.count
    )
}

/// The live line.
pub fn progress(elapsed: Duration, progress: &Progress) -> String {
    let stats = &progress.stats;
    format!(
        "{:>5.1} s  books {:>8}  commands {:>7}  acks {:>7}  fills {:>5}  refused {:>3}  checksums {}{}",
        elapsed.as_secs_f64(),
        stats.book_updates,
        stats.commands(),
        stats.acks + stats.replaced,
        stats.fills,
        stats.refused_by_venue + stats.refused_here,
        stats.checksums_verified,
        if stats.checksums_failed > 0 { " WRONG" } else { " ok" },
    )
}
