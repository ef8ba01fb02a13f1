//! A worker without HTTP: it takes jobs from a queue, and what each job logs, spawns and breaks is tied to its user and session.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-worker
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;

use highlight::{Session, User, capture_join, set_tag, set_user, with_scope, with_session};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// A message of the queue.
struct Job {
    /// The session of the request that ordered it, as `Session`'s `Display` wrote it into the message.
    session: &'static str,
    user: &'static str,
    parcel: &'static str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what is still queued.
    let _highlight = highlight::Config::new(project)
        .service_name("parcels")
        .service_version(env!("CARGO_PKG_VERSION"))
        .init()?;
    let (queue, jobs) = mpsc::channel(16);
    for parcel in ["p-1", "p-2 fragile", "p-3 heavy"] {
        let (session, user) = ("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1", "u-17");
        let job = Job {
            session,
            user,
            parcel,
        };
        queue.send(job).await?;
    }
    drop(queue);
    work(jobs).await;
    Ok(())
}

/// Every job is a task of its own, so that one that panics ends alone.
async fn work(mut jobs: Receiver<Job>) {
    let mut running = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        running.spawn(begin(job));
    }
    while let Some(ended) = running.join_next().await {
        // A panic was reported where it happened; this reports a task that was cancelled.
        let _ = capture_join(ended);
    }
}

/// Gives the job its scope, in which user and tags are kept, and its session, if its message had a good one.
async fn begin(job: Job) {
    let work = with_scope(async {
        set_user(User::new(job.user));
        set_tag("queue", "parcels");
        ship(job.parcel).await;
    });
    match Session::parse(job.session) {
        Some(session) => with_session(session, work).await,
        None => work.await,
    }
}

#[tracing::instrument]
async fn ship(parcel: &'static str) {
    // `in_current_span` takes trace, session and scope into the task, which a bare spawn would not.
    let notice = tokio::spawn(notify(parcel).in_current_span());
    if let Err(error) = pack(parcel) {
        notice.abort();
        tracing::error!(error = &error as &dyn Error, "not shipped");
        return;
    }
    if capture_join(notice.await).is_ok() {
        tracing::info!("shipped");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no box is large enough")]
struct TooHeavy;

fn pack(parcel: &str) -> Result<(), TooHeavy> {
    assert!(!parcel.ends_with("fragile"), "it broke");
    if parcel.ends_with("heavy") {
        return Err(TooHeavy);
    }
    Ok(())
}

#[tracing::instrument]
async fn notify(parcel: &'static str) {
    tracing::info!("the receiver was told");
}
