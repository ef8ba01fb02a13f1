//! One OTLP/HTTP exchange: a request out, and what the answer means for the records in it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::batch::Batch;
use super::reader::{Fields, Payload};
use super::stats::Signal;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// An answer longer than this is not read to its end; OTLP answers are a few bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The id of a request, the same in every attempt: who has seen it has the records.
const BATCH_HEADER: HeaderName = HeaderName::from_static("x-highlight-batch");
pub(crate) const PROJECT_HEADER: HeaderName = HeaderName::from_static("x-highlight-project");

/// However long the endpoint asks us to wait, we ask again after this.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(10);

/// Where requests go and what they carry.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Scheme, authority and path prefix, without a slash at the end.
    pub(crate) base: String,
    pub(crate) headers: HeaderMap,
    /// For one exchange, from connecting to the end of the answer.
    pub(crate) timeout: Duration,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Taken, but for `rejected` records, which will not be taken later either.
    Accepted { rejected: u64, reason: String },
    /// Worth another try, not before `after` when the endpoint said so.
    Retry {
        after: Option<Duration>,
        reason: String,
    },
    /// Worth another try in smaller parts.
    TooLarge { reason: String },
    /// Not worth another try.
    Refused { reason: String },
}

/// The worker's HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    targets: [Uri; Signal::COUNT],
    headers: HeaderMap,
    timeout: Duration,
}

impl Transport {
    /// # Errors
    /// Says in a sentence why the endpoint cannot be used.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, String> {
        let mut targets: [Uri; Signal::COUNT] = Default::default();
        for signal in Signal::ALL {
            targets[signal.index()] = format!("{}{}", endpoint.base, signal.path())
                .parse()
                .map_err(|error| format!("the endpoint {} is no URL: {error}", endpoint.base))?;
        }
        let mut headers = endpoint.headers.clone();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "highlight-rust/",
                env!("CARGO_PKG_VERSION")
            )));
        let secure = targets[0].scheme_str() == Some("https");
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector(secure)?);
        Ok(Transport {
            client,
            targets,
            headers,
            timeout: endpoint.timeout,
        })
    }

    /// Sends one batch. Never takes longer than the export timeout.
    pub(crate) async fn send(&self, batch: &Batch) -> Verdict {
        match tokio::time::timeout(self.timeout, self.exchange(batch)).await {
            Ok(verdict) => verdict,
            Err(_) => Verdict::Retry {
                after: None,
                reason: format!("no answer within {:?}", self.timeout),
            },
        }
    }

    async fn exchange(&self, batch: &Batch) -> Verdict {
        let mut request = Request::new(Full::new(batch.body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.targets[batch.signal.index()].clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        if let Ok(id) = HeaderValue::try_from(format!("{:032x}", batch.id)) {
            headers.insert(BATCH_HEADER, id);
        }
        if let Some(spooled) = &batch.spooled {
            headers.insert(PROJECT_HEADER, spooled.project.clone());
        }
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => {
                return Verdict::Retry {
                    after: None,
                    reason: chain(&error),
                };
            }
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes);
        judge(
            head.status,
            &head.headers,
            body.as_deref().unwrap_or_default(),
        )
    }
}

/// What an answer means, as in the OTLP/HTTP specification: 429, 502, 503 and 504 are temporary, other failures are not.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Verdict {
    if status.is_success() {
        let (rejected, reason) = partial_success(body).unwrap_or_default();
        return Verdict::Accepted { rejected, reason };
    }
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    let reason = format!("{status} {text}").trim_end().to_owned();
    match status.as_u16() {
        408 | 429 | 502..=504 => Verdict::Retry {
            after: retry_after(headers),
            reason,
        },
        413 => Verdict::TooLarge { reason },
        _ => Verdict::Refused { reason },
    }
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(SystemTime::now())
            .unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// `partial_success` of an `Export*ServiceResponse`: how many records were rejected, and why.
fn partial_success(body: &[u8]) -> Option<(u64, String)> {
    let mut fields = Fields::new(body);
    let partial = fields.find_map(|field| match (field.number, field.payload) {
        (1, Payload::Bytes(bytes)) => Some(bytes),
        _ => None,
    })?;
    let mut rejected = 0;
    let mut reason = String::new();
    for field in Fields::new(partial) {
        match (field.number, field.payload) {
            (1, Payload::Varint(count)) => rejected = count,
            (2, Payload::Bytes(text)) => {
                reason = String::from_utf8_lossy(text).chars().take(200).collect();
            }
            _ => {}
        }
    }
    Some((rejected, reason))
}

/// An error and its sources on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(feature = "tls")]
fn connector(secure: bool) -> Result<Connector, String> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let tls = tls_config(secure)?;
    Ok(hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http))
}

#[cfg(not(feature = "tls"))]
fn connector(secure: bool) -> Result<Connector, String> {
    if secure {
        return Err("an https endpoint needs the `tls` feature of `highlight`".to_owned());
    }
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    Ok(http)
}

/// The ring provider and the system's roots for our client alone; Mozilla's roots where the system has none.
#[cfg(feature = "tls")]
fn tls_config(secure: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if secure {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };
    use prost::Message as _;

    fn header(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        headers
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        assert_eq!(retry_after(&header("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&header("99999999")), Some(LONGEST_RETRY_AFTER));
        assert_eq!(
            retry_after(&header("Sun, 06 Nov 1994 08:49:37 GMT")),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after(&header("soon")), None);
        assert_eq!(retry_after(&header("-1")), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn statuses_are_judged_as_the_specification_says() {
        let none = HeaderMap::new();
        for status in [429, 502, 503, 504] {
            let verdict = judge(StatusCode::from_u16(status).unwrap(), &none, b"");
            assert!(matches!(verdict, Verdict::Retry { .. }), "{status}");
        }
        let verdict = judge(StatusCode::PAYLOAD_TOO_LARGE, &none, b"");
        assert!(matches!(verdict, Verdict::TooLarge { .. }));
        for status in [301, 400, 401, 403, 404, 500] {
            let verdict = judge(StatusCode::from_u16(status).unwrap(), &none, b"why");
            assert!(matches!(verdict, Verdict::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn partial_success_is_read_and_lies_are_not_believed() {
        let response = ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records: 300,
                error_message: "bad project".into(),
            }),
        };
        let bytes = response.encode_to_vec();
        assert_eq!(partial_success(&bytes), Some((300, "bad project".into())));
        assert_eq!(partial_success(b""), None);
        assert_eq!(partial_success(b"<html>not protobuf</html>"), None);
        for cut in 0..bytes.len() {
            partial_success(&bytes[..cut]);
        }
    }
}
