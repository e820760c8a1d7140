//! Orders, cancels and amends, by the encoder and by a template.

use std::ops::Range;

use taut_codec::encode::template::Template;
use taut_codec::encode::{EncodeError, Encoder, Header, HeaderOrder};
use taut_codec::value::{Decimal, TimestampCache, UtcTime};

use crate::{Numbers, START, VARIANTS};

/// What changes from one message to the next.
pub struct Order {
    /// ClOrdID(11).
    pub cl_ord_id: u64,
    /// OrderQty(38).
    pub quantity: Decimal,
    /// Price(44).
    pub price: Decimal,
    /// Side(54).
    pub side: u8,
    /// SendingTime(52) and TransactTime(60).
    pub time: UtcTime,
}

impl Order {
    /// The next order.
    pub fn new(numbers: &mut Numbers) -> Self {
        Self {
            cl_ord_id: 1_688_738_168 + numbers.below(1_000_000_000),
            quantity: numbers.quantity(),
            price: numbers.price(),
            side: numbers.side(),
            time: numbers.time(),
        }
    }
}

/// Orders for the encoder.
#[must_use]
pub fn orders() -> Vec<Order> {
    let mut numbers = Numbers(7);
    let mut time = START;
    let next = |_| {
        // Time goes on, some tenths of a millisecond from one order to the next.
        time = time.plus_nanos(100_000 + numbers.below(400_000));
        Order { time, ..Order::new(&mut numbers) }
    };
    (0..VARIANTS).map(next).collect()
}

/// A message that a strategy sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// NewOrderSingle(D).
    New,
    /// OrderCancelRequest(F).
    Cancel,
    /// OrderCancelReplaceRequest(G).
    Amend,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 3] = [Self::New, Self::Cancel, Self::Amend];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "order",
            Self::Cancel => "cancel",
            Self::Amend => "amend",
        }
    }

    const fn msg_type(self) -> &'static [u8] {
        match self {
            Self::New => b"D",
            Self::Cancel => b"F",
            Self::Amend => b"G",
        }
    }

    /// Encodes a whole message and returns its length.
    #[inline(never)]
    pub fn encode(self, order: &Order, msg_seq_num: u64, buffer: &mut [u8]) -> usize {
        let header = Header {
            msg_type: self.msg_type(),
            msg_seq_num,
            sender: b"CLIENT",
            target: b"KRAKEN-TRD",
            sending_time: order.time,
            orig_sending_time: None,
            order: HeaderOrder::SeqSenderTimeTarget,
        };
        let mut encoder = Encoder::begin(buffer, &header);
        self.write(order, &mut encoder);
        encoder.finish().map_or(0, |range| range.len())
    }

    /// Writes the body.
    pub fn write(self, order: &Order, encoder: &mut Encoder<'_>) {
        encoder.uint(11, order.cl_ord_id);
        match self {
            Self::New => {
                encoder
                    .byte(18, b'P')
                    .decimal(38, order.quantity, 0)
                    .byte(40, b'2')
                    .decimal(44, order.price, 0)
                    .byte(54, order.side)
                    .bytes(55, b"BTC/USD")
                    .byte(59, b'1');
            }
            Self::Cancel => {
                encoder.uint(41, order.cl_ord_id - 1).byte(54, order.side).bytes(55, b"BTC/USD");
            }
            Self::Amend => {
                encoder
                    .decimal(38, order.quantity, 0)
                    .byte(40, b'2')
                    .uint(41, order.cl_ord_id - 1)
                    .decimal(44, order.price, 0)
                    .byte(54, order.side)
                    .bytes(55, b"BTC/USD");
            }
        }
        encoder.time(60, order.time);
    }

    /// What [`Kind::encode`] writes, with places for what changes.
    ///
    /// # Panics
    /// Never: it fits.
    #[must_use]
    pub fn template(self) -> Template<12> {
        let mut template = Template::new(self.msg_type());
        template.slot(34).bytes(49, b"CLIENT").slot(52).bytes(56, b"KRAKEN-TRD").slot(11);
        match self {
            Self::New => {
                template.bytes(18, b"P").slot(38).bytes(40, b"2").slot(44).slot(54);
                template.bytes(55, b"BTC/USD").bytes(59, b"1");
            }
            Self::Cancel => _ = template.slot(41).slot(54).bytes(55, b"BTC/USD"),
            Self::Amend => {
                template.slot(38).bytes(40, b"2").slot(41).slot(44).slot(54);
                template.bytes(55, b"BTC/USD");
            }
        }
        template.slot(60).finish().expect("fits")
    }

    /// Writes a whole message by its template and returns its length.
    #[inline(never)]
    pub fn fill(
        self,
        order: &Order,
        template: &Template<12>,
        msg_seq_num: u64,
        times: &mut TimestampCache,
        buffer: &mut [u8],
    ) -> usize {
        self.render(order, template, msg_seq_num, times, buffer).map_or(0, |range| range.len())
    }

    /// [`Kind::fill`], with where the message stands.
    ///
    /// # Errors
    /// If the buffer is too small.
    #[inline(always)]
    pub fn render(
        self,
        order: &Order,
        template: &Template<12>,
        msg_seq_num: u64,
        times: &mut TimestampCache,
        buffer: &mut [u8],
    ) -> Result<Range<usize>, EncodeError> {
        let now = times.to_fix_millis(order.time);
        let filler = template.fill(buffer).uint(msg_seq_num).time(now).uint(order.cl_ord_id);
        match self {
            Self::New => filler.decimal(order.quantity, 0).decimal(order.price, 0),
            Self::Cancel => filler.uint(order.cl_ord_id - 1),
            Self::Amend => {
                filler.decimal(order.quantity, 0).uint(order.cl_ord_id - 1).decimal(order.price, 0)
            }
        }
        .byte(order.side)
        .time(now)
        .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, TimestampCache, orders};

    #[test]
    fn template_and_encoder_write_the_same_messages() {
        for kind in Kind::ALL {
            let (template, mut times) = (kind.template(), TimestampCache::new());
            for (seq, order) in orders().iter().enumerate() {
                let (mut plain, mut filled) = ([0; 512], [0; 512]);
                let len = kind.encode(order, seq as u64, &mut plain);
                assert!(len > 100);
                assert_eq!(len, kind.fill(order, &template, seq as u64, &mut times, &mut filled));
                // Both stand right before the end of the room for BeginString and BodyLength.
                assert_eq!(plain[..24 + len], filled[..24 + len]);
            }
        }
    }
}
