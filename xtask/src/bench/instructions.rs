//! `cargo xtask bench instructions [PATH]`: how many instructions a call takes on the thread that makes it, counted by callgrind.
//!
//! Only what runs inside the harness's one function counts, on the thread that runs it: not the SDK's own threads, and
//! nothing of the kernel. Two runs of different length are taken and their difference divided, so that what is set up once falls out.
//! Where a path is named, the functions that most of ours is in are listed too.

mod callgrind;
mod history;
mod profile;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::build::{Package, build, target};
use super::document::Document;
use super::load::Load;
use super::machine;
use super::sink::Sink;
use crate::say;
use callgrind::Program;
use history::{History, Row};

const PEERS: [&str; 3] = ["ours", "opentelemetry", "opentelemetry-place"];

const PACKAGES: [Package; 7] = [
    ("sink", &[]),
    ("peer-ours", &[]),
    ("peer-opentelemetry", &["place"]),
    ("peer-opentelemetry", &[]),
    ("http-axum", &["ours"]),
    ("http-axum", &["opentelemetry"]),
    ("http-axum", &[]),
];

/// Programs of the request's path; the bare one is what the others' cost is added to.
const HTTP: [&str; 3] = ["bare", "ours", "opentelemetry"];
const REQUEST: &str = "axum-request";

const PATHS: [&str; 9] = [
    "log",
    "log-in-span",
    "span",
    "span-poll",
    "span+log",
    "error",
    "metric",
    "disabled",
    REQUEST,
];

/// Both fit into the queues of OpenTelemetry's batch processors: to drop a record costs less than to keep it.
const FEW: u32 = 200;
const MANY: u32 = 1_800;

pub(super) fn run(arguments: &[String], document: &mut Document) -> Result<()> {
    let paths: Vec<_> = PATHS
        .into_iter()
        .filter(|path| arguments.is_empty() || arguments.iter().any(|argument| argument == path))
        .collect();
    ensure!(
        !paths.is_empty(),
        "instructions are counted for these paths: {}",
        PATHS.join(", ")
    );
    ensure!(
        arguments.is_empty() || !document.write,
        "--write replaces all paths, so it counts all"
    );
    // For whoever looks at one path: what it consists of.
    let named = if arguments.is_empty() {
        Vec::new()
    } else {
        paths.clone()
    };
    callgrind::ensure()?;
    let binaries = build(&PACKAGES)?;
    let folder = target()?.join("callgrind");
    std::fs::create_dir_all(&folder)?;
    let history = History::read()?;
    let commit = machine::commit()?;

    let mut text = String::from(
        "\n| path | SDK | instructions a call | two runs differ by, % | since the last record, % |\n|---|---|---:|---:|---:|\n",
    );
    let mut rows = Vec::new();
    for path in paths {
        let peers = match path {
            REQUEST => HTTP.to_vec(),
            _ => Load::burst(path, 1, MANY).of(&PEERS),
        };
        for peer in peers {
            say(&format!("counting {path} of {peer}"));
            let count = || -> Result<f64> {
                let of = |records| {
                    let sink = Sink::start(&binaries.join("sink"))?;
                    let program = program(&binaries, peer, path, records, &sink);
                    let file = folder.join(format!("{peer}.{path}.{records}"));
                    callgrind::count(&program, &file)
                };
                let (few, many) = (of(FEW)?, of(MANY)?);
                Ok((many - few) / f64::from(MANY - FEW))
            };
            let (first, second) = (count()?, count()?);
            let spread = (first - second).abs() / first.min(second) * 100.0;
            let since = history.last(peer, path).map_or("–".to_owned(), |last| {
                format!("{:+.1}", (first / last - 1.0) * 100.0)
            });
            let _ = writeln!(
                text,
                "| {path} | {peer} | {first:.0} | {spread:.2} | {since} |"
            );
            rows.push(Row::new(&commit, peer, path, first));
        }
    }
    document.put("instructions", &text)?;
    for path in named {
        let file = folder.join(format!("ours.{path}.{MANY}"));
        let text =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let heaviest = profile::heaviest(&String::from_utf8_lossy(&text), MANY, 25);
        say(&format!("where ours spends {path}:\n{heaviest}"));
    }
    if commit.ends_with('+') {
        say("not recorded in benches/instructions.tsv: the sources differ from the commit");
        return Ok(());
    }
    history.with(rows).write()
}

fn program(binaries: &Path, peer: &str, path: &'static str, records: u32, sink: &Sink) -> Program {
    match path {
        REQUEST => Program {
            path: binaries.join(format!("http-axum-{peer}")),
            function: "http_one_request",
            arguments: vec![format!("http://{}", sink.address()), records.to_string()],
        },
        _ => Program {
            path: binaries.join(format!("peer-{peer}")),
            function: "harness_one_record",
            arguments: Load::burst(path, 1, records).arguments(sink).to_vec(),
        },
    }
}
