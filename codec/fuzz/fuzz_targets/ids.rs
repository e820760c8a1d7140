//! Ids: what parses is written and parsed again to the same; what the checks take as a ClOrdID parses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::ids::{ClOrdId, DerivedExecId, Market, order_id_market, symbol_market};
use taut_codec::rules::Kind;
use taut_codec::value::UtcTime;

fuzz_target!(|data: (u64, u128, &[u8])| {
    let (nanos, random, text) = data;
    let id = ClOrdId::parse(text);
    assert_eq!(Kind::ClOrdId.check(text).is_ok(), id.is_ok());
    if let Ok(id) = id {
        assert_eq!(ClOrdId::parse(id.to_string().as_bytes()), Ok(id));
        let on = |market| Kind::ClOrdId.check_on(text, Some(market)).is_ok();
        assert!(on(Market::Spot));
        assert_eq!(on(Market::Derivatives), id.is_uuid_v4());
        assert!(id.check_comb(UtcTime(nanos)).is_err() || id.is_uuid_v4());
    }
    if let Some(comb) = ClOrdId::comb(UtcTime(nanos), random) {
        assert_eq!(comb.check_comb(UtcTime(nanos)), Ok(()));
        assert_eq!(ClOrdId::parse(comb.to_string().as_bytes()), Ok(comb));
    }
    if let Ok(exec_id) = DerivedExecId::parse(text) {
        assert_eq!(DerivedExecId::parse(exec_id.text().as_bytes()), Ok(exec_id));
    }
    let _ = (order_id_market(text), symbol_market(text));
});
