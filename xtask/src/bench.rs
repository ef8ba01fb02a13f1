//! `cargo xtask bench`: what the SDK costs, beside others.

mod bounded;
mod build;
mod compare;
mod document;
mod growth;
mod http;
mod ingest;
mod instructions;
mod load;
mod machine;
mod report;
mod sink;

use anyhow::Result;

use document::Document;

/// Runs the command: `[--write] [all | growth | http | ingest | instructions | [ROUNDS] [LOAD]]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut document = Document {
        write: arguments.iter().any(|argument| argument == "--write"),
    };
    let arguments: Vec<_> = arguments
        .iter()
        .filter(|argument| *argument != "--write")
        .cloned()
        .collect();
    match arguments.split_first() {
        Some((name, rest)) if name == "all" => {
            compare::run(rest, &mut document)?;
            http::run(rest, &mut document)?;
            growth::run(rest, &mut document)?;
            ingest::run(&[], &mut document)?;
            instructions::run(&[], &mut document)
        }
        Some((name, rest)) if name == "growth" => growth::run(rest, &mut document),
        Some((name, rest)) if name == "http" => http::run(rest, &mut document),
        Some((name, rest)) if name == "ingest" => ingest::run(rest, &mut document),
        Some((name, rest)) if name == "instructions" => instructions::run(rest, &mut document),
        _ => compare::run(&arguments, &mut document),
    }
}
