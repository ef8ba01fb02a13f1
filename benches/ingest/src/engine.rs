//! The engine by itself: the rows that server-mock stored, as `RowBinary`, into a table like its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chdb::{Engine, Insert, Library, Statement};

use crate::cpu::Cpu;
use crate::requests::Signal;
use crate::{Sample, myself};

/// How much goes to the engine at a time.
const CHUNK: usize = 1024 * 1024;

/// How many inserts are prepared; they are made again and again until the time is up.
const PREPARED: u64 = 60;

/// How long inserts are made.
const LONGEST: Duration = Duration::from_millis(500);

/// The database of server-mock, when it is not told another.
const DATABASE: &str = "highlight";

/// How rows go to the engine.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// All in one streaming insert, as fast as it gets, with the settings of server-mock.
    Best,
    /// The same with the engine's own settings: an insert makes the skip indexes, which server-mock leaves to merges.
    Default,
    /// So many in an insert, with the settings of server-mock.
    By(u64),
}

/// Measures in a process of its own, on a data directory that server-mock has left.
pub fn measure(data: &Path, signal: Signal, way: Way) -> Sample {
    let (settings, rows) = match way {
        Way::Best => (" SETTINGS materialize_skip_indexes_on_insert = 0", 0),
        Way::Default => ("", 0),
        Way::By(rows) => (" SETTINGS materialize_skip_indexes_on_insert = 0", rows),
    };
    let output = Command::new(myself())
        .arg("engine")
        .arg(data)
        .arg(signal.table())
        .arg(rows.to_string())
        .arg(settings)
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
    let [rows, inserts, wall, cpu] = numbers[..] else {
        panic!("rows, inserts, wall and CPU time: {numbers:?}")
    };
    let cpu = Cpu {
        inserting: Duration::from_nanos(cpu),
        ..Cpu::default()
    };
    Sample {
        rows,
        inserts,
        wall: Duration::from_nanos(wall),
        cpu,
    }
}

/// The process: `DATA TABLE ROWS SETTINGS`, where no rows are all of them in one insert.
pub fn run(arguments: &[String]) {
    let [data, table, rows, settings] = arguments else {
        panic!("engine DATA TABLE ROWS SETTINGS")
    };
    let rows: u64 = rows.parse().expect("a number of rows");
    let library = Library::locate().unwrap_or_else(|error| panic!("{error}"));
    let engine = Engine::open(&library, data.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    let query = |sql: String, format: &str| {
        let answer = engine.query(Statement::new(sql).database(DATABASE).format(format));
        answer.unwrap_or_else(|error| panic!("{error}"))
    };
    let insert =
        Insert::new(format!("INSERT INTO alone{settings}"), "RowBinary").database(DATABASE);
    let inserts: Vec<_> = if rows == 0 {
        let all = query(format!("SELECT * FROM {table}"), "RowBinary");
        let insert = all
            .chunks(CHUNK)
            .fold(insert, |insert, chunk| insert.chunk(chunk.to_vec()));
        vec![insert]
    } else {
        query(
            format!(
                "CREATE TABLE some ENGINE = Memory AS SELECT * FROM {table} LIMIT {}",
                rows * PREPARED
            ),
            "Null",
        );
        let offsets = (0..PREPARED).map(|at| at * rows);
        let chunks = offsets.map(|offset| {
            query(
                format!("SELECT * FROM some LIMIT {rows} OFFSET {offset}"),
                "RowBinary",
            )
        });
        chunks
            .filter(|chunk| !chunk.is_empty())
            .map(|chunk| insert.clone().chunk(chunk))
            .collect()
    };
    query(format!("CREATE OR REPLACE TABLE alone AS {table}"), "Null");

    let (before, started) = (Cpu::of(std::process::id()), Instant::now());
    let mut made = 0_u64;
    for insert in inserts.iter().cycle() {
        engine
            .insert(insert.clone())
            .unwrap_or_else(|error| panic!("{error}"));
        made += 1;
        if rows == 0 || started.elapsed() >= LONGEST {
            break;
        }
    }
    let (wall, cpu) = (started.elapsed(), Cpu::of(std::process::id()) - before);
    let stored = query("SELECT count() FROM alone".to_owned(), "TabSeparated");
    let stored = String::from_utf8_lossy(&stored);
    println!(
        "{} {made} {} {}",
        stored.trim(),
        wall.as_nanos(),
        cpu.total().as_nanos()
    );
}
