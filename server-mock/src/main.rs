//! The ingest server as a program: for local development, and for looking at what a service sends.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use server_mock::{Clickhouse, MockServer};
use tokio::runtime;

/// Receives OTLP and log drains over HTTP and stores logs, traces, errors and metrics in ClickHouse.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen for OTLP and log drains; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    http: String,

    /// `embedded`, `none`, or a server as `http://user:password@host:8123`
    #[arg(long, value_name = "WHICH", default_value = "embedded")]
    clickhouse: String,

    /// Where the embedded ClickHouse keeps its data
    #[arg(long, value_name = "DIR", default_value = "highlight-data")]
    data: PathBuf,

    /// The database; it is created when it is missing
    #[arg(long, value_name = "NAME", default_value = "highlight")]
    database: String,

    /// Where to answer SQL over HTTP from the embedded ClickHouse; off when not given
    #[arg(long, value_name = "ADDRESS")]
    sql: Option<String>,

    /// Let --sql listen on an address that other machines can reach; there is no password
    #[arg(long)]
    sql_allow_remote: bool,
}

fn main() -> ExitCode {
    let outcome = run(Arguments::parse());
    outcome.map_or_else(
        |error| {
            let _ = writeln!(io::stderr(), "server-mock: {}", with_causes(&*error));
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    // Before anything is opened, so that a signal at any time closes it.
    let stop = stop_signal()?;
    let server = start(arguments)?;
    announce(&server)?;
    runtime.block_on(stop);
    server.stop();
    Ok(())
}

fn start(arguments: Arguments) -> Result<MockServer, server_mock::Error> {
    let Arguments {
        http,
        clickhouse,
        data: data_dir,
        database,
        sql,
        sql_allow_remote,
    } = arguments;
    let mut builder = MockServer::builder()
        .address(http)
        .sql_allow_remote(sql_allow_remote)
        .keep_received(false);
    builder = match clickhouse.as_str() {
        "none" => builder,
        "embedded" => builder.clickhouse(Clickhouse::Embedded { data_dir, database }),
        url => builder.clickhouse(Clickhouse::Remote {
            url: url.to_owned(),
            database,
        }),
    };
    if let Some(sql) = sql {
        builder = builder.sql(sql);
    }
    builder.start()
}

/// Tells, in one line that a parent process can read, where the server listens.
fn announce(server: &MockServer) -> io::Result<()> {
    let mut line = format!("listening http={}", server.address());
    if let Some(sql) = server.sql_address() {
        let _ = write!(line, " sql={sql}");
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Ends at Ctrl-C or, on Unix, SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// The error and its causes, as one line.
fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(line, ": {error}");
        cause = error.source();
    }
    line
}
