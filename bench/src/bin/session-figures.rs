//! Prints what the session layer takes per message, every method in turn.
//!
//! `session-figures [ROUNDS [METHOD]]`: with a part of a method's name, only those. Received messages are framed
//! and indexed already: that is the codec's share. What the encoder and the template take alone is printed
//! beside what a session sends by them.

use std::hint::black_box;

use taut_bench::alternate::{Method, measure};
use taut_bench::orders::{Kind, orders};
use taut_bench::session::{Line, Store};
use taut_codec::value::TimestampCache;

/// Messages of one round.
const MESSAGES: usize = 4096;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(101);
    let only = std::env::args().nth(2).unwrap_or_default();
    let lines = Store::ALL.into_iter().flat_map(with);
    let methods = lines.chain(encoding()).chain(timer());
    let methods = methods.filter(|method| method.name.contains(&only)).collect();
    println!("{:46} {:>9} {:>9} {:>9}", "ns per message", "median", "min", "max");
    for one in measure(methods, MESSAGES, rounds) {
        let (median, min, max) = (one.median(), one.min(), one.max());
        println!("{:46} {median:9.1} {min:9.1} {max:9.1}", one.name);
    }
}

fn with(store: Store) -> Vec<Method<'static>> {
    let name = store.name();
    let [mut receives, mut sends, mut renders] = [(); 3].map(|()| Line::new(store));
    vec![
        Method::new(format!("inbound, {name}"), move |at| {
            receives.rewind(at);
            receives.receive(at);
        }),
        Method::new(format!("outbound by the encoder, {name}"), move |at| sends.send(at)),
        Method::new(format!("outbound by the template, {name}"), move |at| {
            renders.send_rendered(at);
        }),
    ]
}

fn encoding() -> Vec<Method<'static>> {
    let (for_encoder, for_template) = (orders(), orders());
    let (template, mut times) = (Kind::New.template(), TimestampCache::new());
    let (mut encoded, mut filled) = ([0; 512], [0; 512]);
    vec![
        Method::new("the encoder alone", move |at| {
            let order = black_box(&for_encoder[at % for_encoder.len()]);
            black_box(Kind::New.encode(order, 10_000 + at as u64, &mut encoded));
            black_box(&mut encoded);
        }),
        Method::new("the template alone", move |at| {
            let order = black_box(&for_template[at % for_template.len()]);
            let number = 10_000 + at as u64;
            black_box(Kind::New.fill(order, &template, number, &mut times, &mut filled));
            black_box(&mut filled);
        }),
    ]
}

fn timer() -> Vec<Method<'static>> {
    let [mut looks, mut ticks] = [(); 2].map(|()| Line::new(Store::None));
    vec![
        Method::new("timer: is anything due", move |_| looks.look()),
        Method::new("timer: tick with nothing due", move |_| ticks.tick()),
    ]
}
