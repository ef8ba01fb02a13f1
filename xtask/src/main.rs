//! The workspace's own commands: `cargo xtask NAME`.

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

mod bench;
mod clickhouse;
mod demo;
mod fuzz;
mod test;

const USAGE: &str = "usage: cargo xtask COMMAND

commands:
  demo [--keep]   run a service, send it requests, and show from ClickHouse what arrived; --keep lets you look around
  test [--extended] [ARGS]
                  run all tests; --extended runs some of them longer and, without ARGS, the model and the fuzz targets; ARGS go to cargo test
  bench [--write] [N] [LOAD]
                  compare cost and delivery with other SDKs, as medians of N rounds (5)
  bench [--write] instructions [PATH]
                  count the instructions of a call, and record them with the commit in benches/instructions.tsv
  bench [--write] http [N] [axum|actix]
                  what a request to axum or actix-web costs the service with ours, with others' middleware and with none
  bench [--write] growth [N]
                  how the cost of a log record grows with its fields, its text and the threads that log
  bench [--write] ingest [N] [WORD…]
                  rows per second into embedded ClickHouse through server-mock, beside the engine's own speed
  bench [--write] all [N]
                  all of these; --write puts what was measured into docs/performance.md, and plots into docs/growth
  fuzz [SECONDS] [TARGET]
                  let libFuzzer look for input that breaks what reads requests, headers and files, so long each (60)
  clickhouse      fetch libchdb, the embedded ClickHouse, into the user's cache
  help            print this";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (command, rest) = arguments
        .split_first()
        .map_or(("help", arguments), |(command, rest)| (command, rest));
    match command {
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "fuzz" => fuzz::run(rest),
        "clickhouse" => clickhouse::run(),
        "help" | "--help" | "-h" => {
            show(USAGE);
            Ok(())
        }
        other => bail!("there is no command {other:?}: `cargo xtask help` lists them"),
    }
}

/// Tells the person at the terminal something, apart from what a command prints as its result.
#[expect(clippy::print_stderr, reason = "a command line tool talks on stderr")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints a command's result.
#[expect(clippy::print_stdout, reason = "results belong on stdout")]
fn show(text: &str) {
    println!("{text}");
}
