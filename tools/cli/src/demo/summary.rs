//! What a run came to: for people, for machines, and whether everything that was promised held.

use std::fmt::{self, Display};
use std::time::Duration;

use serde::Serialize;
use taut::config::EngineConfig;
use taut::event::DownReason;
use taut::pipeline::{Faults, MARKET_DATA, Memory, Outcome, Pinning, Progress, TRADING};
use taut::strategy::{InstrumentId, OrderState, Refusal, Symbol};
use taut::trace::allocation::Allocations;
use taut::trace::{Row, Sent};
use taut::wire::tls::TlsMode;
use taut_codec::value::Decimal;

use super::journal_check::in_order;
use super::maker::Maker;
use super::order_check::{Arrival, compare};
use super::told::{Line, Log};

/// The circumstances of a run.
pub struct Run<'a> {
    pub seconds: f64,
    pub config: &'a EngineConfig,
    pub liquidity: &'a str,
    pub venue_core: Option<usize>,
    pub venue_cores: &'a [usize],
    /// The venue's arrival log, if it ended so that it was written.
    pub arrivals: Option<&'a [Arrival]>,
    /// What was told of the sessions.
    pub sessions: Log,
    /// The commands in the journal, if there is one.
    pub stored: Option<Vec<Sent>>,
    /// Whether the trading session was cut on purpose.
    pub cut: bool,
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
    /// From the start of the engine to the first logon of market data and of trading, milliseconds.
    logged_on_after_ms: [Option<f64>; 2],
    /// Of the engine's process, at the end.
    memory: Option<Memory>,
    counts: Counts,
    instruments: Vec<Traded>,
    stages: Vec<Row>,
    total: Row,
    /// Commands of which the stamps do not rise from stage to stage: in no row.
    disordered: u64,
    /// Of the threads of the path.
    page_faults: Vec<Faults>,
    order_to_answer: Row,
    pinning: Vec<Pinning>,
    reconnects: Reconnects,
    /// What sessions that were lost took with them.
    lost: Lost,
    /// What happened to the sessions, oldest first.
    sessions: Vec<Line>,
    /// What was too much to be told.
    sessions_untold: u64,
    checks: Vec<Check>,
}

/// How often a session that had been up came back.
#[derive(Debug, Serialize)]
struct Reconnects {
    market_data: u64,
    trading: u64,
}

/// What was lost with connections, and came back.
#[derive(Debug, Serialize)]
struct Lost {
    /// Times that an order became uncertain.
    orders_uncertain: u64,
    /// Orders of which it is not known to the end whether they were.
    orders_unresolved: usize,
    /// Commands that did not arrive, and were declared void.
    commands_void: usize,
    /// Commands that did not arrive, and that the venue could not ask for: it had no further connection.
    commands_unaccounted: usize,
    /// Messages of the venue that were asked for again.
    asked_again: u64,
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
    /// Of those, amends whose order had been filled before they arrived.
    amends_behind_fills: u64,
    not_sent: Vec<NotSent>,
    /// Stalls of threads and full rings: of the machine, or of the strategy, not of a session.
    engine_alarms: u64,
    trouble: Option<String>,
}

