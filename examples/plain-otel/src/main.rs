//! A service with OpenTelemetry's own SDK and nothing of ours: pointed at the same endpoint, its spans, errors, logs and metrics
//! arrive there too.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318 cargo run -p example-plain-otel
//! ```
//!
//! That endpoint is `server-mock`'s, or a collector's. For `https://otel.highlight.io:4318` add `opentelemetry-otlp`'s feature
//! `reqwest-rustls`.

mod telemetry;
#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;

use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _, TracerProvider as _};

use telemetry::Telemetry;

fn main() -> Result<(), Box<dyn Error>> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    let endpoint = env::var("HIGHLIGHT_OTLP_ENDPOINT");
    let endpoint = endpoint.unwrap_or_else(|_| "http://127.0.0.1:4318".to_owned());
    let telemetry = Telemetry::start(&project, &endpoint)?;
    for cents in ["450", "free"] {
        pay(&telemetry, "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q", cents);
    }
    telemetry.shutdown()?;
    Ok(())
}

/// A payment as a span, on behalf of the browser session that asked for it.
fn pay(telemetry: &Telemetry, session: &str, cents: &str) {
    let tracer = telemetry.spans.tracer("payments");
    tracer.in_span("pay", |context| {
        let span = context.span();
        // Ties the span and its errors to the session.
        span.set_attribute(KeyValue::new("highlight.session_id", session.to_owned()));
        match cents.parse::<i64>() {
            Ok(cents) => {
                telemetry.paid.add(1, &[KeyValue::new("currency", "EUR")]);
                log(telemetry, session, "paid", cents);
            }
            Err(error) => {
                span.record_error(&error);
                span.set_status(Status::error("not paid"));
            }
        }
    });
}

/// A log record. It takes trace and span from the current context; time and severity's text are up to us.
fn log(telemetry: &Telemetry, session: &str, text: &'static str, cents: i64) {
    let logger = telemetry.logs.logger("payments");
    let mut record = logger.create_log_record();
    record.set_timestamp(std::time::SystemTime::now());
    record.set_severity_number(Severity::Info);
    record.set_severity_text("info");
    record.set_body(AnyValue::from(text));
    record.add_attribute("cents", cents);
    record.add_attribute("highlight.session_id", session.to_owned());
    logger.emit(record);
}
