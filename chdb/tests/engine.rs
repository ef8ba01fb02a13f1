//! The real libchdb; the process-global thing here is its one data directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chdb::{Engine, Error, Insert, Library, Statement};

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    let _ = fs::remove_dir_all(&directory);
    directory
});

/// Never dropped, as in a program that keeps its engine in a static: the exit hook has to close it.
static ENGINE: LazyLock<Engine> = LazyLock::new(open);

fn open() -> Engine {
    let library = Library::locate().unwrap_or_else(|error| panic!("{error}"));
    Engine::open(&library, &DIRECTORY).expect("the data directory opens")
}

fn text(statement: Statement) -> String {
    let answer = ENGINE.query(statement).expect("the statement is fine");
    String::from_utf8(answer).expect("the answer is text")
}

#[test]
fn parameters_are_bound_by_the_engine() {
    let hostile = "it's \\ `quoted`";
    assert_eq!(
        text(
            Statement::new("SELECT {a:String}")
                .format("TSVRaw")
                .bind("a", hostile)
        ),
        format!("{hostile}\n")
    );
}

#[test]
fn a_format_clause_wins_over_the_default_format() {
    assert_eq!(
        text(Statement::new("SELECT 1 AS a FORMAT JSONEachRow")),
        "{\"a\":1}\n"
    );
}

#[test]
fn inserted_chunks_are_stored_together() {
    text(Statement::new(
        "CREATE TABLE chunks (n UInt8) ENGINE = MergeTree ORDER BY n",
    ));
    let insert = Insert::new("INSERT INTO chunks (n)", "RowBinary")
        .chunk(vec![1, 2])
        .chunk(vec![3]);
    ENGINE.insert(insert).unwrap();
    assert_eq!(
        text(Statement::new(
            "SELECT groupArray(n) FROM (SELECT n FROM chunks ORDER BY n)"
        )),
        "[1,2,3]\n"
    );
}

#[test]
fn a_refused_insert_stores_nothing_and_says_why() {
    text(Statement::new(
        "CREATE TABLE refused (n UInt8, CONSTRAINT small CHECK n < 3) ENGINE = MergeTree ORDER BY n",
    ));
    let insert = Insert::new("INSERT INTO refused (n)", "RowBinary").chunk(vec![1, 9]);
    let error = ENGINE.insert(insert).unwrap_err();
    assert_eq!(error.code(), Some(469), "{error}");
    assert_eq!(text(Statement::new("SELECT count() FROM refused")), "0\n");
}

#[test]
fn a_refused_statement_carries_its_code() {
    let error = ENGINE
        .query(Statement::new("SELECT * FROM nowhere"))
        .unwrap_err();
    assert_eq!(error.code(), Some(60), "{error}");
}

#[test]
fn each_statement_has_its_own_database() {
    text(Statement::new("CREATE DATABASE `od``d`"));
    assert_eq!(
        text(
            Statement::new("SELECT currentDatabase()")
                .format("TSVRaw")
                .database("od`d")
        ),
        "od`d\n"
    );
    assert_eq!(
        text(Statement::new("SELECT currentDatabase()")),
        "default\n"
    );
}

#[test]
fn a_second_engine_on_the_same_directory_sees_the_same_data() {
    text(Statement::new(
        "CREATE TABLE shared (n UInt8) ENGINE = MergeTree ORDER BY n",
    ));
    let second = open();
    assert_eq!(
        second
            .query(Statement::new("SELECT count() FROM shared"))
            .unwrap(),
        b"0\n"
    );
    drop(second);
    assert_eq!(text(Statement::new("SELECT count() FROM shared")), "0\n");
}

#[test]
fn a_second_directory_is_refused() {
    LazyLock::force(&ENGINE);
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    let error = Engine::open(&Library::locate().unwrap(), &other).unwrap_err();
    assert!(matches!(error, Error::OtherDirectory { .. }), "{error}");
}
