//! Placeholders: what a text stands for at the moment of a run.

use std::collections::BTreeMap;

use taut_codec::value::UtcTime;

use super::parse::duration;

/// What was remembered, and what is made up.
#[derive(Debug, Default)]
pub(super) struct Values {
    names: BTreeMap<String, String>,
    last_id: u64,
    last_comb: u64,
}

impl Values {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.names.insert(name.to_owned(), value.to_owned());
    }

    /// Replaces every `{..}` of a text.
    ///
    /// # Errors
    /// Names the placeholder that means nothing.
    pub(super) fn fill(&mut self, text: &str, now: UtcTime) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, behind) =
                after.split_once('}').ok_or_else(|| format!("no `}}` in {text:?}"))?;
            out += before;
            out += &self.one(inside, now)?;
            rest = behind;
        }
        out += rest;
        Ok(out)
    }

    fn one(&mut self, inside: &str, now: UtcTime) -> Result<String, String> {
        let words: Vec<&str> = inside.split_whitespace().collect();
        match words.as_slice() {
            ["new", name] => Ok(self.numeric(name, now)),
            ["new", name, by] => Ok(self.numeric(name, moved(now, by)?)),
            ["comb", name] => Ok(self.comb(name, now)),
            ["comb", name, by] => Ok(self.comb(name, moved(now, by)?)),
            [one] if one.starts_with("now") => time(&one[3..], now),
            [name] => self
                .names
                .get(*name)
                .cloned()
                .ok_or_else(|| format!("nothing is known as {name:?}")),
            _ => Err(format!("{{{inside}}} means nothing")),
        }
    }

    /// Microseconds since the epoch, higher than the one before.
    fn numeric(&mut self, name: &str, at: UtcTime) -> String {
        self.last_id = (at.0 / 1000).max(self.last_id + 1);
        self.remember(name, self.last_id.to_string())
    }

    /// 48 bits of ten-microsecond units, version 4, variant 1, and a count (venue file 6.9).
    fn comb(&mut self, name: &str, at: UtcTime) -> String {
        self.last_comb += 1;
        let time = (at.0 / 10_000) & 0xffff_ffff_ffff;
        let text = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            time >> 16,
            time & 0xffff,
            self.last_comb & 0xfff,
            0xabc,
            self.last_comb
        );
        self.remember(name, text)
    }

    fn remember(&mut self, name: &str, value: String) -> String {
        self.names.insert(name.to_owned(), value.clone());
        value
    }
}

/// `+5s`, `-2m` from a time on.
fn moved(at: UtcTime, by: &str) -> Result<UtcTime, String> {
    let (back, text) = match (by.strip_prefix('+'), by.strip_prefix('-')) {
        (Some(text), _) => (false, text),
        (_, Some(text)) => (true, text),
        _ => return Err(format!("{by:?} starts with neither + nor -")),
    };
    let nanos = duration(text)?.as_nanos() as u64;
    Ok(if back { UtcTime(at.0.saturating_sub(nanos)) } else { at.plus_nanos(nanos) })
}

/// What follows `now`: an offset, and `:s` for seconds only.
fn time(rest: &str, now: UtcTime) -> Result<String, String> {
    let (by, form) = rest.split_once(':').unwrap_or((rest, ""));
    let at = if by.is_empty() { now } else { moved(now, by)? };
    let text = match form {
        "" => at.to_fix_millis().to_vec(),
        "s" => at.to_fix_seconds().to_vec(),
        _ => return Err(format!("{form:?} is no form of a time")),
    };
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_stand_for_times_ids_and_what_was_remembered() {
        let now = UtcTime::parse(b"20250303-14:09:32.897").unwrap();
        let mut values = Values::default();
        values.set("x", "1");
        let mut fill = |text: &str| values.fill(text, now);
        assert_eq!(fill("a{x}b{x}").unwrap(), "a1b1");
        assert_eq!(fill("{now}").unwrap(), "20250303-14:09:32.897");
        assert_eq!(fill("{now+60s:s}").unwrap(), "20250303-14:10:32");
        assert_eq!(fill("{now-1h}").unwrap(), "20250303-13:09:32.897");
        assert_eq!(fill("{new a}").unwrap(), "1741010972897000");
        assert_eq!(fill("{new b} {a}").unwrap(), "1741010972897001 1741010972897000");
        // The decoding check of venue file 6.9 (`9e58120f-182b`), 710 microseconds before.
        assert!(fill("{comb c}").unwrap().starts_with("9e58120f-17e4-4"));
        assert_ne!(fill("{comb d -130s}").unwrap(), fill("{c}").unwrap());
        assert_eq!(fill("{y}").unwrap_err(), "nothing is known as \"y\"");
        assert!(fill("{now*1s}").is_err());
        assert!(fill("{x").is_err());
    }
}
