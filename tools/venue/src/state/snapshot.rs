//! The file that holds a whole state, and the configuration that it belongs to.
//!
//! ```text
//! "TAUTSTA4" | number of the first record that is not in it | time | fingerprint | state | SHA-256 of all before
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde_json::Value;
use taut_codec::value::UtcTime;

use super::StateError;
use super::stored::{Source, Stored, store_bytes};
use crate::config::VenueConfig;
use crate::liquidity::LiquiditySource;

const MAGIC: &[u8; 8] = b"TAUTSTA4";
const DIGEST_BYTES: usize = 32;
/// How many differences of two configurations are told.
const DIFFERENCES_TOLD: usize = 3;

/// What a state depends on: the fields of the configuration as text, but for those that only say where and
/// how the venue is reached, and what it does on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<String, String>);

/// Fields that a state does not depend on.
const FREE: [&str; 9] = [
    "bind",
    "allow_remote",
    "port_offset",
    "gateway_instances",
    "control",
    "control_seed",
    "id_seed",
    "replay",
    "state",
];
/// Fields of a client that it does not depend on.
const FREE_OF_CLIENTS: [&str; 3] = ["api_key_env", "api_secret_env", "sources"];

impl Fingerprint {
    /// Of a configuration and the liquidity that is used with it.
    #[must_use]
    pub fn new(config: &VenueConfig, liquidity: &LiquiditySource) -> Self {
        let mut fields = BTreeMap::new();
        fields.insert("program".to_owned(), format!("taut-venue {}", env!("CARGO_PKG_VERSION")));
        let table = serde_json::to_value(config).expect("every map in it has texts as keys");
        for (name, value) in table.as_object().into_iter().flatten() {
            if !FREE.contains(&name.as_str()) {
                flatten(name, value, &mut fields);
            }
        }
        let client = |name: &String| {
            let field = name.strip_prefix("clients.").and_then(|rest| rest.split('.').nth(1));
            field.is_some_and(|field| FREE_OF_CLIENTS.contains(&field))
        };
        fields.retain(|name, _| !client(name));
        match liquidity {
            LiquiditySource::None => drop(fields.insert("house".into(), "none".into())),
            LiquiditySource::Synthetic(markets) => {
                fields.insert("house".into(), format!("synthetic {markets:?}"));
            }
            LiquiditySource::Captures { captures, speed } => {
                fields.insert("house".into(), format!("recorded, speed {speed} / 1000"));
                for one in captures {
                    let sum = crc32fast::hash(format!("{one:?}").as_bytes());
                    let text = format!("{} updates, {sum:08x}", one.updates.len());
                    fields.insert(format!("house.{}", one.symbol), text);
                }
            }
        }
        Self(fields)
    }

    /// How `now` differs from what it was, field by field; at most a few, and how many more.
    fn differences(&self, now: &Self) -> Vec<String> {
        let told = |fields: &BTreeMap<String, String>, name: &str| {
            fields.get(name).cloned().unwrap_or_else(|| "nothing".into())
        };
        let all = self.0.keys().chain(now.0.keys().filter(|name| !self.0.contains_key(*name)));
        let mut differences: Vec<String> = all
            .filter(|name| self.0.get(*name) != now.0.get(*name))
            .map(|name| format!("{name} was {}, is {}", told(&self.0, name), told(&now.0, name)))
            .collect();
        let more = differences.len().saturating_sub(DIFFERENCES_TOLD);
        if more > 0 {
            differences.truncate(DIFFERENCES_TOLD);
            differences.push(format!("{more} more"));
        }
        differences
    }
}

fn flatten(name: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            let each = table.iter();
            each.for_each(|(field, value)| flatten(&format!("{name}.{field}"), value, fields));
        }
        Value::Array(values) => {
            let each = values.iter().enumerate();
            each.for_each(|(at, value)| flatten(&format!("{name}.{at}"), value, fields));
        }
        value => drop(fields.insert(name.to_owned(), value.to_string())),
    }
}

/// A snapshot that was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The first record that is not in it.
    pub next: u64,
    /// When it was taken.
    pub at: UtcTime,
    pub state: Vec<u8>,
}

/// Writes a snapshot in place of the one before: at any instant there is one that is whole.
pub(super) fn write(
    dir: &Path,
    (next, at): (u64, UtcTime),
    fingerprint: &Fingerprint,
    state: &[u8],
) -> Result<(), StateError> {
    let mut bytes = MAGIC.to_vec();
    (next, at).store(&mut bytes);
    fingerprint.0.len().store(&mut bytes);
    for (name, value) in &fingerprint.0 {
        store_bytes(name.as_bytes(), &mut bytes);
        store_bytes(value.as_bytes(), &mut bytes);
    }
    store_bytes(state, &mut bytes);
    let sum = digest(&SHA256, &bytes);
    bytes.extend_from_slice(sum.as_ref());
    let (unfinished, path) = (dir.join("snapshot.tmp"), dir.join("snapshot"));
    let put = || {
        let mut file = File::create(&unfinished)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(dir)?.sync_all()
    };
    put().map_err(StateError::at(&path))
}

/// Reads the snapshot of a directory, if there is one, for a configuration.
pub(super) fn read(dir: &Path, fingerprint: &Fingerprint) -> Result<Option<Snapshot>, StateError> {
    let path = dir.join("snapshot");
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(StateError::at(&path))?,
    };
    let whole = bytes.len().checked_sub(DIGEST_BYTES).map(|end| bytes.split_at(end));
    let content = whole.filter(|(content, sum)| digest(&SHA256, content).as_ref() == *sum);
    let content = content.and_then(|(content, _)| content.strip_prefix(MAGIC));
    let Some((was, snapshot)) = content.and_then(|content| parse(Source(content))) else {
        return Err(StateError::damaged(&path, "not a snapshot as it was written"));
    };
    if was != *fingerprint {
        let differences = was.differences(fingerprint);
        return Err(StateError::Configuration { dir: dir.to_owned(), differences });
    }
    Ok(Some(snapshot))
}

fn parse(mut from: Source<'_>) -> Option<(Fingerprint, Snapshot)> {
    let (next, at) = from.get()?;
    let mut fields = BTreeMap::new();
    for _ in 0..from.get::<usize>()? {
        let mut text = || String::from_utf8(from.bytes()?.to_vec()).ok();
        fields.insert(text()?, text()?);
    }
    let state = from.bytes()?.to_vec();
    from.is_empty().then_some((Fingerprint(fields), Snapshot { next, at, state }))
}
