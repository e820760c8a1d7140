//! Any text as a dictionary: an error or a dictionary, never a panic or without an end; and what was
//! read judges a message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::dictionary::Dictionary;
use taut_codec::ids::Market;
use taut_codec::message::Message;
use taut_codec::rules::{Dialect, Options};
use taut_codec::scan::{Field, Scanner};

fuzz_target!(|xml: &str| {
    let Ok(dictionary) = Dictionary::from_xml(xml) else { return };
    let bytes = b"8=FIX.4.4\x019=5\x0135=0\x0134=1\x0178=2\x0179=a\x0180=1\x0179=b\x0158=x\x0110=181\x01";
    let mut fields = [Field::default(); 16];
    let Ok(count) = Scanner::new().index(bytes, &mut fields) else { return };
    let message = Message::new(bytes, &fields[..count]);
    for market in [None, Some(Market::Spot), Some(Market::Derivatives)] {
        let options = Options { market, check_documented: true, ..Options::default() };
        let _ = dictionary.check(&message, options);
    }
    // Its data fields are sorted, or this panics.
    let _ = Scanner::new().index_with(bytes, &mut fields, dictionary.data_fields());
});
