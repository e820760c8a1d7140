//! An engine in a process of its own that is killed (kill -9) within a callback of its strategy, and what the
//! strategies of all its lives have seen together. `TAUT_KILLS=N` for more lives than a few of each layout.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use taut::journal::{Journal, JournalConfig};
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, Layout};
use taut::secret::Secret;
use taut::strategy::{Context, SessionUpdate, Strategy};

use crate::peer::{PATIENCE, Peer, accept, get, now_text};
use crate::rig::{API_KEY, API_SECRET, Setup};

const NAME: &str =
    "killed::what_a_strategy_had_not_handled_when_it_was_killed_comes_in_its_next_life";
/// Set in the child: the journal's directory, both ports, and when to die.
const DIR: &str = "TAUT_ACCEPTOR_DIR";
const PORTS: &str = "TAUT_ACCEPTOR_PORTS";
const DEATH: &str = "TAUT_ACCEPTOR_DEATH";
const LAYOUT: &str = "TAUT_ACCEPTOR_LAYOUT";

const LAYOUTS: [Layout; 3] = [Layout::Inline, Layout::Split, Layout::Full];
/// Refusals of one life.
const BURST: u64 = 20;

/// Notes every refusal that it sees in a file, which a kill leaves as it is, until its time has come.
struct Witness {
    seen: File,
    /// It dies at this one, counted from 1; 0: at none.
    death: u64,
    /// Whether it notes that one before it dies.
    notes_the_last: bool,
    count: u64,
}

impl Witness {
    fn note(&mut self, id: u64) {
        self.seen.write_all(format!("{id}\n").as_bytes()).expect("the disk has room");
    }
}

impl Strategy for Witness {
    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        let SessionUpdate::UnknownRefusal { cl_ord_id, .. } = update else { return };
        let id = cl_ord_id.and_then(|id| id.as_numeric()).expect("the test's ids are numbers");
        self.count += 1;
        if self.count != self.death {
            return self.note(id);
        }
        if self.notes_the_last {
            self.note(id);
        }
        let kill = format!("kill -9 {}", std::process::id());
        drop(Command::new("sh").args(["-c", &kill]).status());
        panic!("dead by now");
    }
}

fn setup(layout: Layout) -> Setup {
    Setup { layout, reconnect: true, resumes: true, journal: true, ..Setup::PLAIN }
}

/// The child.
fn live(dir: &Path) {
    let var = |name| std::env::var(name).expect("the parent sets it");
    let layout = LAYOUTS[var(LAYOUT).parse::<usize>().expect("a number")];
    let ports: Vec<u16> = var(PORTS).split(' ').map(|port| port.parse().unwrap()).collect();
    let death = var(DEATH).parse::<u64>().expect("a number");
    let seen = OpenOptions::new().create(true).append(true).open(dir.join("seen")).unwrap();
    let config = setup(layout).config(ports[0], ports[1], &dir.join("journal"));
    let credentials = Credentials::new(Secret::new(API_KEY), Secret::new(API_SECRET)).unwrap();
    let (death, notes_the_last) = (death / 2, death % 2 == 1);
    let witness = Witness { seen, death, notes_the_last, count: 0 };
    drop(Engine::new(config, credentials).unwrap().start(witness).unwrap().join());
}

/// Killed at the end, whatever ends the test.
struct Life(Child);

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The venue: what it has sent, by number; `None`: a message of the session's own.
struct Venue {
    listeners: [TcpListener; 2],
    sent: Vec<Option<(String, String)>>,
    last_id: u64,
}

