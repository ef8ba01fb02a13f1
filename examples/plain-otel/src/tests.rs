//! What arrives at the endpoint. Nothing global is touched.

use server_mock::MockServer;

use crate::telemetry::Telemetry;

const SESSION: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";

#[test]
fn what_the_stock_sdk_sends_is_tied_to_project_and_session() {
    let server = MockServer::start();
    let telemetry = Telemetry::start("1jdkoe52", &server.url()).unwrap();
    crate::pay(&telemetry, SESSION, "450");
    crate::pay(&telemetry, SESSION, "free");
    telemetry.shutdown().unwrap();

    let received = server.received();
    let [paid, failed] = &received.spans[..] else {
        panic!("two spans, not:\n{received}");
    };
    assert_eq!((paid.name.as_str(), paid.project_id), ("pay", 1));
    assert_eq!(paid.service_name, "payments");
    assert_eq!(paid.secure_session_id, SESSION);
    assert_eq!(failed.status_message, "not paid");
    // The server makes a log of the error, too.
    let log = received.logs.iter().find(|log| log.body == "paid").unwrap();
    assert_eq!(log.severity_text, "info");
    assert_eq!(log.attributes["cents"], "450");
    assert_eq!(log.span_id, paid.span_id);
    assert_eq!(log.secure_session_id, SESSION);
    let [error] = &received.errors[..] else {
        panic!("one error, not:\n{received}");
    };
    assert_eq!(error.message, "invalid digit found in string");
    assert_eq!(error.span_id, failed.span_id);
    assert_eq!(error.secure_session_id, SESSION);
    let metrics = |request: &&server_mock::RequestInfo| request.path == "/v1/metrics";
    let metrics = received.requests.iter().find(metrics).unwrap();
    assert_eq!((metrics.status, metrics.records), (200, 1));
}
