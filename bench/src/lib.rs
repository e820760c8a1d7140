//! Message corpora and the stop-watch that the benchmarks share.
//!
//! Each corpus holds [`VARIANTS`] messages of one kind that differ in their numbers, so that a branch
//! predictor cannot learn a single message by heart. They are made by the encoder, from a seed.

pub mod alternate;
#[cfg(feature = "engine")]
pub mod desk;
#[cfg(feature = "engine")]
pub mod lookup;
pub mod orders;
pub mod read;
#[cfg(feature = "engine")]
pub mod session;

use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::scan::{Level, Scanner};
use taut_codec::value::{Decimal, UtcTime};

use orders::{Kind, Order};
use read::Reader;

/// Messages in a corpus of small messages.
pub const VARIANTS: usize = 1024;

/// Of 2023-07-07, when the captures that the messages are like were made.
pub(crate) const START: UtcTime = UtcTime::from_millis(1_688_738_168_000);

/// One kind of message.
pub struct Corpus {
    /// What the messages are, for the benchmark's name.
    pub name: &'static str,
    /// The messages, framed and with their CheckSum.
    pub messages: Vec<Vec<u8>>,
    /// Behind MsgSeqNum(34) and SendingTime(52): an integer and two decimals that all of them have, in
    /// the order in which they stand. `None` where reading five fields says nothing.
    pub typed: Option<[u32; 3]>,
}

impl Corpus {
    /// Whether the messages pass the generated field checks: those that are cut short for their length do
    /// not.
    #[must_use]
    pub fn passes_checks(&self) -> bool {
        let mut reader = Reader::new(Scanner::new());
        self.messages.iter().all(|message| reader.check(message).is_ok())
    }
}

/// All kinds: M1 to M3 of the recorded figures, a short report and a snapshot.
#[must_use]
pub fn corpora() -> [Corpus; 5] {
    KINDS.map(|kind| kind.corpus(kind.count))
}

/// The first `count` messages of the kind that has a name, if there is one.
#[must_use]
pub fn corpus_of(name: &str, count: usize) -> Option<Corpus> {
    KINDS.iter().find(|kind| kind.name == name).map(|kind| kind.corpus(count.min(kind.count)))
}

/// How the messages of a kind are made.
#[derive(Clone, Copy)]
struct Recipe {
    name: &'static str,
    count: usize,
    typed: Option<[u32; 3]>,
    make: fn(&mut Numbers) -> Vec<u8>,
}

const KINDS: [Recipe; 5] = [
    recipe("order_179", VARIANTS, Some([11, 38, 44]), order),
    recipe("report_194", VARIANTS, Some([11, 31, 32]), short_report),
    recipe("report_353", VARIANTS, Some([11, 31, 32]), report),
    recipe("incremental_680", VARIANTS, Some([262, 270, 271]), incremental),
    recipe("snapshot_88k", 4, None, snapshot),
];

const fn recipe(
    name: &'static str,
    count: usize,
    typed: Option<[u32; 3]>,
    make: fn(&mut Numbers) -> Vec<u8>,
) -> Recipe {
    Recipe { name, count, typed, make }
}

impl Recipe {
    fn corpus(&self, count: usize) -> Corpus {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let messages = (0..count).map(|_| (self.make)(&mut numbers)).collect();
        Corpus { name: self.name, messages, typed: self.typed }
    }
}

/// The best scanner, or that of the level that `TAUT_SCAN_LEVEL` names.
///
/// # Panics
/// If it names none, or one that this machine has not.
#[must_use]
pub fn forced_scanner() -> Scanner {
    let Ok(name) = std::env::var("TAUT_SCAN_LEVEL") else { return Scanner::new() };
    let level = match name.as_str() {
        "portable" => Level::Portable,
        "sse2" => Level::Sse2,
        "avx2" => Level::Avx2,
        "avx512" => Level::Avx512,
        _ => panic!("TAUT_SCAN_LEVEL is portable, sse2, avx2 or avx512, not {name}"),
    };
    Scanner::with_level(level).expect("TAUT_SCAN_LEVEL names a level that this machine has")
}

/// A small generator (xorshift): the same numbers on every machine.
pub struct Numbers(u64);

impl Numbers {
    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn price(&mut self) -> Decimal {
        Decimal::new(300_000 + self.below(20_000) as i64, 1)
    }

    fn quantity(&mut self) -> Decimal {
        Decimal::new(1 + self.below(500_000_000) as i64, 8)
    }

    fn time(&mut self) -> UtcTime {
        START.plus_nanos(self.below(36_000_000) * 1_000_000)
    }

    fn side(&mut self) -> u8 {
        b'1' + self.below(2) as u8
    }
}

