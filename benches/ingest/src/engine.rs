//! The engine by itself: the rows that server-mock stored, as `RowBinary`, into a table like its own in one streaming insert.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chdb::{Engine, Insert, Library, Statement};

use crate::cpu::Cpu;
use crate::requests::Signal;
use crate::{Sample, myself};

/// How much goes to the engine at a time.
const CHUNK: usize = 1024 * 1024;

/// The database of server-mock, when it is not told another.
const DATABASE: &str = "highlight";

/// Measures in a process of its own, on a data directory that server-mock has left.
pub fn measure(data: &Path, signal: Signal) -> Sample {
    eprintln!("{} by the engine alone", signal.name());
    let output = Command::new(myself())
        .arg("engine")
        .arg(data)
        .arg(signal.table())
        .output();
    let output = output.expect("this program runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let numbers = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = numbers
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    let [rows, wall, cpu] = numbers[..] else {
        panic!("rows, wall and CPU time: {numbers:?}")
    };
    let cpu = Cpu {
        inserting: Duration::from_nanos(cpu),
        ..Cpu::default()
    };
    Sample {
        rows,
        inserts: 1,
        wall: Duration::from_nanos(wall),
        cpu,
    }
}

/// The process: `DATA TABLE`.
pub fn run(arguments: &[String]) {
    let [data, table] = arguments else {
        panic!("engine DATA TABLE")
    };
    let library = Library::locate().unwrap_or_else(|error| panic!("{error}"));
    let engine = Engine::open(&library, data.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    let query = |sql: String, format: &str| {
        let answer = engine.query(Statement::new(sql).database(DATABASE).format(format));
        answer.unwrap_or_else(|error| panic!("{error}"))
    };
    let rows = query(format!("SELECT * FROM {table}"), "RowBinary");
    query(format!("CREATE TABLE alone AS {table}"), "Null");
    let insert = Insert::new("INSERT INTO alone", "RowBinary").database(DATABASE);
    let insert = rows
        .chunks(CHUNK)
        .fold(insert, |insert, chunk| insert.chunk(chunk.to_vec()));
    drop(rows);

    let (before, started) = (Cpu::of(std::process::id()), Instant::now());
    engine
        .insert(insert)
        .unwrap_or_else(|error| panic!("{error}"));
    let (wall, cpu) = (started.elapsed(), Cpu::of(std::process::id()) - before);
    let stored = query("SELECT count() FROM alone".to_owned(), "TabSeparated");
    let stored = String::from_utf8_lossy(&stored);
    println!(
        "{} {} {}",
        stored.trim(),
        wall.as_nanos(),
        cpu.total().as_nanos()
    );
}