impl Venue {
    fn start(&self, dir: &Path, layout: usize, death: u64) -> Life {
        let ports = self.listeners.each_ref().map(|l| l.local_addr().unwrap().port().to_string());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture", "--quiet"])
            .env(DIR, dir)
            .env(PORTS, ports.join(" "))
            .env(DEATH, death.to_string())
            .env(LAYOUT, layout.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Life(child.unwrap())
    }

    fn send(&mut self, peer: &mut Peer, msg_type: &str, body: &str) {
        let kept = (msg_type == "j").then(|| (body.to_owned(), now_text()));
        self.sent.push(kept);
        peer.try_send(msg_type, body);
    }

    /// The refusal of an order that this life does not know: it needs no instrument to be read.
    fn refuse(&mut self, peer: &mut Peer) {
        self.last_id += 1;
        let id = self.last_id;
        self.send(peer, "j", &format!("45=0|58=EOrder:Unknown order|372=F|379={id}|380=101|"));
    }

    /// Logs the engine on, sends again what it has missed, and goes on until it has what it waits for, or
    /// dies.
    fn log_on(&mut self, peer: &mut Peer) {
        let Some(logon) = peer.receive_or_end() else { return };
        assert_eq!((get(&logon, 35), get(&logon, 141)), ("A", "-"), "{logon}");
        peer.next_out = self.sent.len() as u64 + 1;
        self.send(peer, "A", "98=0|108=30|");
        while let Some(message) = peer.receive_or_end() {
            match get(&message, 35) {
                "2" => self.replay(peer, get(&message, 7).parse().unwrap()),
                "1" => return self.send(peer, "0", &format!("112={}|", get(&message, 112))),
                _ => {}
            }
        }
    }

    fn replay(&self, peer: &mut Peer, from: u64) {
        for (at, kept) in self.sent.iter().enumerate().skip(from as usize - 1) {
            let number = at as u64 + 1;
            let bytes = match kept {
                Some((body, time)) => {
                    peer.numbered(number, "j", &format!("43=Y|122={time}|{body}"))
                }
                None => {
                    let fill = format!("43=Y|122={}|36={}|123=Y|", now_text(), number + 1);
                    peer.numbered(number, "4", &fill)
                }
            };
            peer.try_send_raw(&bytes);
        }
    }
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn seen(dir: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(dir.join("seen")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// What the journal counts as used up has been seen; returns how many were seen without counting.
fn check(dir: &Path, venue: &Venue) -> u64 {
    let config = JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() };
    let (journal, _) = Journal::open(dir.join("journal/trading"), config).unwrap();
    let next_in = journal.state().next_in;
    let seen: BTreeSet<u64> = seen(dir).into_iter().collect();
    let (mut id, mut ahead) = (0, 0);
    for (at, kept) in venue.sent.iter().enumerate() {
        id += u64::from(kept.is_some());
        if kept.is_some() && (at as u64 + 1) < next_in {
            assert!(seen.contains(&id), "{id} is used up ({next_in}), and nobody has seen it");
        } else if kept.is_some() {
            ahead += u64::from(seen.contains(&id));
        }
    }
    ahead
}

fn survives(layout: usize, kills: u64) {
    let dir = tempfile::tempdir().unwrap();
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut venue = Venue { listeners, sent: Vec::new(), last_id: 0 };
    let mut random = fastrand::Rng::with_seed(kills + layout as u64);
    for kill in 0..=kills {
        // The last life is not killed before it has seen everything.
        let death = if kill == kills { 0 } else { 2 * random.u64(1..=BURST) + kill % 2 };
        let mut life = venue.start(dir.path(), layout, death);
        let mut market_data = accept(&venue.listeners[0], None, "KRAKEN-MD");
        let mut trading = accept(&venue.listeners[1], None, "KRAKEN-TRD");
        market_data.accept_logon();
        venue.log_on(&mut trading);
        for _ in 0..BURST {
            venue.refuse(&mut trading);
        }
        if death == 0 {
            let last = venue.last_id;
            wait_for("the last one is seen", || seen(dir.path()).contains(&last));
            break;
        }
        wait_for("it dies", || life.0.try_wait().unwrap().is_some());
        let ahead = check(dir.path(), &venue);
        assert!(layout > 0 || ahead <= 1, "on one thread, only the last is not used up: {ahead}");
    }
    let seen = seen(dir.path());
    let once: BTreeSet<u64> = seen.iter().copied().collect();
    assert!(once.into_iter().eq(1..=venue.last_id), "{:?}: one was lost", LAYOUTS[layout]);
    let again = seen.len() as u64 - venue.last_id;
    println!(
        "{:?}: {kills} kills, {} refusals, {again} seen again",
        LAYOUTS[layout], venue.last_id
    );
    assert!(again >= kills / 2, "those that it died of behind the note come again: {again}");
}

#[test]
fn what_a_strategy_had_not_handled_when_it_was_killed_comes_in_its_next_life() {
    if let Some(dir) = std::env::var_os(DIR) {
        return live(Path::new(&dir));
    }
    let kills = std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(15u64);
    for layout in 0..LAYOUTS.len() {
        survives(layout, kills / 3);
    }
}