/// What was asked for and not sent, for one reason.
#[derive(Debug, Serialize)]
struct NotSent {
    reason: String,
    count: u64,
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
    pub fn of(outcome: &Outcome<Maker>, run: Run<'_>) -> Self {
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
            amends_behind_fills: outcome.desk.strategy().behind_fills(),
            not_sent: not_sent(outcome.desk.strategy().not_sent().iter(), stats.refused_here),
            engine_alarms: stats.engine_alarms,
            trouble: outcome.desk.strategy().trouble().map(reason),
        };
        let instruments =
            outcome.desk.markets().iter().map(|(id, _)| traded(outcome, id)).collect();
        let mut pinning = outcome.pinning.clone();
        let allowed = run.venue_cores.to_vec();
        pinning.push(Pinning::new("taut-venue", run.venue_core, allowed));
        let checks = checks(outcome, &run, &pinning);
        let [market_data, trading] = run.sessions.reconnects;
        let arrivals = run.arrivals.unwrap_or_default();
        let order = compare(&outcome.sent, arrivals, &run.sessions.void, cut_short(outcome));
        let lost = Lost {
            orders_uncertain: stats.uncertain,
            orders_unresolved: unresolved(outcome),
            commands_void: order.void,
            commands_unaccounted: order.lost,
            asked_again: run.sessions.asked_again,
        };
        Self {
            layout: format!("{:?}", run.config.path.layout).to_lowercase(),
            wire: run.config.path.wire().to_string(),
            tls: match (run.config.tls.enabled, run.config.tls.mode) {
                (false, _) => "none",
                (true, TlsMode::RecordLayer) => "1.3, own record layer",
                (true, TlsMode::Rustls) => "1.3, rustls",
            },
            idle: format!("{:?}", outcome.idle).to_lowercase(),
            liquidity: run.liquidity.to_owned(),
            seconds: run.seconds,
            logged_on_after_ms: [MARKET_DATA, TRADING].map(|session| {
                let after = outcome.logged_on_after[usize::from(session.0)];
                after.map(|after| after.as_secs_f64() * 1e3)
            }),
            memory: outcome.memory,
            counts,
            instruments,
            stages: outcome.latency.stages.clone(),
            total: outcome.latency.total,
            disordered: outcome.latency.disordered,
            page_faults: outcome.faults.clone(),
            order_to_answer: outcome.latency.round_trip,
            pinning,
            reconnects: Reconnects { market_data, trading },
            lost,
            sessions: run.sessions.lines,
            sessions_untold: outcome.desk.strategy().untold(),
            checks,
        }
    }

    /// Whether every check holds.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// A refusal of the desk in the words of a trader.
fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::CommandRate { .. } => "rate limit".into(),
        other => other.name().into(),
    }
}

/// The most frequent reason first. What the strategy did not count itself, up to `all`, comes last.
fn not_sent(counted: impl Iterator<Item = (Refusal, u64)>, all: u64) -> Vec<NotSent> {
    let line = |(refusal, count)| NotSent { reason: reason(refusal), count };
    let mut lines: Vec<_> = counted.map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.count));
    let counted: u64 = lines.iter().map(|line| line.count).sum();
    if all > counted {
        lines.push(NotSent { reason: "for other reasons".into(), count: all - counted });
    }
    lines
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

/// Orders that are uncertain to the end: a report could say what became of them, and none came.
fn unresolved(outcome: &Outcome<Maker>) -> usize {
    let live = outcome.desk.orders().live();
    live.filter(|order| order.state == OrderState::Uncertain).count()
}

/// Whether trading ended otherwise than by a Logout that was answered: what was on its way then is lost, be
/// it commands or answers.
fn cut_short(outcome: &Outcome<Maker>) -> bool {
    outcome.ended[1] != Some(DownReason::LoggedOut)
}

fn send_order(outcome: &Outcome<Maker>, run: &Run<'_>) -> Check {
    let what = "send order equals arrival order";
    let Some(arrivals) = run.arrivals else {
        return Check { what, holds: false, detail: "no arrival log".into() };
    };
    let (stats, sent) = (outcome.desk.stats(), &outcome.sent);
    let lost = outcome.traces_lost + outcome.sent_lost;
    let cut_short = cut_short(outcome);
    let order = compare(sent, arrivals, &run.sessions.void, cut_short);
    // What was refused on the way was refused to us, too.
    let refused = order.gateway + order.oes;
    let told = stats.refused_by_venue + stats.unknown_refusals;
    let complete = lost == 0 && sent.len() as u64 == stats.on_wire;
    let all_told = refused as u64 <= told || cut_short;
    let holds =
        complete && order.difference.is_none() && order.numbered && order.arrived > 0 && all_told;
    let detail = if !complete {
        format!("{} commands on the wire, {} logged, {lost} lost", stats.on_wire, sent.len())
    } else if let Some(difference) = order.difference {
        difference.to_string()
    } else if !order.numbered {
        "MsgSeqNum does not increase".into()
    } else if !all_told {
        format!("{refused} refused before the trading engine, {told} told to us")
    } else {
        format!(
            "{} sent; in that order {} arrived at the trading engine, {refused} were refused before it{}{}",
            sent.len(),
            order.arrived,
            match order.void {
                0 => String::new(),
                void => format!(", {void} were lost with a connection and declared void"),
            },
            match order.lost {
                0 => String::new(),
                lost =>
                    format!(", the last {lost} were lost with a connection that did not come back"),
            }
        )
    };
    Check { what, holds, detail }
}

