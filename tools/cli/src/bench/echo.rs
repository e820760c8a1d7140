//! What the machine can do without us, taken in the same round: a spinning echo over loopback, and the
//! way of one line of the cache between two cores.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use taut::pipeline::pin_current;
use taut::trace::{Clock, Row};

/// Bytes there and back: about an order, and about its report.
const BYTES: usize = 200;
/// Exchanges that are not counted, at the start.
const WARM_UP: u64 = 100;
/// Exchanges of a line of the cache in one figure.
const LINE_EXCHANGES: u64 = 200_000;

/// Two cores, each with a thread that spins.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// The one that asks.
    pub near: usize,
    /// The one that answers.
    pub far: usize,
}

/// Sends 200 bytes and waits for as many, over and over, between two spinning threads on loopback.
///
/// # Errors
/// What the system refuses.
pub fn echo(pair: Pair, length: Duration) -> io::Result<Row> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    for stream in [&near, &far] {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
    }
    let over = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&over);
    let answering = std::thread::Builder::new().name("taut-echo".into()).spawn(move || {
        let _pinned = pin_current("echo", Some(pair.far));
        let mut bytes = [0; BYTES];
        while transfer(&mut far, &mut bytes, &theirs)? {}
        io::Result::Ok(())
    })?;
    let asking = std::thread::Builder::new().name("taut-ask".into()).spawn(move || {
        let _pinned = pin_current("ask", Some(pair.near));
        let result = ask(&mut near, length, &over);
        over.store(true, Ordering::Relaxed);
        result
    })?;
    let panicked = || io::Error::other("a thread of the echo panicked");
    let row = asking.join().map_err(|_| panicked())?;
    answering.join().map_err(|_| panicked())??;
    row
}

fn ask(stream: &mut TcpStream, length: Duration, over: &AtomicBool) -> io::Result<Row> {
    let clock = Clock::system();
    let mut times =
        Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are valid");
    let mut bytes = [0; BYTES];
    let started = Instant::now();
    let mut exchanges = 0;
    while started.elapsed() < length {
        let sent = clock.ticks();
        send(stream, &bytes)?;
        receive(stream, &mut bytes, over)?;
        exchanges += 1;
        if exchanges > WARM_UP {
            times.saturating_record(clock.nanos_between(sent, clock.ticks()));
        }
    }
    Ok(Row::of("echo", &times))
}

/// Answers once; `false` when it is over.
fn transfer(stream: &mut TcpStream, bytes: &mut [u8], over: &AtomicBool) -> io::Result<bool> {
    let goes_on = receive(stream, bytes, over)?;
    if goes_on {
        send(stream, bytes)?;
    }
    Ok(goes_on)
}

fn send(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `bytes`; `false` if it is over before.
fn receive(stream: &mut TcpStream, bytes: &mut [u8], over: &AtomicBool) -> io::Result<bool> {
    let mut have = 0;
    while have < bytes.len() {
        match stream.read(&mut bytes[have..]) {
            Ok(0) => return Ok(false),
            Ok(more) => have += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if over.load(Ordering::Relaxed) {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Nanoseconds that a line of the cache takes to the other core and back, the mean of many.
///
/// # Errors
/// What the system refuses.
pub fn cache_line(pair: Pair) -> io::Result<u64> {
    /// Alone in its line, and in the one that is fetched with it.
    #[repr(align(128))]
    struct Line(AtomicU64);
    let line = Arc::new(Line(AtomicU64::new(0)));
    let theirs = Arc::clone(&line);
    // An odd number is a question, the even one after it its answer.
    let answering = std::thread::Builder::new().name("taut-line".into()).spawn(move || {
        let _pinned = pin_current("line", Some(pair.far));
        for turn in 0..LINE_EXCHANGES {
            while theirs.0.load(Ordering::Acquire) != 2 * turn + 1 {
                std::hint::spin_loop();
            }
            theirs.0.store(2 * turn + 2, Ordering::Release);
        }
    })?;
    let asking = std::thread::Builder::new().name("taut-line".into()).spawn(move || {
        let _pinned = pin_current("line", Some(pair.near));
        let started = Instant::now();
        for turn in 0..LINE_EXCHANGES {
            line.0.store(2 * turn + 1, Ordering::Release);
            while line.0.load(Ordering::Acquire) != 2 * turn + 2 {
                std::hint::spin_loop();
            }
        }
        started.elapsed().as_nanos() as u64 / LINE_EXCHANGES
    })?;
    let panicked = |_| io::Error::other("a thread of the probe panicked");
    let nanos = asking.join().map_err(panicked)?;
    answering.join().map_err(panicked)?;
    Ok(nanos)
}
