//! Nanoseconds that a desk takes for an order, an amend and a cancel: `desk-figures [ROUNDS]`. For
//! instructions: `bench/instructions-desk.sh`.

use taut_bench::desk::{BATCH, Bench};

fn main() {
    let rounds = std::env::args().nth(1).map_or(2_000, |text| text.parse().expect("a number"));
    let mut bench = Bench::default();
    let mut figures: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        for (all, one) in figures.iter_mut().zip(bench.round()) {
            all.push(one);
        }
    }
    println!("{rounds} rounds of {BATCH}: nanoseconds, fastest round and median");
    for (name, mut all) in ["order", "amend", "cancel"].into_iter().zip(figures) {
        all.sort_by(f64::total_cmp);
        println!("{name} {:.1} {:.1}", all[0], all[all.len() / 2]);
    }
}
