//! SQL over HTTP, as `ClickHouse`'s own HTTP interface, from the embedded engine.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use chdb::{Insert, Statement};
use url::form_urlencoded;

use crate::body;
use crate::store::Embedded;

/// The routes of the SQL address.
pub(crate) fn router(embedded: Embedded) -> Router {
    Router::new()
        .route("/ping", get(async || "Ok.\n"))
        .fallback(run)
        .with_state(embedded)
}

/// What the query string says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    query: String,
    format: Option<String>,
    database: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Options {
    /// Settings and credentials, which also come this way, are ignored.
    fn read(query_string: &str) -> Self {
        let mut options = Self::default();
        for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
            match &*name {
                "query" => options.query = value.into_owned(),
                "default_format" => options.format = Some(value.into_owned()),
                "database" => options.database = Some(value.into_owned()),
                name => {
                    if let Some(name) = name.strip_prefix("param_") {
                        options
                            .parameters
                            .push((name.to_owned(), value.into_owned()));
                    }
                }
            }
        }
        options
    }
}

async fn run(State(embedded): State<Embedded>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let mut options = Options::read(head.uri.query().unwrap_or_default());
    let body = match body::read(body)
        .await
        .and_then(|wire| body::decompress(&head.headers, wire))
    {
        Ok(body) => body,
        Err(refusal) => return (refusal.status, format!("{}\n", refusal.reason)).into_response(),
    };
    // As ClickHouse does: what the body has goes behind what the query string has.
    let data = if options.query.is_empty() || insert_format(&options.query).is_none() {
        options.query.push_str(&String::from_utf8_lossy(&body));
        Bytes::new()
    } else {
        body
    };
    if options.query.trim().is_empty() {
        return "Ok.\n".into_response();
    }
    let database = options
        .database
        .or_else(|| header_text(&head.headers, "x-clickhouse-database"));
    let database = database.unwrap_or_else(|| embedded.database().to_owned());
    let format = options
        .format
        .or_else(|| header_text(&head.headers, "x-clickhouse-format"));
    let format = format.unwrap_or_else(|| "TabSeparated".to_owned());
    let outcome = match insert_format(&options.query) {
        Some((sql, format)) if !data.is_empty() => {
            let insert = Insert::new(sql, format)
                .database(database)
                .chunk(data.into());
            embedded.run_insert(insert).await.map(|()| Vec::new())
        }
        _ => {
            let statement = Statement::new(options.query)
                .format(&format)
                .database(database);
            let bound = options
                .parameters
                .into_iter()
                .fold(statement, |statement, (name, value)| {
                    statement.bind(name, value)
                });
            embedded.run(bound).await
        }
    };
    match outcome {
        Ok(answer) => answered(&format, answer),
        Err(error) => failed(&error),
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Splits an insert whose data comes apart from it, `INSERT … FORMAT name`, before its `FORMAT`.
fn insert_format(sql: &str) -> Option<(&str, &str)> {
    let sql = sql.trim().trim_end_matches(';');
    let (statement, format) = sql.rsplit_once(char::is_whitespace)?;
    let (insert, keyword) = statement.trim_end().rsplit_once(char::is_whitespace)?;
    let is_insert = insert
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("insert"));
    (is_insert && keyword.eq_ignore_ascii_case("format")).then_some((insert.trim_end(), format))
}

fn answered(format: &str, answer: Vec<u8>) -> Response {
    let content_type = if format.starts_with("JSON") {
        "application/json; charset=UTF-8"
    } else {
        "text/plain; charset=UTF-8"
    };
    let headers = [
        (header::CONTENT_TYPE.as_str(), content_type),
        ("x-clickhouse-format", format),
    ];
    (headers, answer).into_response()
}

/// `ClickHouse`'s text and code, with the status that its HTTP interface gives the most common ones.
fn failed(error: &chdb::Error) -> Response {
    let code = error.code();
    let status = match code {
        Some(60 | 81) => StatusCode::NOT_FOUND,
        Some(6 | 27 | 36 | 41 | 42 | 43 | 44 | 46 | 47 | 53 | 62 | 70 | 72 | 456) => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let code = code.map(|code| [("x-clickhouse-exception-code", code.to_string())]);
    let text = format!("{}\n", error.to_string().trim_end());
    match code {
        Some(headers) => (status, headers, text).into_response(),
        None => (status, text).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, insert_format};

    #[test]
    fn the_query_string_is_read() {
        let options = Options::read(
            "query=SELECT+1&default_format=JSON&database=d&param_a=%201&max_threads=2",
        );
        let expected = Options {
            query: "SELECT 1".to_owned(),
            format: Some("JSON".to_owned()),
            database: Some("d".to_owned()),
            parameters: vec![("a".to_owned(), " 1".to_owned())],
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn only_an_insert_with_a_format_takes_data() {
        for (sql, expected) in [
            (
                "INSERT INTO t (a) FORMAT RowBinary",
                Some(("INSERT INTO t (a)", "RowBinary")),
            ),
            ("insert into t\nformat  CSV ; ", None),
            (
                "insert into t\nformat  CSV;",
                Some(("insert into t", "CSV")),
            ),
            ("INSERT INTO t VALUES (1)", None),
            ("SELECT 1 FORMAT CSV", None),
            ("é FORMAT x", None),
            ("", None),
        ] {
            assert_eq!(insert_format(sql), expected, "{sql}");
        }
    }
}
