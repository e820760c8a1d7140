//! Has a session do one thing, [`CALLS`] times: for `bench/instructions.sh` to count.
//!
//! `session-count receive|send|send_rendered|look|tick none|memory|journal`. Prints the function that was called
//! and how often.

use taut_bench::session::{Line, Store};

/// How often.
const CALLS: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, name] = &arguments[..] else { panic!("session-count WHAT STORE") };
    let store = Store::ALL.into_iter().find(|store| store.name() == name).expect("a store");
    let mut line = Line::new(store);
    for at in 0..CALLS {
        match what.as_str() {
            "receive" => line.receive(at),
            "send" => line.send(at),
            "send_rendered" => line.send_rendered(at),
            "look" => line.look(),
            "tick" => line.tick(),
            _ => panic!("what is {what}?"),
        }
    }
    println!("taut_bench::session::Line::{what} {CALLS}");
}
