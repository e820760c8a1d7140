//! `cargo run -p taut-codegen` writes `codec/src/tag.rs` and `codec/src/messages` anew from
//! `codec/dictionary/kraken-fix44.xml`. With `--check` it writes nothing, and fails if that would change
//! a file.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codec/src");
    let result = taut_codegen::generate_kraken().and_then(|files| {
        if check {
            taut_codegen::stale(&source, &files)
        } else {
            taut_codegen::write(&source, &files)
        }
    });
    match result {
        Ok(changed) => {
            for name in &changed {
                println!("{} {name}", if check { "stale" } else { "wrote" });
            }
            if check && !changed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("taut-codegen: {error}");
            ExitCode::FAILURE
        }
    }
}
