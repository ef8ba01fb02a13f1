//! What keeps a server from starting, told in one sentence.

use std::net::TcpListener;

use server_mock::{Clickhouse, Error, MockServer};

fn refused(builder: server_mock::Builder) -> Error {
    builder.start().expect_err("the server cannot start")
}

#[test]
fn an_address_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = refused(MockServer::builder().address(&address));
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {address}: choose another address or stop what uses it")
    );
}

#[test]
fn sql_for_other_machines_has_to_be_allowed() {
    let error = refused(MockServer::builder().sql("0.0.0.0:0"));
    assert!(matches!(error, Error::SqlAddress { .. }), "{error}");
    let error = refused(
        MockServer::builder()
            .sql("0.0.0.0:0")
            .sql_allow_remote(true),
    );
    assert!(matches!(error, Error::SqlWithoutEngine), "{error}");
}

#[test]
fn names_and_urls_are_checked() {
    let remote = |url: &str, database: &str| {
        let clickhouse = Clickhouse::Remote {
            url: url.to_owned(),
            database: database.to_owned(),
        };
        refused(MockServer::builder().clickhouse(clickhouse))
    };
    assert!(matches!(
        remote("http://127.0.0.1:1", "a`b"),
        Error::Database { .. }
    ));
    assert!(matches!(remote("localhost:8123", "a"), Error::Url { .. }));
    let unreachable = remote("http://me:secret@127.0.0.1:1", "a").to_string();
    assert!(
        unreachable.starts_with("ClickHouse at http://127.0.0.1:1/: "),
        "{unreachable}"
    );
    assert!(!unreachable.contains("secret"), "{unreachable}");
}
