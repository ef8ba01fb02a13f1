//! What arrives of three jobs. Global to this binary: the SDK and its `tracing` subscriber.

use server_mock::{MockServer, SpanRow};
use tokio::sync::mpsc;

use crate::Job;

const SESSION: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";

#[tokio::test]
async fn what_a_job_does_is_tied_to_its_session_and_user() {
    let server = MockServer::start();
    let highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .filter("info")
        .init()
        .unwrap();
    let (queue, jobs) = mpsc::channel(16);
    for (session, user, parcel) in [
        ("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1", "ann", "p-1"),
        ("<hostile>", "bob", "p-2 fragile"),
        ("Zk81mVqPn3XsLw0aTfRb6uYdHc9E/2", "eve", "p-3 heavy"),
    ] {
        let job = Job {
            session,
            user,
            parcel,
        };
        queue.send(job).await.unwrap();
    }
    drop(queue);
    crate::work(jobs).await;
    highlight.flush().unwrap();

    let received = server.received();
    let of_ann = |span: &&SpanRow| span.attributes["user.id"] == "ann";
    let spans: Vec<_> = received.spans.iter().filter(of_ann).collect();
    let ship = spans.iter().find(|span| span.name == "ship").unwrap();
    let notify = spans.iter().find(|span| span.name == "notify").unwrap();
    assert_eq!(notify.parent_span_id, ship.span_id);
    assert_eq!(notify.secure_session_id, SESSION);
    let logs: Vec<_> = received
        .logs
        .iter()
        .filter(|log| log.secure_session_id == SESSION)
        .map(|log| (log.body.as_str(), log.attributes["queue"].as_str()))
        .collect();
    assert_eq!(
        logs,
        [("the receiver was told", "parcels"), ("shipped", "parcels")]
    );

    let mut errors: Vec<_> = received
        .errors
        .iter()
        .map(|error| (error.message.as_str(), error.secure_session_id.as_str()))
        .collect();
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            ("it broke", ""),
            ("no box is large enough", "Zk81mVqPn3XsLw0aTfRb6uYdHc9E")
        ]
    );
}
