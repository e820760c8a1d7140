//! What a reader does with a message.

use taut_codec::frame::Framer;
use taut_codec::kraken;
use taut_codec::message::{FieldError, Message};
use taut_codec::rules::{FieldFault, Options};
use taut_codec::scan::{Field, Scanned, Scanner};
use taut_codec::value::{Decimal, UtcTime};

/// Most fields of a message of any corpus.
pub const FIELDS_MAX: usize = 16 * 1024;

/// Five values: MsgSeqNum(34), SendingTime(52) and what a corpus has.
pub type Five = (u64, UtcTime, u64, Decimal, Decimal);

/// What reads messages.
pub struct Reader {
    framer: Framer,
    scanner: Scanner,
    fields: Vec<Field>,
}

impl Reader {
    /// A reader with the kernel of a scanner.
    #[must_use]
    pub fn new(scanner: Scanner) -> Self {
        Self { framer: Framer::new(1 << 20), scanner, fields: vec![Field::default(); FIELDS_MAX] }
    }

    /// Indexes a framed message and returns how many fields it has.
    ///
    /// # Panics
    /// If it is not well formed.
    #[inline(never)]
    pub fn index(&mut self, message: &[u8]) -> usize {
        self.scanner.index(message, &mut self.fields).expect("a good message")
    }

    /// Finds the frame and indexes it.
    ///
    /// # Panics
    /// If the message is not well formed.
    #[inline(never)]
    pub fn frame_and_index<'m>(&'m mut self, stream: &'m [u8]) -> Message<'m> {
        match self.scanner.scan(&mut self.framer, stream, &mut self.fields) {
            Scanned::Message { len, fields } => {
                Message::new(&stream[..len], &self.fields[..fields])
            }
            other => panic!("{other:?}"),
        }
    }

    /// [`Reader::frame_and_index`], and five values by their tags.
    ///
    /// # Errors
    /// Those of the values.
    #[inline(never)]
    pub fn five_by_tag(&mut self, stream: &[u8], tags: [u32; 3]) -> Result<Five, FieldError> {
        let view = self.frame_and_index(stream);
        Ok((
            view.uint(34)?,
            view.time(52)?,
            view.uint(tags[0])?,
            view.decimal(tags[1])?,
            view.decimal(tags[2])?,
        ))
    }

    /// [`Reader::frame_and_index`], and five values in the order in which they stand.
    ///
    /// # Errors
    /// Those of the values.
    #[inline(never)]
    pub fn five_by_cursor(&mut self, stream: &[u8], tags: [u32; 3]) -> Result<Five, FieldError> {
        let mut view = self.frame_and_index(stream).cursor();
        Ok((
            view.uint(34)?,
            view.time(52)?,
            view.uint(tags[0])?,
            view.decimal(tags[1])?,
            view.decimal(tags[2])?,
        ))
    }

    /// [`Reader::frame_and_index`], and the generated field checks.
    ///
    /// # Errors
    /// What a gateway would reject.
    #[inline(never)]
    pub fn check(&mut self, stream: &[u8]) -> Result<(), FieldFault> {
        kraken::check(&self.frame_and_index(stream), Options::default())
    }
}
