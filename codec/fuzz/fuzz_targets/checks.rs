//! The field checks, generated and by the run-time dictionary, over whatever the scanner accepts: they
//! agree, and a fault names a tag that has to do with the message.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use taut_codec::dictionary::Dictionary;
use taut_codec::ids::Market;
use taut_codec::kraken::{self, RejectText, TextForm};
use taut_codec::message::Message;
use taut_codec::rules::{Options, Reason};
use taut_codec::scan::{Field, Scanner};

static LOADED: LazyLock<Dictionary> = LazyLock::new(|| {
    Dictionary::from_xml(include_str!("../../dictionary/kraken-fix44.xml")).expect("our own file")
});

fuzz_target!(|data: &[u8]| {
    let Some((&switches, data)) = data.split_first() else { return };
    let mut bytes = data.to_vec();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    let mut fields = [Field::default(); 256];
    let Ok(count) = Scanner::new().index(&bytes, &mut fields) else { return };
    let message = Message::new(&bytes, &fields[..count]);
    // The bits that are set are what is let pass; none is the default.
    let options = Options {
        allow_user_defined: switches & 1 != 0,
        allow_unknown: switches & 2 != 0,
        allow_empty: switches & 4 != 0,
        check_order: switches & 8 == 0,
        check_required: switches & 16 == 0,
        check_documented: switches & 32 != 0,
        market: match switches >> 6 {
            0 | 3 => None,
            1 => Some(Market::Spot),
            _ => Some(Market::Derivatives),
        },
    };
    let found = kraken::check(&message, options);
    assert_eq!(found, LOADED.check(&message, options));
    if let Err(fault) = found {
        let absent = matches!(
            fault.reason,
            Reason::RequiredMissing | Reason::ConditionallyMissing | Reason::InvalidMsgType
        );
        assert!(absent || message.get(fault.tag).is_some());
        assert!(fault.reason.session_reject().is_some() != fault.reason.business_reject().is_some());
        let text = RejectText { fault, market: options.market, form: TextForm::Documented };
        assert!(!text.to_string().is_empty());
    }
});
