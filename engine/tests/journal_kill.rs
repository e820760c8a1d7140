//! A process is killed (kill -9) at random moments while its session sends and receives, and its next
//! life goes on from the journal. A normal run kills 201 times, a third with each durability; `TAUT_KILLS=N`
//! for another number.
//!
//! A child runs a real session over a real journal of small segments, with its housekeeper on a thread, and
//! says after each step what it has been told is stored. It lives for a random number of steps, through several
//! rotations and deletions of segments, and a random while more, so that it dies anywhere. The next one goes on
//! in the same directory. After each kill the parent checks:
//!
//! * that the journal opens, no whole record was cut off and no segment lost ([`check`]);
//! * that next in, next out, the nonce and the ClOrdID watermark are at least what any life had been told
//!   ([`check`]);
//! * the file ([`check_messages`]): every message is whole and has the number that its record says, what was
//!   sent has numbers in a row without a hole or a repetition, no ClOrdID was used twice or is above the
//!   watermark, no received number is above what is expected next, every order is byte for byte what was to be
//!   sent, and what is mapped is found by its number for a resend;
//! * the next Logon ([`check_next_logon`]): it has the next number and a nonce above all before it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use taut::journal::{
    AppendError, Direction, Durability, EntryKind, Journal, JournalConfig, Keeper, Reader, State,
};
use taut::kraken::logon::{Credentials, Logon};
use taut::secret::Secret;
use taut::session::{Outbox, Session, SessionConfig, is_admin};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

/// Set in the child: the journal's directory.
const DIR: &str = "TAUT_JOURNAL_KILL_DIR";
const DURABILITY: &str = "TAUT_JOURNAL_KILL_DURABILITY";

const NOW: UtcTime = UtcTime::from_millis(1_775_572_321_000);

fn config(durability: Durability) -> JournalConfig {
    JournalConfig {
        durability,
        interval: Duration::from_millis(2),
        // Small, so that kills hit rotations.
        segment_bytes: 16 * 1024,
        segments_kept: 8,
        segments_mapped: 8,
        index_messages: 4096,
        message_bytes_max: 4096,
        blanks_secrets: true,
    }
}

fn session_config() -> SessionConfig {
    let id = |text: &str| text.parse().expect("a CompID");
    SessionConfig::initiator(id("CLIENT"), id("KRAKEN-TRD"))
}

fn logon() -> Logon {
    let credentials = Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0"));
    Logon::trading(credentials.expect("good ones"), true)
}

/// A session, its Logon and its way out, as the journal says.
struct Life {
    session: Session,
    logon: Logon,
    outbox: Outbox,
}

impl Life {
    fn from(state: State) -> Self {
        let mut session = Session::new(session_config());
        assert!(session.restore(state.epoch, state.next_in, state.next_out));
        let mut logon = logon();
        logon.continue_after(state.nonce);
        Self { session, logon, outbox: Outbox::with_capacity(256 * 1024) }
    }

    fn keeper(&mut self) -> &mut Keeper {
        self.session.store_mut().expect("it was attached")
    }

    fn connect(&mut self) {
        let Self { session, logon, outbox } = self;
        let sent = session.connected(NOW, outbox, |out, number| {
            logon.write(out, number, b"CLIENT", b"KRAKEN-TRD", NOW);
        });
        sent.expect("there is room for a Logon");
    }
}

/// A message of the peer.
fn from_peer(msg_type: &str, number: u64, body: &str) -> Vec<u8> {
    let time = String::from_utf8(NOW.to_fix_millis().to_vec()).expect("ASCII");
    let body = format!("35={msg_type}|34={number}|49=KRAKEN-TRD|52={time}|56=CLIENT|{body}");
    let mut message = format!("8=FIX.4.4|9={}|{body}", body.len()).replace('|', "\x01");
    let sum = message.bytes().fold(0u8, u8::wrapping_add);
    message.push_str(&format!("10={sum:03}\x01"));
    message.into_bytes()
}

fn receive(life: &mut Life, bytes: &[u8]) {
    let mut fields = vec![Field::default(); 64];
    let count = Scanner::new().index(bytes, &mut fields).expect("it indexes");
    let message = Message::new(bytes, &fields[..count]);
    life.session.received(&message, NOW, &mut life.outbox);
    let seq = message.msg_seq_num().expect("it has one");
    until_stored(|| Keeper::inbound(&mut life.session, Some((seq, bytes)), NOW));
}

/// What order `cl_ord_id` says: of a length that varies, so that records end anywhere.
fn text_of(cl_ord_id: u64) -> String {
    "x".repeat(1 + (cl_ord_id as usize * 31) % 700)
}

