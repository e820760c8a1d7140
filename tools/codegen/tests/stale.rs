//! The generated code in the repository is what the generator makes of the dictionary.

use std::path::Path;

#[test]
fn the_checked_in_code_is_what_the_generator_writes() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codec/src");
    let files = taut_codegen::generate_kraken().expect("our own dictionary");
    let stale = taut_codegen::stale(&source, &files).expect("the source tree can be read");
    assert!(stale.is_empty(), "stale: {stale:?}; run `cargo run -p taut-codegen`");
}

#[test]
fn a_changed_dictionary_makes_the_checked_in_code_stale() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codec/src");
    let changed = taut_dictionary::KRAKEN_FIX44.replace("description='BUY'", "description='BID'");
    let model = taut_dictionary::Model::from_xml(&changed).expect("still a dictionary");
    let files = taut_codegen::generate(&model).expect("still a dialect");
    let stale = taut_codegen::stale(&source, &files).expect("the source tree can be read");
    assert_eq!(stale, ["messages/values.rs"]);
}