fn message(
    msg_type: &[u8],
    numbers: &mut Numbers,
    body: impl FnOnce(&mut Encoder<'_>, &mut Numbers),
) -> Vec<u8> {
    let mut buffer = vec![0; 128 * 1024];
    let header = Header {
        msg_type,
        msg_seq_num: 10_000 + numbers.below(900_000),
        sender: b"CLIENT",
        target: b"KRAKEN-TRD",
        sending_time: numbers.time(),
        orig_sending_time: None,
        order: HeaderOrder::SeqSenderTimeTarget,
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    body(&mut encoder, numbers);
    let range = encoder.finish().expect("the buffer is larger than any corpus message");
    buffer[range].to_vec()
}

fn order(numbers: &mut Numbers) -> Vec<u8> {
    message(b"D", numbers, |encoder, numbers| Kind::New.write(&Order::new(numbers), encoder))
}

/// 21 fields: what a strategy needs of a fill and nothing else.
fn short_report(numbers: &mut Numbers) -> Vec<u8> {
    message(b"8", numbers, |encoder, numbers| {
        let (quantity, price) = (numbers.quantity(), numbers.price());
        encoder
            .uint(11, 1_688_738_168 + numbers.below(1_000_000_000))
            .bytes(17, b"T12")
            .decimal(31, price, 1)
            .decimal(32, quantity, 1)
            .bytes(37, b"OKW")
            .uint(38, 1)
            .byte(39, b'1')
            .decimal(44, price, 1)
            .byte(54, numbers.side())
            .bytes(55, b"BTC/USD")
            .byte(150, b'F')
            .byte(59, b'1')
            .byte(40, b'2');
    })
}

/// 31 fields, as the venue sends them.
fn report(numbers: &mut Numbers) -> Vec<u8> {
    message(b"8", numbers, |encoder, numbers| {
        let (price, quantity, side) = (numbers.price(), numbers.quantity(), numbers.side());
        encoder
            .decimal(6, price, 1)
            .uint(11, 1_688_738_168_000_000 + numbers.below(1_000_000_000))
            .decimal(14, quantity, 1)
            .bytes(17, b"PAM2QZA:2S2P7SDKTJXRO")
            .byte(18, b'P')
            .decimal(31, price, 1)
            .decimal(32, quantity, 1)
            .bytes(37, b"OKWUQF-YPJM2-DTAJHH")
            .decimal(38, quantity, 1)
            .byte(39, b'1')
            .byte(40, b'2')
            .decimal(44, price, 1)
            .byte(54, side)
            .bytes(55, b"BTC/USD")
            .bytes(58, b"filled")
            .byte(59, b'1')
            .time(60, numbers.time())
            .uint(136, 1)
            .decimal(137, numbers.price(), 1)
            .byte(139, b'4')
            .byte(150, b'F')
            .decimal(151, quantity, 1)
            .decimal(381, price, 1);
    })
}

fn incremental(numbers: &mut Numbers) -> Vec<u8> {
    message(b"X", numbers, |encoder, numbers| {
        encoder.bytes(55, b"BTC/USD").uint(262, 1).uint(268, 10);
        for _ in 0..10 {
            encoder.byte(279, b'0' + numbers.below(3) as u8);
            entry(encoder, numbers);
        }
        encoder.uint(5041, numbers.below(1 << 32));
    })
}

fn snapshot(numbers: &mut Numbers) -> Vec<u8> {
    message(b"W", numbers, |encoder, numbers| {
        encoder.bytes(55, b"BTC/USD").uint(262, 1).uint(268, 1750);
        for _ in 0..1750 {
            entry(encoder, numbers);
        }
    })
}

fn entry(encoder: &mut Encoder<'_>, numbers: &mut Numbers) {
    encoder
        .byte(269, b'0' + numbers.below(2) as u8)
        .decimal(270, numbers.price(), 1)
        .decimal(271, numbers.quantity(), 1)
        .bytes(273, &numbers.time().to_fix_time_only());
}

#[cfg(test)]
mod tests {
    use super::corpora;

    #[test]
    fn the_messages_are_about_as_long_as_their_names_say() {
        let lengths = corpora().map(|corpus| {
            corpus.messages.iter().map(Vec::len).sum::<usize>() / corpus.messages.len()
        });
        for (length, named) in lengths.into_iter().zip([179, 194, 353, 680, 88_000]) {
            assert!(length.abs_diff(named) * 20 <= named, "{length} for {named}");
        }
    }

    #[test]
    fn orders_pass_the_field_checks() {
        assert!(corpora()[0].passes_checks());
    }

    #[test]
    fn the_reports_have_as_many_fields_as_the_figures_say() {
        let [_, short, long, ..] = corpora();
        for (corpus, fields) in [(short, 21), (long, 31)] {
            for message in corpus.messages {
                assert_eq!(message.iter().filter(|&&byte| byte == 1).count(), fields);
            }
        }
    }
}
