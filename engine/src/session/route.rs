//! Third-party addressing: who a message was sent for, and who the answer goes to.

use taut_codec::encode::Encoder;
use taut_codec::message::Message;

use super::Session;

const PAIRS: [(u32, u32); 6] =
    [(115, 128), (116, 129), (144, 145), (128, 115), (129, 116), (145, 144)];
const BYTES: usize = 256;

/// The addressing of the last message received, turned round. Allocates nothing: what does not fit is
/// left out.
#[derive(Clone, Copy)]
pub(super) struct Route {
    bytes: [u8; BYTES],
    fields: [(u32, u16, u16); PAIRS.len()],
    count: usize,
}

impl Route {
    pub(super) const NONE: Self = Self { bytes: [0; BYTES], fields: [(0, 0, 0); 6], count: 0 };

    /// OnBehalfOf becomes DeliverTo and the other way round, in the header of `message` only.
    pub(super) fn back(message: &Message<'_>) -> Self {
        let mut route = Self::NONE;
        let mut used = 0;
        let header = message.fields().iter().skip(3);
        for field in header.take_while(|field| super::header::is_header(field.tag)) {
            let Some((_, tag)) = PAIRS.iter().find(|(tag, _)| *tag == field.tag) else { continue };
            let value = message.value(field);
            let end = used + value.len();
            if value.is_empty() || end > BYTES || route.count == PAIRS.len() {
                continue;
            }
            route.bytes[used..end].copy_from_slice(value);
            route.fields[route.count] = (*tag, used as u16, end as u16);
            route.count += 1;
            used = end;
        }
        route
    }

    pub(super) fn write(&self, body: &mut Encoder<'_>) {
        for &(tag, start, end) in &self.fields[..self.count] {
            body.bytes(tag, &self.bytes[usize::from(start)..usize::from(end)]);
        }
    }
}

impl Session {
    /// Writes the third-party addressing of a received message, turned round, at the front of an answer
    /// to it: nothing unless
    /// [`SessionConfig::reject_reverses_route`](super::SessionConfig::reject_reverses_route).
    pub fn route_back(&self, message: &Message<'_>) -> impl Fn(&mut Encoder<'_>) + use<> {
        let reverses = self.config.reject_reverses_route;
        let route = if reverses { Route::back(message) } else { Route::NONE };
        move |body| route.write(body)
    }
}
