//! Prints what the codec's parts take per message, every method in turn.
//!
//! `codec-figures [ROUNDS]`

use std::hint::black_box;

use taut_bench::alternate::{Method, measure};
use taut_bench::corpora;
use taut_codec::scan::{Field, Level, Scanner};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(101);
    for corpus in &corpora() {
        let methods = Level::ALL
            .into_iter()
            .filter_map(Scanner::with_level)
            .map(|scanner| {
                let mut fields = vec![Field::default(); 16 * 1024];
                Method::new(format!("index {:?}", scanner.level()), move |at| {
                    let message = black_box(&corpus.messages[at % corpus.messages.len()][..]);
                    let _ = black_box(scanner.index(message, &mut fields));
                    black_box(&mut fields);
                })
            })
            .collect();
        let count = if corpus.messages.len() < 100 { 16 } else { 4096 };
        for figures in measure(methods, count, rounds) {
            println!(
                "{:18} {:30} median {:8.1} min {:8.1} max {:8.1}",
                corpus.name,
                figures.name,
                figures.median(),
                figures.min(),
                figures.max()
            );
        }
    }
}
