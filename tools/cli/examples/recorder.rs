//! Sends nothing and writes the best prices and all trades as lines of text, on a thread of its own: a
//! strategy's callbacks must not wait for a disk. `cargo run --release --example recorder -- --out FILE`.

pub mod common;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use taut::desk::DeskStats;
use taut::pipeline::Outcome;
use taut::strategy::{
    Context, Instrument, InstrumentId, Level, MarketTrade, Side, Strategy, Symbol,
};
use taut_codec::value::UtcTime;

use clap::Parser;
use common::Options;

/// Lines that may wait for the disk; those that find no room are counted.
const WAITING_MAX: usize = 64 * 1024;

/// One line.
enum Seen {
    Best { at: UtcTime, facts: Instrument, bid: Option<Level>, ask: Option<Level> },
    Trade { at: UtcTime, facts: Instrument, trade: MarketTrade },
}

/// Passes on what it sees.
pub struct Recorder {
    lines: SyncSender<Seen>,
    /// Lines that found no room.
    pub lost: u64,
    /// The best prices that were written last, by instrument.
    last: Vec<Option<(Option<Level>, Option<Level>)>>,
}

impl Recorder {
    fn new() -> (Self, Receiver<Seen>) {
        let (lines, written) = sync_channel(WAITING_MAX);
        (Self { lines, lost: 0, last: vec![None; taut::limits::INSTRUMENTS_MAX] }, written)
    }

    fn write(&mut self, seen: Seen) {
        self.lost += u64::from(self.lines.try_send(seen).is_err());
    }
}

impl Strategy for Recorder {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let (Some(book), Some(facts)) = (ctx.book(id), ctx.instrument(id)) else { return };
        let (bid, ask) = (book.best_bid(), book.best_ask());
        let (at, facts) = (ctx.now(), *facts);
        if self.last[usize::from(id.0)].replace((bid, ask)) != Some((bid, ask)) {
            self.write(Seen::Best { at, facts, bid, ask });
        }
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &MarketTrade) {
        let (at, Some(facts)) = (ctx.now(), ctx.instrument(trade.instrument)) else { return };
        let (facts, trade) = (*facts, *trade);
        self.write(Seen::Trade { at, facts, trade });
    }
}

/// `time,symbol,best,bid,quantity,ask,quantity` and `time,symbol,trade,price,quantity,aggressor`.
fn write_all(lines: &Receiver<Seen>, mut out: impl Write) -> std::io::Result<u64> {
    let mut count = 0;
    for line in lines {
        match line {
            Seen::Best { at, facts, bid, ask } => {
                start(&mut out, at, facts.symbol, "best")?;
                for level in [bid, ask] {
                    match level {
                        Some(Level { px, qty, .. }) => {
                            write!(out, ",{},{}", facts.px_decimal(px), facts.qty_decimal(qty))?;
                        }
                        None => write!(out, ",,")?,
                    }
                }
            }
            Seen::Trade { at, facts, trade } => {
                start(&mut out, at, facts.symbol, "trade")?;
                let (px, qty) = (facts.px_decimal(trade.px), facts.qty_decimal(trade.qty));
                let aggressor = match trade.aggressor {
                    Some(Side::Buy) => "buy",
                    Some(Side::Sell) => "sell",
                    None => "",
                };
                write!(out, ",{px},{qty},{aggressor}")?;
            }
        }
        writeln!(out)?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

fn start(out: &mut impl Write, at: UtcTime, symbol: Symbol, what: &str) -> std::io::Result<()> {
    write!(out, "{},{symbol},{what}", String::from_utf8_lossy(&at.to_fix_millis()))
}

/// Runs it. Returns the engine's outcome and how many lines were written.
pub fn run(
    options: &Options,
    enough: impl Fn(&DeskStats) -> bool,
) -> Result<(Outcome<Recorder>, u64), Box<dyn std::error::Error>> {
    let out: Box<dyn Write + Send> = match &options.out {
        Some(file) => Box::new(BufWriter::new(File::create(file)?)),
        None => Box::new(std::io::stdout()),
    };
    let (recorder, lines) = Recorder::new();
    let writer = std::thread::spawn(move || write_all(&lines, out));
    let mut outcome = common::run(options, recorder, enough)?;
    // The writer ends with the last sender.
    outcome.desk.strategy_mut().lines = sync_channel(0).0;
    let count = writer.join().map_err(|_| "the writer panicked")??;
    Ok((outcome, count))
}

#[allow(dead_code, reason = "the test calls `run`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (outcome, count) = run(&Options::parse(), |_| false)?;
    eprintln!("{count} lines written, {} lost", outcome.desk.strategy().lost);
    Ok(())
}
