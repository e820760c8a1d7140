//! README.md against the files that it speaks of.

use std::path::Path;

#[test]
fn the_example_of_the_readme_is_the_example_that_is_compiled() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name| std::fs::read_to_string(crate_root.join(name)).expect("a file of this tree");
    let (readme, example) = (read("../README.md"), read("examples/embed.rs"));
    let code = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    let (_, behind_head) = example.split_once("\n\n").expect("a head and the code");
    assert_eq!(code.expect("the README has an example"), behind_head);
}
