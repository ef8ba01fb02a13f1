//! What must have arrived: for each expectation a sentence, a query and the answer it must get.

use anyhow::Result;

use super::sql::Sql;
use super::visits::{
    BROWSER, BROWSER_SPAN, BUYER, CHECKOUT, COUPON, ENDLESS, RECEIPT, REFUND, RETURNER, SCRIPT,
    STOCK,
};
use crate::show;

/// One expectation.
struct Check {
    says: &'static str,
    query: String,
    answer: String,
}

impl Check {
    fn new(says: &'static str, query: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            says,
            query: query.into(),
            answer: answer.into(),
        }
    }
}

/// How many expectations were met, and how many not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) met: usize,
    pub(super) missing: usize,
}

/// Holds what arrived against what was expected, and tells of each expectation.
///
/// # Errors
/// When ClickHouse cannot be asked.
pub(super) fn run(sql: Sql) -> Result<Tally> {
    let mut tally = Tally::default();
    show("CHECKS\n");
    let groups = [
        sessions(),
        checkout(),
        errors(),
        first_frames(),
        nothing_else(),
    ];
    for check in groups.into_iter().flatten() {
        let found = sql.value(&check.query)?;
        if found == check.answer {
            tally.met += 1;
            show(&format!("  ok       {}", check.says));
        } else {
            tally.missing += 1;
            show(&format!(
                "  MISSING  {}\n           expected {:?}\n           found    {found:?}\n           by       {}",
                check.says, check.answer, check.query
            ));
        }
    }
    show("");
    Ok(tally)
}

fn sessions() -> Vec<Check> {
    let mut all = [BUYER, RETURNER, BROWSER];
    all.sort_unstable();
    let counts = |session| {
        format!(
            "SELECT format('{{}} logs, {{}} spans, {{}} errors', toString(Logs), toString(Spans), toString(Errors)) \
             FROM sessions WHERE SecureSessionId = '{session}'"
        )
    };
    vec![
        Check::new(
            "the sessions are those of the three shoppers, and no other",
            "SELECT arrayStringConcat(arraySort(groupArray(SecureSessionId)), ' ') FROM sessions",
            all.join(" "),
        ),
        Check::new(
            "the first has all logs and spans of two requests, and no error",
            counts(BUYER),
            "6 logs, 6 spans, 0 errors",
        ),
        Check::new(
            "the second has two errors, each with its log",
            counts(RETURNER),
            "2 logs, 3 spans, 2 errors",
        ),
        Check::new(
            "the third has the panic, and its log",
            counts(BROWSER),
            "1 logs, 1 spans, 1 errors",
        ),
    ]
}

fn checkout() -> Vec<Check> {
    vec![
        Check::new(
            "the spans of the checkout are nested, below the browser's span",
            format!(
                "SELECT arrayStringConcat([bank.SpanName, charge.SpanName, server.SpanName, server.ParentSpanId], ' < ') \
                 FROM traces AS bank JOIN traces AS charge ON bank.ParentSpanId = charge.SpanId \
                 JOIN traces AS server ON charge.ParentSpanId = server.SpanId \
                 WHERE bank.TraceId = '{CHECKOUT}' AND bank.SpanName = 'choose_bank'"
            ),
            format!("choose_bank < charge < POST /checkout/{{cart}} < {BROWSER_SPAN}"),
        ),
        Check::new(
            "each log of the checkout is in the span where it was made",
            format!(
                "SELECT arrayStringConcat(arrayMap(row -> row.2 || ': ' || row.3, \
                 arraySort(groupArray((logs.Timestamp, traces.SpanName, logs.Body)))), ', ') \
                 FROM logs JOIN traces ON logs.SpanId = traces.SpanId AND logs.TraceId = traces.TraceId \
                 WHERE logs.TraceId = '{CHECKOUT}'"
            ),
            "POST /checkout/{cart}: checkout started, price: prices looked up, choose_bank: bank chosen, \
             charge: the bank was slow, POST /checkout/{cart}: paid",
        ),
        Check::new(
            "a record of the log crate has its key-values, file and line",
            format!(
                "SELECT LogAttributes['net'] || ' ' || LogAttributes['rate'] || ' ' || toString(\
                 endsWith(LogAttributes['code.file.path'], 'routes.rs') AND toUInt32OrZero(LogAttributes['code.line.number']) > 0) \
                 FROM logs WHERE TraceId = '{CHECKOUT}' AND Body = 'prices looked up'"
            ),
            "10.5 0.19 1",
        ),
        Check::new(
            "the spawned task's log has session and trace, and is later than the response",
            format!(
                "SELECT count() FROM logs JOIN traces ON logs.TraceId = traces.TraceId AND traces.SpanKind = 'Server' \
                 WHERE logs.TraceId = '{RECEIPT}' AND logs.Body = 'receipt sent' AND logs.SecureSessionId = '{BUYER}' \
                 AND toUnixTimestamp64Nano(logs.Timestamp) > toUnixTimestamp64Nano(traces.Timestamp) + traces.Duration"
            ),
            "1",
        ),
    ]
}

