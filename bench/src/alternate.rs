//! Times several methods in turn.
//!
//! The machine has neighbours and more than one clock state: only what was measured in the same round
//! compares. Each round runs every method once over a whole corpus; the figures are the median and the
//! extremes over the rounds, and a ratio is the median of the ratios per round.

use std::time::Instant;

/// A method under test: handles the message of the given number.
pub struct Method<'a> {
    /// Its name in the table.
    pub name: String,
    run: Box<dyn FnMut(usize) + 'a>,
}

impl<'a> Method<'a> {
    /// A method; it must hand what it makes to `black_box`.
    pub fn new(name: impl Into<String>, run: impl FnMut(usize) + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// What was measured of one method, nanoseconds per message.
pub struct Figures {
    /// The method's name.
    pub name: String,
    /// One figure per round, in order.
    pub rounds: Vec<f64>,
}

impl Figures {
    /// The median over the rounds.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// The fastest round.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The slowest round.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.rounds.iter().copied().fold(0.0, f64::max)
    }

    /// How many times as long as `base` this took: the median of the rounds' ratios.
    #[must_use]
    pub fn ratio(&self, base: &Self) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(own, base)| own / base).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs every method over `messages` messages in each of `rounds` rounds. The order is turned by one
/// from round to round, so that no method always runs behind the same other.
pub fn measure(methods: Vec<Method<'_>>, messages: usize, rounds: usize) -> Vec<Figures> {
    let mut methods = methods;
    let mut figures: Vec<_> = methods
        .iter()
        .map(|method| Figures { name: method.name.clone(), rounds: Vec::with_capacity(rounds) })
        .collect();
    for method in &mut methods {
        (0..messages).for_each(&mut method.run);
    }
    let count = methods.len();
    for round in 0..rounds {
        for turn in 0..count {
            let at = (round + turn) % count;
            let run = &mut methods[at].run;
            let start = Instant::now();
            for message in 0..messages {
                run(message);
            }
            figures[at].rounds.push(start.elapsed().as_nanos() as f64 / messages as f64);
        }
    }
    figures
}