/// The child: says on standard output what it has been told is stored, until it is killed. One line for
/// each step: next_in, next_out, nonce, ClOrdID.
fn live(dir: &Path, durability: Durability) -> ! {
    let (mut journal, recovered) = Journal::open(dir, config(durability)).expect("it opens");
    let mut housekeeper = journal.housekeeper().expect("the first time");
    std::thread::spawn(move || {
        loop {
            housekeeper.run(Instant::now()).expect("the disk has room");
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    assert_eq!(recovered.state.unwrap_or(State::START), journal.state());
    let mut life = Life::from(journal.state());
    let mut cl_ord_id = journal.state().cl_ord_id_watermark;
    Keeper::attach(&mut life.session, journal).expect("it was never connected");
    let mut out = std::io::stdout().lock();
    life.connect();
    let nonce = life.logon.last_nonce();
    life.keeper().used_nonce(nonce);
    store(&mut life);
    tell(&mut out, &life, cl_ord_id);
    let answer = from_peer("A", life.session.next_in(), "98=0|108=60|");
    receive(&mut life, &answer);
    for round in 0u64.. {
        for _ in 0..round % 4 {
            cl_ord_id += 1;
            let text = text_of(cl_ord_id);
            let sent = life.session.send(b"D", NOW, &mut life.outbox, |body| {
                body.uint(11, cl_ord_id).bytes(58, text.as_bytes());
            });
            sent.expect("there is room");
            life.keeper().used_cl_ord_id(cl_ord_id);
        }
        store(&mut life);
        let number = life.session.next_in();
        let gap_fill = format!("36={}|123=Y|", number + 3);
        let bytes = match round % 7 {
            3 => from_peer("4", number, &gap_fill),
            _ => from_peer("8", number, "37=1|"),
        };
        receive(&mut life, &bytes);
        tell(&mut out, &life, cl_ord_id);
    }
    unreachable!("there is no last number")
}

/// Stores what is in the outbox, then it may go to the wire.
fn store(life: &mut Life) {
    until_stored(|| Keeper::outbound(&mut life.session, &life.outbox, NOW));
    let count = life.outbox.pending().len();
    life.outbox.consume(count);
}

/// A test's segments are small, so the housekeeper may be behind.
fn until_stored(mut attempt: impl FnMut() -> Result<(), AppendError>) {
    loop {
        match attempt() {
            Ok(()) => return,
            Err(AppendError::NoSegment) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn tell(out: &mut impl Write, life: &Life, cl_ord_id: u64) {
    let (session, nonce) = (&life.session, life.logon.last_nonce());
    let line = format!("{} {} {nonce} {cl_ord_id}\n", session.next_in(), session.next_out());
    out.write_all(line.as_bytes()).expect("the parent listens");
}

/// What the child said last, whole lines only.
fn told(line: &str) -> Option<[u64; 4]> {
    let line = line.strip_suffix('\n')?;
    let mut numbers = line.split(' ').map(|n| n.parse().expect("a number"));
    Some(std::array::from_fn(|_| numbers.next().expect("four of them")))
}

fn start(dir: &Path, durability: &str) -> Child {
    Command::new(std::env::current_exe().expect("there is one"))
        .args(["--exact", "a_killed_process_goes_on_where_it_was", "--nocapture", "--quiet"])
        .env(DIR, dir)
        .env(DURABILITY, durability)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// Lets a child live for a random while, but for at most `steps_max` steps and a little more, and returns the
/// last thing that it said.
fn live_and_kill(
    dir: &Path,
    durability: &str,
    steps_max: u64,
    random: &mut impl FnMut(u64) -> u64,
) -> [u64; 4] {
    let mut child = start(dir, durability);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let (mut last, mut line) = ([1, 1, 0, 0], String::new());
    // The test harness prints before the test does.
    let mut listen = |lines: &mut BufReader<_>| {
        line.clear();
        let read = lines.read_line(&mut line).expect("the pipe reads");
        if line.starts_with(|c: char| c.is_ascii_digit())
            && let Some(said) = told(&line)
        {
            last = said;
        }
        read > 0
    };
    // From the first lines on, through many rotations; then a little more, so that it dies anywhere.
    for _ in 0..random(steps_max) {
        assert!(listen(&mut lines), "the child died by itself");
    }
    std::thread::sleep(Duration::from_micros(random(3_000)));
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    while listen(&mut lines) {}
    last
}

/// Everything that must hold after a kill.
fn check(dir: &Path, durability: Durability, told: [u64; 4]) {
    let [next_in, next_out, nonce, cl_ord_id] = told;
    let (journal, recovered) = Journal::open(dir, config(durability)).expect("it opens");
    assert!(recovered.lost.is_empty());
    let torn = recovered.torn.as_ref().map_or(0, |torn| torn.records);
    assert_eq!(torn, 0, "a kill loses no whole record");
    let Some(state) = recovered.state else {
        assert_eq!(told, [1, 1, 0, 0], "nothing was stored, so nothing was said");
        return;
    };
    assert!(state.next_in >= next_in && state.next_out >= next_out, "{state:?} {told:?}");
    assert!(state.nonce >= nonce && state.cl_ord_id_watermark >= cl_ord_id, "{state:?} {told:?}");

    check_messages(dir, state, &journal);
    check_next_logon(state);
}

/// The file: numbers in a row, every message whole, every order one that was noted.
fn check_messages(dir: &Path, state: State, journal: &Journal) {
    let reader = Reader::open(dir).expect("it opens");
    let (mut last_out, mut highest) = (None, 0);
    let mut fields = vec![Field::default(); 64];
    for &number in reader.segments() {
        let segment = reader.segment(number).expect("it reads");
        for entry in segment.entries() {
            let EntryKind::Message { direction, seq, bytes, .. } = entry.kind else { continue };
            assert_eq!(Framer::new(4096).next(bytes), Frame::Message { len: bytes.len() });
            let count = Scanner::new().index(bytes, &mut fields).expect("it indexes");
            let message = Message::new(bytes, &fields[..count]);
            assert_eq!(message.msg_seq_num(), Ok(seq));
            if direction == Direction::In {
                assert!(seq < state.next_in);
                continue;
            }
            assert!(last_out.is_none_or(|last| seq == last + 1), "{seq} after {last_out:?}");
            last_out = Some(seq);
            let found = journal.sent(entry.epoch, seq);
            if is_admin(message.msg_type()) {
                assert_eq!(found, None, "the session's own messages are never asked for");
            } else {
                assert_eq!(found.is_some(), is_mapped(&reader, number));
                assert!(found.is_none_or(|found| found == bytes));
            }
            if message.msg_type() == b"D" {
                let cl_ord_id = message.uint(11).expect("it has one");
                assert_eq!(message.get(58), Some(text_of(cl_ord_id).as_bytes()));
                assert!(cl_ord_id > highest, "a ClOrdID was used twice");
                highest = cl_ord_id;
            }
        }
    }
    assert_eq!(last_out.map_or(state.next_out, |last| last + 1), state.next_out);
    assert!(highest <= state.cl_ord_id_watermark);
}

/// Whether a journal that has just been opened still maps a segment: the last eight, its own included.
fn is_mapped(reader: &Reader, number: u32) -> bool {
    reader.segments().last().is_some_and(|last| last - number < 8)
}

/// The next Logon has the next number and a nonce that is above all before it.
fn check_next_logon(state: State) {
    let mut life = Life::from(state);
    life.connect();
    let mut fields = vec![Field::default(); 64];
    let bytes = life.outbox.pending();
    let count = Scanner::new().index(bytes, &mut fields).expect("it indexes");
    let message = Message::new(bytes, &fields[..count]);
    assert_eq!((message.msg_type(), message.msg_seq_num()), (&b"A"[..], Ok(state.next_out)));
    assert!(message.uint(5025).expect("it has one") > state.nonce);
}

#[test]
fn a_killed_process_goes_on_where_it_was() {
    if let Some(dir) = std::env::var_os(DIR) {
        let durability = match std::env::var(DURABILITY).as_deref() {
            Ok("every-message") => Durability::EveryMessage,
            Ok("interval") => Durability::Interval,
            _ => Durability::None,
        };
        live(Path::new(&dir), durability);
    }
    let kills = std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(201u64);
    // A step waits for the disk twice with the last one: fewer of them, still a few segments.
    let modes = [
        ("none", Durability::None, 200),
        ("interval", Durability::Interval, 200),
        ("every-message", Durability::EveryMessage, 40),
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15u64 ^ kills;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let (mut most, mut grew, begun) = (0, 0, Instant::now());
    for (name, durability, steps_max) in modes {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let mut before = [1, 1, 0, 0];
        for kill in 0..kills / 3 {
            let told = live_and_kill(dir.path(), name, steps_max, &mut random);
            // What an earlier life was told holds in every later one.
            let told = std::array::from_fn(|n| told[n].max(before[n]));
            check(dir.path(), durability, told);
            grew += u64::from(told[1] > before[1]);
            most = most.max(told[1]);
            before = told;
            assert!(kill + 1 < kills / 3 || told[1] > 1);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{kills} kills in {seconds:.1} s, {grew} lives that stored something, up to {most} messages"
    );
    assert!(grew * 2 > kills, "most lives got somewhere: {grew} of {kills}");
}
