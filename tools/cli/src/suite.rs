//! The scenario suite of `tools/venue/scenarios`, built in.

macro_rules! scenario {
    ($name:literal) => {
        ($name, include_str!(concat!("../../venue/scenarios/", $name)))
    };
}

/// Every file of the suite: its name and its text.
pub const SUITE: &[(&str, &str)] = &[
    scenario!("allocations.fix"),
    scenario!("amend.fix"),
    scenario!("cancel.fix"),
    scenario!("captures.fix"),
    scenario!("contracts.fix"),
    scenario!("derivatives.fix"),
    scenario!("examples.fix"),
    scenario!("instruments.fix"),
    scenario!("level3.fix"),
    scenario!("logon.fix"),
    scenario!("mandatory.fix"),
    scenario!("market_data.fix"),
    scenario!("orders.fix"),
    scenario!("rejects.fix"),
    scenario!("replay.fix"),
    scenario!("session.fix"),
    scenario!("types.fix"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../venue/scenarios");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(SUITE.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    }
}
