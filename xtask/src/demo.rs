//! `cargo xtask demo`: the whole path, from a browser's request to rows in ClickHouse, in one go.

mod checks;
mod http;
mod interrupt;
mod program;
mod report;
mod sql;
mod table;
mod visits;

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{clickhouse, say, show};
use checks::Tally;
use http::Request;
use interrupt::Interrupt;
use program::Program;
use sql::Sql;

const PROJECT: &str = "1jdkoe52";
const DATABASE: &str = "highlight";
const EXAMPLE_QUERY: &str = "SELECT Timestamp, SeverityText, Body, SecureSessionId FROM logs ORDER BY Timestamp FORMAT PrettyCompact";

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let keep = keep(arguments)?;
    let clock = Clock::start();
    clock.say("looking for libchdb, the embedded ClickHouse");
    clickhouse::ensure()?;
    let interrupt = Interrupt::watch()?;
    clock.say("building server-mock and example-axum");
    build(&interrupt)?;

    let data = tempfile::Builder::new()
        .prefix("highlight-demo-")
        .tempdir()
        .context("cannot create a directory for the data: set TMPDIR to a place with room")?;
    clock.say("starting server-mock on an empty data directory");
    let (mut server, ingest, sql) = start_server(data.path(), &interrupt)?;
    clock.say(&format!(
        "server-mock takes OTLP on {ingest} and SQL on {}",
        sql.0
    ));
    let (mut service, address) = start_service(ingest, &interrupt)?;
    clock.say(&format!(
        "example-axum serves on {address}; sending requests as browsers do"
    ));
    for call in visits::calls() {
        say(&call.send(address)?);
    }
    clock.say("stopping example-axum, which finishes its tasks and sends what is left");
    service.stop()?;
    clock.say("asking ClickHouse what arrived");
    show(&report::report(sql)?);
    let Tally { met, missing } = checks::run(sql)?;
    clock.say(&format!("{met} of {} expectations are met", met + missing));

    if keep {
        keep_running(&mut server, ingest, sql, &interrupt)?;
    } else {
        say(&format!(
            "\nTo look around yourself: `cargo xtask demo --keep`, then, with the address it prints,\n  {}",
            by_hand("ADDRESS")
        ));
    }
    server.stop()?;
    ensure!(
        missing == 0,
        "{missing} of the expectations are not met: see the lines marked MISSING above"
    );
    Ok(())
}

fn keep(arguments: &[String]) -> Result<bool> {
    let mut keep = false;
    for argument in arguments {
        match argument.as_str() {
            "--keep" => keep = true,
            other => bail!("demo does not know {other:?}: the only option is --keep"),
        }
    }
    Ok(keep)
}

/// Has cargo build both programs, showing its progress.
fn build(interrupt: &Interrupt) -> Result<()> {
    let mut cargo = Command::new(env!("CARGO"))
        .args([
            "build",
            "--package",
            "server-mock",
            "--package",
            "example-axum",
            "--bins",
        ])
        .current_dir(workspace())
        .spawn()
        .context("cannot run cargo")?;
    let status = loop {
        if let Some(status) = cargo.try_wait()? {
            break status;
        }
        if let Err(interrupted) = interrupt.pause() {
            let _ = cargo.kill();
            let _ = cargo.wait();
            return Err(interrupted);
        }
    };
    ensure!(
        status.success(),
        "the build failed: see cargo's errors above"
    );
    Ok(())
}

/// The ingest server, its OTLP address and its SQL address, ready to be used.
fn start_server(data: &Path, interrupt: &Interrupt) -> Result<(Program, SocketAddr, Sql)> {
    let mut command = Command::new(program("server-mock")?);
    command
        .args(["--http", "127.0.0.1:0", "--sql", "127.0.0.1:0"])
        .args(["--clickhouse", "embedded", "--database", DATABASE, "--data"])
        .arg(data);
    let mut server = Program::start("server-mock", &mut command)?;
    let line = server.line("listening ", interrupt)?;
    let address = |key: &str| {
        let words = &mut line.split_whitespace();
        words
            .find_map(|word| word.strip_prefix(key)?.parse().ok())
            .with_context(|| format!("server-mock does not say its {key} address: {line:?}"))
    };
    let (ingest, sql) = (address("http=")?, address("sql=")?);
    let health = Request {
        address: ingest,
        method: "GET",
        target: "/health",
        headers: &[],
        body: "",
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while health.send()?.status != 200 {
        ensure!(
            Instant::now() < deadline,
            "server-mock does not become healthy within 30 s"
        );
        interrupt.pause()?;
    }
    Ok((server, ingest, Sql(sql)))
}

/// The example service, sending to `ingest`, and its address.
fn start_service(ingest: SocketAddr, interrupt: &Interrupt) -> Result<(Program, SocketAddr)> {
    let mut command = Command::new(program("example-axum")?);
    // Settings of the person at the terminal would change what is sent.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["HIGHLIGHT_", "OTEL_", "RUST_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
        .arg("127.0.0.1:0")
        .env("HIGHLIGHT_PROJECT_ID", PROJECT)
        .env("HIGHLIGHT_OTLP_ENDPOINT", format!("http://{ingest}"))
        .current_dir(workspace());
    let mut service = Program::start("example-axum", &mut command)?;
    let address = service.line("listening on http://", interrupt)?;
    let address = address
        .parse()
        .with_context(|| format!("example-axum listens on {address:?}, which is no address"))?;
    Ok((service, address))
}

/// Leaves the server alone until somebody interrupts, or it ends by itself.
fn keep_running(
    server: &mut Program,
    ingest: SocketAddr,
    sql: Sql,
    interrupt: &Interrupt,
) -> Result<()> {
    say(&format!(
        "\nserver-mock goes on until Ctrl-C. Look around:\n  {}\nSend it more:\n  \
         HIGHLIGHT_PROJECT_ID={PROJECT} HIGHLIGHT_OTLP_ENDPOINT=http://{ingest} cargo run -p example-axum",
        by_hand(&sql.0.to_string())
    ));
    while interrupt.pause().is_ok() {
        if let Some(status) = server.ended()? {
            bail!("server-mock ended by itself ({status})");
        }
    }
    say("stopping server-mock and removing its data");
    Ok(())
}

fn by_hand(address: &str) -> String {
    format!("curl http://{address}/ --data \"{EXAMPLE_QUERY}\"")
}

fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// A program of this workspace: cargo puts it beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where cargo builds to")?;
    Ok(own.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX)))
}

/// Tells each step with the time since the start.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn say(&self, step: &str) {
        say(&format!(
            "[{:5.1} s] {step}",
            self.0.elapsed().as_secs_f32()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::keep;

    #[test]
    fn the_only_option_is_keep() {
        let keep = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
            keep(&arguments)
        };
        assert!(!keep(&[]).unwrap());
        assert!(keep(&["--keep"]).unwrap());
        assert!(
            keep(&["--kepe"])
                .unwrap_err()
                .to_string()
                .contains("--keep")
        );
    }
}
