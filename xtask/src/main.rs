//! The workspace's own commands: `cargo xtask NAME`.

use std::process::ExitCode;

mod clickhouse;

const USAGE: &str = "usage: cargo xtask COMMAND

commands:
  clickhouse   fetch libchdb, the embedded ClickHouse, into the user's cache";

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("clickhouse") => clickhouse::run(),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Tells the person at the terminal something, apart from what a command prints as its result.
#[expect(clippy::print_stderr, reason = "a command line tool talks on stderr")]
fn say(text: &str) {
    eprintln!("{text}");
}
