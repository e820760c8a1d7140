//! What ids and symbols look like on each market.

/// A market of Kraken's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Derivatives.
    Derivatives,
}

/// On which market an OrderID(37) has this shape: `O?????-?????-??????` in digits and capitals on spot,
/// a UUID on derivatives (venue file 4.6). `None` for the ids of another venue.
#[must_use]
pub fn order_id_market(id: &[u8]) -> Option<Market> {
    let shaped = |shape: &[u8], is_digit: fn(u8) -> bool| {
        let fits = |(&byte, &place): (&u8, &u8)| match place {
            b'?' => is_digit(byte),
            _ => byte == place,
        };
        id.len() == shape.len() && id.iter().zip(shape).all(fits)
    };
    let base_36 = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if shaped(b"O?????-?????-??????", base_36) {
        Some(Market::Spot)
    } else if shaped(b"????????-????-????-????-????????????", |byte| byte.is_ascii_hexdigit()) {
        Some(Market::Derivatives)
    } else {
        None
    }
}

/// On which market a Symbol(55) has this shape: `BTC/USD` on spot; `PF_ETHUSD`, `PI_XBTUSD` or
/// `FI_XBTUSD_260626` on derivatives (venue file 4.1). It says nothing of whether it is listed.
#[must_use]
pub fn symbol_market(symbol: &[u8]) -> Option<Market> {
    let name = |text: &[u8]| {
        !text.is_empty()
            && text.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
    };
    if let Some(slash) = symbol.iter().position(|&byte| byte == b'/') {
        return (name(&symbol[..slash]) && name(&symbol[slash + 1..])).then_some(Market::Spot);
    }
    let mut words = symbol.split(|&byte| byte == b'_');
    let family = matches!(words.next(), Some(b"PF" | b"PI" | b"FI" | b"FF"));
    let pair = words.next().is_some_and(name);
    (family && pair && words.all(name)).then_some(Market::Derivatives)
}

/// Base and quote currency of a symbol: `BTC` and `USD` of `BTC/USD`, of `PF_XBTUSD` and of
/// `FI_XBTUSD_260626`. Derivatives write `XBT` for what fees and balances call `BTC` (venue file C16); their
/// quote currency is the last three letters. `None` for a symbol of another shape.
#[must_use]
pub fn symbol_currencies(symbol: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = match symbol_market(symbol)? {
        Market::Spot => symbol.split(|&byte| byte == b'/'),
        Market::Derivatives => {
            let pair = symbol[3..].split(|&byte| byte == b'_').next()?;
            let (base, quote) = pair.split_at_checked(pair.len().checked_sub(3)?)?;
            let base = if base == b"XBT" { b"BTC" } else { base };
            return (!base.is_empty()).then_some((base, quote));
        }
    };
    Some((parts.next()?, parts.next()?))
}

/// Whether a symbol is that of an inverse contract, `PI_XBTUSD` or `FI_XBTUSD_260626`: its quantity is in
/// the quote currency, and it is worth the less of the base asset the dearer that is.
#[must_use]
pub const fn is_inverse(symbol: &[u8]) -> bool {
    matches!(symbol, [b'P' | b'F', b'I', b'_', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_of_both_markets_are_told_apart() {
        for (id, market) in [
            ("OKWUQF-YPJM2-DTAJHH", Some(Market::Spot)),
            ("OTHB2F-BNGUH-2CMLPT", Some(Market::Spot)),
            ("9e58120f-40e0-44dc-beec-6d1b5ea9136c", Some(Market::Derivatives)),
            ("okwuqf-YPJM2-DTAJHH", None),
            ("KWUQFA-YPJM2-DTAJHH", None),
            ("OKWUQF-YPJM2-DTAJH", None),
            ("OKWUQFAYPJM2ADTAJHH", None),
            ("9e58120f-40e0-44dc-beec-6d1b5ea9136g", None),
            ("1688738168", None),
            ("", None),
        ] {
            assert_eq!(order_id_market(id.as_bytes()), market, "{id:?}");
        }
    }

    #[test]
    fn symbols_of_both_markets_are_told_apart() {
        for (symbol, market) in [
            ("BTC/USD", Some(Market::Spot)),
            ("1INCH/EUR", Some(Market::Spot)),
            ("AAPLx/USD", Some(Market::Spot)),
            ("PF_ETHUSD", Some(Market::Derivatives)),
            ("PI_XBTUSD", Some(Market::Derivatives)),
            ("FI_XBTUSD_260626", Some(Market::Derivatives)),
            ("BTCUSD", None),
            ("/USD", None),
            ("BTC/", None),
            ("BTC/USD/EUR", None),
            ("PF_", None),
            ("PF_ETHUSD_", None),
            ("PX_ETHUSD", None),
            ("", None),
        ] {
            assert_eq!(symbol_market(symbol.as_bytes()), market, "{symbol:?}");
        }
    }

    #[test]
    fn the_currencies_of_a_symbol_are_those_that_fees_name() {
        for (symbol, currencies) in [
            ("BTC/USD", Some(("BTC", "USD"))),
            ("1INCH/EUR", Some(("1INCH", "EUR"))),
            ("PF_ETHUSD", Some(("ETH", "USD"))),
            ("PI_XBTUSD", Some(("BTC", "USD"))),
            ("FI_XBTUSD_260626", Some(("BTC", "USD"))),
            ("PF_USD", None),
            ("PF_A", None),
            ("BTCUSD", None),
        ] {
            let expected = currencies.map(|(a, b): (&str, &str)| (a.as_bytes(), b.as_bytes()));
            assert_eq!(symbol_currencies(symbol.as_bytes()), expected, "{symbol}");
        }
        let inverse = ["PI_XBTUSD", "FI_XBTUSD_260626", "PF_XBTUSD", "FF_XBTUSD_260626", "BTC/USD"];
        let inverse = inverse.map(|symbol| is_inverse(symbol.as_bytes()));
        assert_eq!(inverse, [true, true, false, false, false]);
    }
}
