//! From the names of FIX to those of Rust.

/// `ClOrdID` to `cl_ord_id`, `NoMDEntryTypes` to `no_md_entry_types`.
pub fn snake(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut out = String::new();
    for (i, &byte) in bytes.iter().enumerate() {
        let starts_word = byte.is_ascii_uppercase()
            && i > 0
            && (!bytes[i - 1].is_ascii_uppercase()
                || (bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase)
                    && !is_plural(&bytes[i + 1..])));
        if starts_word {
            out.push('_');
        }
        out.push(byte.to_ascii_lowercase().into());
    }
    out
}

/// Whether what is behind an acronym is only its `s`: `NoPartyIDs`.
fn is_plural(behind: &[u8]) -> bool {
    matches!(behind, [b's'] | [b's', b'A'..=b'Z', ..])
}

/// `ClOrdID` to `CL_ORD_ID`.
pub fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `NoMDEntries` to `md_entries`.
pub fn group(name: &str) -> String {
    snake(name.strip_prefix("No").unwrap_or(name))
}

/// `GOOD_TILL_CANCELLED` to `GoodTillCancelled`.
pub fn variant(description: &str) -> String {
    let words = description.split('_').filter(|word| !word.is_empty());
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..].to_ascii_lowercase();
    words.map(word).collect()
}

/// `GOOD_TILL_CANCELLED` to `good till cancelled`.
pub fn words(description: &str) -> String {
    description.to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_stay_together() {
        for (name, text) in [
            ("ClOrdID", "cl_ord_id"),
            ("NoMDEntryTypes", "no_md_entry_types"),
            ("MDPricePrecision", "md_price_precision"),
            ("ForceResetClOrdID", "force_reset_cl_ord_id"),
            ("NoPartySubIDs", "no_party_sub_ids"),
            ("Side", "side"),
        ] {
            assert_eq!(snake(name), text);
        }
        assert_eq!(screaming("MDReqID"), "MD_REQ_ID");
        assert_eq!(group("NoMDEntries"), "md_entries");
        assert_eq!(variant("LEVEL_3_NOT_AVAILABLE"), "Level3NotAvailable");
        assert_eq!(words("STOP_LOSS_LIMIT"), "stop loss limit");
    }
}