/// A message is stored before it is sent, so the journal has every command.
fn journal_check(outcome: &Outcome<Maker>, stored: &[Sent]) -> Check {
    let sent = &outcome.sent;
    let found = in_order(sent, stored);
    let trouble = outcome.journal_trouble.as_ref();
    Check {
        what: "the journal holds every command, in order",
        holds: found == sent.len() && found > 0 && trouble.is_none(),
        detail: match trouble {
            Some(error) => format!("{found} of {}; {error}", sent.len()),
            None => format!("{found} of {}", sent.len()),
        },
    }
}

fn checks(outcome: &Outcome<Maker>, run: &Run<'_>, pinning: &[Pinning]) -> Vec<Check> {
    let mut checks = standing_checks(outcome, run, pinning);
    if run.cut {
        checks.push(Check {
            what: "the session that was cut came back",
            holds: run.sessions.reconnects[1] > 0,
            detail: format!("{} times", run.sessions.reconnects[1]),
        });
    }
    checks.extend(run.stored.as_ref().map(|stored| journal_check(outcome, stored)));
    checks
}

fn standing_checks(outcome: &Outcome<Maker>, run: &Run<'_>, pinning: &[Pinning]) -> Vec<Check> {
    let stats = outcome.desk.stats();
    let (live, unresolved) = (outcome.desk.orders().live_len(), unresolved(outcome));
    // What a lost connection took with it is asked for or declared void: told, and no cause for alarm.
    let came_back = run.sessions.reconnects != [0, 0];
    let recovered = if came_back { run.sessions.recovered } else { 0 };
    let alarms = stats.alarms.saturating_sub(recovered);
    // rustls allocates for each record; with it the check would only repeat that.
    let promised = !run.config.tls.enabled || run.config.tls.mode == TlsMode::RecordLayer;
    let allocations = &run.allocations;
    vec![
        send_order(outcome, run),
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
            // An uncertain one that the venue does not have is none.
            holds: run.farewell == Ok(0) && live == unresolved && (live == 0 || came_back),
            detail: format!(
                "{} at the engine, {}",
                live - unresolved,
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
                && alarms == 0,
            detail: format!(
                "{} disagreements, {} unknown reports, {} alarms",
                stats.disagreements,
                stats.unknown_reports + stats.unknown_refusals,
                alarms
            ),
        },
        Check {
            what: "threads run where they were asked to",
            holds: pinning.iter().all(Pinning::holds),
            detail: pinning.iter().map(place_of).collect::<Vec<_>>().join(", "),
        },
    ]
}

/// Where a thread ran, as the kernel has it.
fn place_of(pinning: &Pinning) -> String {
    let Pinning { thread, asked: Some(asked), allowed, .. } = pinning else {
        return format!("{} not pinned", pinning.thread);
    };
    let cores: Vec<String> = allowed.iter().map(usize::to_string).collect();
    let instead = if *allowed == [*asked] { String::new() } else { format!(" instead of {asked}") };
    format!("{thread} on {}{instead}", cores.join(" and "))
}

/// Why a venue refuses amends that were right when they were sent.
const BEHIND_FILLS: &str = "chained amends behind a fill; the order was filled before they arrived, \
    so the venue knows it no longer";

