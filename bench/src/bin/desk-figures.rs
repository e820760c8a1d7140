//! Nanoseconds that a desk takes for an order, an amend and a cancel, and to find one of a full table of
//! orders by its names: `desk-figures [ROUNDS]`. For
//! instructions: `bench/instructions-desk.sh`.

use taut_bench::desk::{BATCH, Bench};
use taut_bench::lookup::Lookups;

fn main() {
    let rounds: usize =
        std::env::args().nth(1).map_or(2_000, |text| text.parse().expect("a number"));
    let mut bench = Bench::default();
    let mut figures: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        for (all, one) in figures.iter_mut().zip(bench.round()) {
            all.push(one);
        }
    }
    println!("{rounds} rounds of {BATCH}: nanoseconds, fastest round and median");
    print(["order", "amend", "cancel"], figures);
    let lookups = Lookups::default();
    let rounds = rounds.div_ceil(100);
    let mut figures: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        for (all, one) in figures.iter_mut().zip(lookups.round()) {
            all.push(one);
        }
    }
    println!(
        "{rounds} rounds of {} look-ups: nanoseconds, fastest round and median",
        lookups.len()
    );
    print(["ClOrdID", "OrderID"], figures);
}

fn print<const N: usize>(names: [&str; N], figures: [Vec<f64>; N]) {
    for (name, mut all) in names.into_iter().zip(figures) {
        all.sort_by(f64::total_cmp);
        println!("{name} {:.1} {:.1}", all[0], all[all.len() / 2]);
    }
}
