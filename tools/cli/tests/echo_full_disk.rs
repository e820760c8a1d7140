//! `taut acceptor --store` on a disk that is full, really: a small tmpfs in a mount namespace of its own. When
//! there is room again it goes on by itself, and every order that was sent is answered. Skipped, and says so,
//! where the system does not let a process have one.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::child::{PATIENCE, Running, taut};
use common::skipped::skipped;

/// Set in the child: the directory that is the small file system.
const DIR: &str = "TAUT_ECHO_DISK_DIR";

/// Runs the test `name` again, in a mount namespace with a tmpfs in which a journal has two segments. Returns
/// its directory in the child, and `None` in the parent when all is done.
fn in_small_file_system(name: &str) -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os(DIR) {
        return Some(dir.into());
    }
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=12m tmpfs \"${DIR}\" || exit 77; \
         \"$0\" --exact {name} --nocapture; status=$?; umount -l \"${DIR}\"; exit $status"
    );
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(DIR, dir.path())
        .output();
    match ran {
        Err(error) => skipped(format_args!("unshare: {error}")),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() == Some(77) || text.contains("unshare: ") {
                skipped(format_args!("no mount namespace here: {text}"));
            } else {
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success(), "{said}\n{text}");
                assert!(said.contains("1 passed"), "{said}");
            }
        }
    }
    None
}

/// A connection of TW, and what came on it.
struct Client {
    stream: TcpStream,
    came: String,
}

impl Client {
    /// Connects until the session is taken, with the number that the Logon has.
    fn log_on(address: &str, number: u64) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nobody answers the Logon");
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let mut client = Self { stream, came: String::new() };
            client.say("A", number, "98=0|108=60|");
            while client.hear() {
                if client.came.contains("|35=A|") {
                    return client;
                }
                assert!(Instant::now() < deadline, "no answer to the Logon");
            }
        }
    }

    fn say(&mut self, msg_type: &str, number: u64, body: &str) {
        let bytes = common::fix::fix("TW", "ISLD", msg_type, number, body);
        // The other side may have closed: what it says before that is looked at.
        let _ = self.stream.write_all(&bytes);
    }

    /// Takes what comes within a moment; `false` once the connection is over.
    fn hear(&mut self) -> bool {
        let mut chunk = vec![0; 256 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => return false,
            Ok(count) => {
                self.came += &String::from_utf8_lossy(&chunk[..count]).replace('\x01', "|");
            }
            Err(error) => match error.kind() {
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {}
                _ => return false,
            },
        }
        true
    }

    fn has_answer(&self, id: u64) -> bool {
        self.came.contains(&format!("|11=a{id}|"))
    }
}

#[test]
fn an_acceptor_whose_disk_was_full_goes_on_when_there_is_room_and_answers_every_order() {
    let name = "an_acceptor_whose_disk_was_full_goes_on_when_there_is_room_and_answers_every_order";
    let Some(dir) = in_small_file_system(name) else { return };
    let dictionary = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/small.xml");
    let mut command =
        taut(&["acceptor", "--listen", "127.0.0.1:0", "--target", "TW", "--no-reset"]);
    command.arg("--dictionary").arg(dictionary).arg("--store").arg(dir.join("store"));
    let mut acceptor = Running::start(&mut command);
    let address = acceptor.lines().next().unwrap();
    let address = address.strip_prefix("listening on ").unwrap().to_owned();
    let mut said = acceptor.errors();
    // Less is left than a segment takes.
    std::fs::write(dir.join("ballast"), vec![1; 5 << 20]).unwrap();
    let long = "x".repeat(100_000);
    let order = |id: u64| format!("11=a{id}|40=1|58={long}|");
    let mut client = Client::log_on(&address, 1);
    let mut number = 1;
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        number += 1;
        client.say("D", number, &order(number));
        while client.hear() && !client.has_answer(number) {
            assert!(Instant::now() < deadline, "order {number} has no answer");
        }
        if !client.has_answer(number) {
            break;
        }
        client.came.clear();
    }
    let stopped = said.next().unwrap();
    assert_eq!(stopped, "taut: TW: journal: no room: the disk is full or slow");
    let refused = said.find(|line| line.contains("cannot go on yet")).unwrap();
    assert!(refused.contains("the disk is full"), "{refused}");
    // While it is full a Logon gets no word.
    let mut early = TcpStream::connect(&address).unwrap();
    let logon = common::fix::fix("TW", "ISLD", "A", number + 1, "98=0|108=60|");
    early.write_all(&logon).unwrap();
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(early.read(&mut [0; 16]).unwrap(), 0);
    let why = said.next().unwrap();
    assert!(why.ends_with("closed without a word: the journal of TW takes nothing"), "{why}");

    std::fs::remove_file(dir.join("ballast")).unwrap();
    let goes_on = said.find(|line| line.contains("there is room again")).unwrap();
    let numbers: Vec<u64> =
        goes_on.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let next_in = numbers[0];
    assert!(next_in <= number, "{goes_on}");
    let mut client = Client::log_on(&address, number + 1);
    let ask = format!("|7={next_in}|");
    while client.hear() && !client.came.contains(&ask) {
        assert!(Instant::now() < deadline, "it does not ask for {next_in}: {goes_on}");
    }
    let time = "122=20260407-14:32:01.000|43=Y|";
    for again in next_in..=number {
        client.say("D", again, &format!("{time}{}", order(again)));
    }
    // Our Logon's place, and one more order.
    client.say("4", number + 1, &format!("{time}123=Y|36={}|", number + 2));
    client.say("D", number + 2, "11=alast|40=1|");
    while client.hear() && !client.came.contains("|11=alast|") {
        assert!(Instant::now() < deadline, "the last order has no answer");
    }
    assert!(client.came.contains("|11=alast|"), "the connection ended before the last answer");
    let missing: Vec<u64> = (next_in..=number).filter(|&id| !client.has_answer(id)).collect();
    assert!(missing.is_empty(), "never answered: {missing:?}");
}
