//! The tests that there are, by their names.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of the tests in the sources, also of those within `proptest!`.
pub fn functions(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let names = text.split("#[test]").skip(1).filter_map(|rest| {
                let name = rest.split_once("fn ")?.1;
                Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
            });
            into.extend(names.collect::<Vec<String>>());
        }
    }
}
