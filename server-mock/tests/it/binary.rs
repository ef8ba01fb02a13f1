//! The program: what it prints, how it stops, and that its rows survive.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::{log, logs, send};

/// A running program, and what it said on its first line.
pub(crate) struct Program {
    child: Child,
    pub(crate) http: String,
    pub(crate) sql: Option<String>,
}

impl Program {
    pub(crate) fn start(arguments: &[&str], data: &Path) -> Self {
        let mut child = command(arguments, data)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout
            .read_line(&mut line)
            .expect("the program says where it listens");
        let value = |key: &str| {
            line.split_whitespace()
                .find_map(|word| Some(format!("http://{}", word.strip_prefix(key)?)))
        };
        Self {
            http: value("http=").unwrap_or_else(|| panic!("{line:?}")),
            sql: value("sql="),
            child,
        }
    }

    /// Sends a signal, and tells how the program ended.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
        self.child.wait().expect("the program ends").code()
    }
}

/// A test that fails must not leave its program behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-mock"));
    command
        .args(["--http", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(arguments);
    command
}

fn fails(arguments: &[&str], data: &Path) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command(arguments, data).output().expect("the program runs");
    let stdout = String::from_utf8_lossy(&stdout);
    assert!(!stdout.contains("listening"), "{stdout}");
    assert_eq!(status.code(), Some(2));
    String::from_utf8(stderr).expect("stderr is text")
}

#[tokio::test]
async fn rows_survive_a_restart_and_signals_close_cleanly() {
    let data = TempDir::new().unwrap();
    let arguments = ["--sql", "127.0.0.1:0"];
    for (signal, code, count) in [
        ("-TERM", Some(0), "1\n"),
        ("-INT", Some(0), "2\n"),
        ("-KILL", None, "3\n"),
        ("-TERM", Some(0), "4\n"),
    ] {
        let program = Program::start(&arguments, data.path());
        assert_eq!(
            send(
                &program.http,
                "/v1/logs",
                &logs(vec![log("kept", "info", &[])])
            )
            .await
            .status(),
            200
        );
        let query = format!(
            "{}/?query=SELECT+count()+FROM+logs",
            program.sql.as_deref().unwrap()
        );
        assert_eq!(
            reqwest::get(query).await.unwrap().text().await.unwrap(),
            count
        );
        assert_eq!(program.stop(signal), code);
    }
}

#[tokio::test]
async fn it_runs_without_clickhouse() {
    let data = TempDir::new().unwrap();
    let program = Program::start(&["--clickhouse", "none"], &data.path().join("unused"));
    assert_eq!(
        reqwest::get(format!("{}/health", program.http))
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(program.stop("-TERM"), Some(0));
    assert!(!data.path().join("unused").exists());
}

#[test]
fn a_data_directory_in_use_is_told() {
    let data = TempDir::new().unwrap();
    let program = Program::start(&[], data.path());
    let error = fails(&[], data.path());
    assert!(
        error.starts_with("server-mock: ") && error.contains("another process"),
        "{error}"
    );
    assert_eq!(program.stop("-TERM"), Some(0));
}

#[test]
fn a_data_directory_that_cannot_be_written_is_told() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = fails(&[], &file.join("data"));
    assert!(
        error.starts_with("server-mock: cannot write the data directory "),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_missing_library_is_told_with_the_ways_out() {
    let data = TempDir::new().unwrap();
    let output = command(&[], data.path())
        .env(chdb::VARIABLE, "/nowhere/libchdb.so")
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for way in [
        "/nowhere/libchdb.so",
        "`cargo xtask clickhouse`",
        chdb::VARIABLE,
        "`--clickhouse http://",
    ] {
        assert!(error.contains(way), "{error}");
    }
}

#[test]
fn bad_arguments_are_told() {
    let data = TempDir::new().unwrap();
    assert!(fails(&["--nonsense"], data.path()).contains("--nonsense"));
    let error = fails(&["--clickhouse", "somewhere"], data.path());
    assert_eq!(
        error,
        "server-mock: \"somewhere\" is not a ClickHouse URL: use http://user:password@host:8123\n"
    );
}