/// Why a command is in no row of the table.
const DISORDERED: &str = "their stamps do not rise from stage to stage, as where the time stamp counters of \
    the cores differ";

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counts, .. } = self;
        writeln!(f, "\n{:.1} s, layout {}, wire {}", self.seconds, self.layout, self.wire)?;
        writeln!(f, "TLS {}, idle {}; {}", self.tls, self.idle, self.liquidity)?;
        let [market_data, trading] = self.logged_on_after_ms.map(|after| match after {
            Some(ms) => format!("{ms:.1} ms"),
            None => "never".to_owned(),
        });
        write!(f, "logged on after: market data {market_data}, trading {trading}")?;
        if let Some(memory) = self.memory {
            let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
            let [resident, huge, locked] =
                [memory.resident_kib, memory.huge_kib, memory.locked_kib].map(mib);
            write!(f, "; memory {resident}, in huge pages {huge}, locked {locked}")?;
        }
        writeln!(f)?;
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
            "  refused by the venue {}{}",
            counts.refused_by_venue,
            last("last", &counts.venue_refusal)
        )?;
        if counts.amends_behind_fills > 0 {
            writeln!(f, "  {} of those: {BEHIND_FILLS}", counts.amends_behind_fills)?;
        }
        if !counts.not_sent.is_empty() {
            let one = |line: &NotSent| format!("{} {}", line.count, line.reason);
            let reasons: Vec<_> = counts.not_sent.iter().map(one).collect();
            let still = last("still", &counts.trouble);
            writeln!(f, "  not sent: {}{still}", reasons.join(", "))?;
        }
        let Reconnects { market_data, trading } = self.reconnects;
        if market_data + trading > 0 || self.lost.orders_uncertain > 0 {
            writeln!(f, "  reconnects: market data {market_data}, trading {trading}")?;
            writeln!(
                f,
                "  lost with the connection: {} orders became uncertain ({} still are), {} commands did not \
                 arrive, {} messages of the venue were asked for again",
                self.lost.orders_uncertain,
                self.lost.orders_unresolved,
                self.lost.commands_void + self.lost.commands_unaccounted,
                self.lost.asked_again
            )?;
        }
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
            "\n  {:<16}{:>9}{:>9}{:>9}{:>9}{:>9}{:>11}{:>10}",
            "us", "mean", "p50", "p90", "p99", "p99.9", "max", "samples"
        )?;
        for row in self.stages.iter().chain([&self.total, &self.order_to_answer]) {
            write_row(f, row)?;
        }
        if self.disordered > 0 {
            writeln!(f, "  {} commands are not in the table: {DISORDERED}", self.disordered)?;
        }
        let faults = self.page_faults.iter().map(|faults| {
            format!("{} {} minor, {} major", faults.thread, faults.minor, faults.major)
        });
        let faults: Vec<String> = faults.collect();
        writeln!(f, "\n  page faults of the path after its start: {}\n", faults.join("; "))?;
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
        "  {:<16}{:>9.2}{:>9}{:>9}{:>9}{:>9}{:>11}{:>10}",
        row.name,
        row.mean_ns / 1e3,
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
        "{:>5.1} s  books {:>8}  commands {:>7}  acks {:>7}  fills {:>5}  refused {:>3}  checksums {}{}{}",
        elapsed.as_secs_f64(),
        stats.book_updates,
        stats.commands(),
        stats.acks + stats.replaced,
        stats.fills,
        stats.refused_by_venue + stats.refused_here,
        stats.checksums_verified,
        if stats.checksums_failed > 0 { " WRONG" } else { " ok" },
        if progress.killed.is_some() { "  KILLED" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_said_to_be_where_the_kernel_has_it_not_where_it_was_asked_to_be() {
        let place = |asked, allowed: &[usize]| {
            place_of(&Pinning::new("taut-inline", asked, allowed.to_vec()))
        };
        assert_eq!(place(Some(1), &[1]), "taut-inline on 1");
        assert_eq!(place(Some(7), &[0, 1]), "taut-inline on 0 and 1 instead of 7");
        assert_eq!(place(None, &[0, 1]), "taut-inline not pinned");
    }

    #[test]
    fn what_was_not_sent_is_listed_by_reason_and_adds_up() {
        let rate = Refusal::CommandRate { wait_ns: 1 };
        let counted = [(rate, 3), (Refusal::CancelPending, 120)];
        let text = |all| -> Vec<String> {
            let lines = not_sent(counted.into_iter(), all);
            lines.iter().map(|line| format!("{} {}", line.count, line.reason)).collect()
        };
        assert_eq!(text(123), ["120 a cancel is pending", "3 rate limit"]);
        assert_eq!(text(125).last().map(String::as_str), Some("2 for other reasons"));
        assert!(not_sent(std::iter::empty(), 0).is_empty());
    }
}