fn errors() -> Vec<Check> {
    vec![
        Check::new(
            "the captured error has type and message",
            format!("SELECT Type || ': ' || Message FROM errors WHERE TraceId = '{COUPON}'"),
            "example_axum::routes::Expired: the coupon has expired",
        ),
        Check::new(
            "the returned error has type, message and cause",
            format!(
                "SELECT Type || ': ' || Message || ': ' || JSONExtractString(Payload, 'exception.chain.0') \
                 FROM errors WHERE TraceId = '{REFUND}'"
            ),
            "example_axum::routes::BadAmount: the amount to refund is not a number of cents: invalid digit found in string",
        ),
        Check::new(
            "the panic has its message",
            format!("SELECT Type || ': ' || Message FROM errors WHERE TraceId = '{STOCK}'"),
            "panic: index out of bounds: the len is 3 but the index is 7",
        ),
        Check::new(
            "no error is reported twice",
            "SELECT format('{} errors, {} different', toString(count()), toString(uniqExact(Message))) FROM errors",
            "3 errors, 3 different",
        ),
        Check::new(
            "requests that failed answered 500 and are marked; the one that handled its error is not",
            format!(
                "SELECT arrayStringConcat(arraySort(groupArray(\
                 SpanName || ' ' || HttpAttributes['http.response.status_code'] || ' ' || StatusCode)), ', ') \
                 FROM traces WHERE SpanKind = 'Server' AND TraceId IN ('{COUPON}', '{REFUND}', '{STOCK}')"
            ),
            "GET /stock/{shelf} 500 Error, POST /coupons/{code} 200 Unset, POST /refunds/{cents} 500 Error",
        ),
    ]
}

fn first_frames() -> Vec<Check> {
    [
        (
            "the captured error's first frame is the line that captures it",
            COUPON,
            "coupon",
        ),
        (
            "the returned error's first frame is the line of the `?`",
            REFUND,
            "refund",
        ),
        (
            "the panic's first frame is the line that panics",
            STOCK,
            "count",
        ),
    ]
    .map(|(says, trace, function)| {
        let query = format!(
            "WITH JSONExtract(Frames, 'Array(Tuple(functionName String, fileName String, lineNumber UInt32))')[1] AS frame \
             SELECT match(frame.1, '::routes::{function}\\\\b') AND endsWith(frame.2, 'examples/axum/src/routes.rs') \
             AND frame.3 > 0 FROM errors WHERE TraceId = '{trace}'"
        );
        Check::new(says, query, "1")
    })
    .into()
}

fn nothing_else() -> Vec<Check> {
    let hostile = format!("TraceId IN ('{SCRIPT}', '{ENDLESS}') AND SecureSessionId = ''");
    vec![
        Check::new(
            "the requests with a hostile session header are traced and logged, without a session",
            format!(
                "SELECT format('{{}} logs, {{}} spans', toString((SELECT count() FROM logs WHERE {hostile})), \
                 toString((SELECT count() FROM traces WHERE {hostile})))"
            ),
            "10 logs, 8 spans",
        ),
        Check::new(
            "there is nothing else, and all of it is the service's",
            "SELECT format('{} logs, {} spans of {}', toString((SELECT count() FROM logs)), toString(count()), \
             arrayStringConcat(groupUniqArray(toString(ServiceName)), ', ')) FROM traces",
            "19 logs, 18 spans of checkout",
        ),
    ]
}
