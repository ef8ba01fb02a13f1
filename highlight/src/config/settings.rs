//! Settings with every question answered: code over environment over default, and checked.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tracing_subscriber::EnvFilter;

use super::env::{Env, invalid, pairs};
use super::{Config, StackFormat, resource};
use crate::error::Error;
use crate::export::buffer::Bounds;
use crate::export::errors::ErrorStyle;
use crate::export::log_record::Style;
use crate::export::spool::SpoolPlan;
use crate::export::stacks::StackStyle;
use crate::export::transport::{Endpoint, PROJECT_HEADER};
use crate::export::worker::Plan;
use crate::metrics::MetricSession;
use crate::project_id;
use crate::propagation::Hosts;
use crate::sampling::Sampling;
use crate::scrub::Scrub;
use crate::stacktrace::StackForm;

const DEFAULT_ENDPOINT: &str = "https://otel.highlight.io:4318";
const DEFAULT_FILTER: &str = "info";
/// Anything smaller could not hold a request.
const SMALLEST_BUDGET: usize = 64 * 1024;
const SMALLEST_REQUEST: usize = 4 * 1024;
const MIB: usize = 1024 * 1024;
const DEFAULT_SPOOL: u64 = 512 * 1024 * 1024;
/// Room for a few requests.
const SMALLEST_SPOOL: u64 = 64 * 1024;

/// What `init` works with.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Settings {
    pub(crate) project_id: String,
    pub(crate) disabled: bool,
    pub(crate) filter: String,
    pub(crate) own_subscriber: bool,
    pub(crate) panic_hook: bool,
    pub(crate) style: Style,
    pub(crate) sampling: Sampling,
    pub(crate) metrics: bool,
    pub(crate) sdk_metrics: bool,
    pub(crate) metric_session: MetricSession,
    pub(crate) http_metrics: bool,
    pub(crate) hosts: Hosts,
    pub(crate) trust_forwarded: bool,
    pub(crate) bounds: Bounds,
    pub(crate) shutdown_timeout: Duration,
    endpoint: Endpoint,
    resource: Vec<(String, String)>,
    spool: Option<SpoolPlan>,
    delay: Duration,
    interval: Duration,
    stacks: StackStyle,
}

impl Settings {
    /// Answers from `config`, then from the environment that `lookup` reads, then from the defaults.
    ///
    /// # Errors
    /// A value cannot be used.
    pub(crate) fn resolve(
        config: Config,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let env = Env(&lookup);
        let disabled = env
            .get("OTEL_SDK_DISABLED")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let given = config
            .project_id
            .clone()
            .or_else(|| env.get("HIGHLIGHT_PROJECT_ID"));
        let project_id = match given {
            None if disabled => String::new(),
            given => project_id::checked(&given.unwrap_or_default())?,
        };
        let budget = at_least("byte_budget", config.byte_budget, 64 * MIB, SMALLEST_BUDGET)?;
        let request = at_least(
            "request_bytes",
            config.request_bytes,
            4 * MIB,
            SMALLEST_REQUEST,
        )?;
        let export_timeout = match config.export_timeout {
            Some(timeout) => timeout,
            None => env
                .millis(&["OTEL_EXPORTER_OTLP_TIMEOUT"])?
                .unwrap_or(Duration::from_secs(10)),
        };
        let delay = match config.batch_delay {
            Some(delay) => delay,
            None => env
                .millis(&["OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY"])?
                .unwrap_or(Duration::from_secs(1)),
        };
        let interval = match config.metric_interval {
            Some(interval) => positive("metric_interval", interval)?,
            None => match env.millis(&["OTEL_METRIC_EXPORT_INTERVAL"])? {
                Some(interval) => positive("OTEL_METRIC_EXPORT_INTERVAL", interval)?,
                None => Duration::from_mins(1),
            },
        };
        let source_context = config.source_context.unwrap_or(cfg!(debug_assertions));
        let shutdown_timeout = config.shutdown_timeout.unwrap_or(Duration::from_secs(5));
        let headers = headers(&config.headers, &env, &project_id)?;
        Ok(Settings {
            disabled,
            filter: filter(config.filter.as_deref(), &env)?,
            own_subscriber: config.own_subscriber,
            panic_hook: !config.no_panic_hook,
            style: Style {
                guard_markup: !config.no_markup_guard,
                scrub: Scrub::new(!config.no_redaction, &config.redacted_fields),
                hooks: config.hooks.clone(),
                breadcrumbs: config.breadcrumbs,
                no_logs: !signal("OTEL_LOGS_EXPORTER", config.logs, &env)?,
            },
            sampling: if signal("OTEL_TRACES_EXPORTER", config.traces, &env)? {
                sampling(config.sampling.clone(), &env)?
            } else {
                Sampling::none()
            },
            sdk_metrics: config.sdk_metrics,
            metrics: signal("OTEL_METRICS_EXPORTER", config.metrics, &env)?,
            metric_session: config.metric_session,
            http_metrics: config.http_metrics.unwrap_or(true),
            hosts: hosts(config.hosts.as_deref())?,
            trust_forwarded: config.trust_forwarded,
            bounds: Bounds { budget, request },
            shutdown_timeout: positive("shutdown_timeout", shutdown_timeout)?,
            endpoint: Endpoint {
                base: endpoint(config.endpoint.as_deref(), &env)?,
                headers: headers.clone(),
                timeout: positive("export_timeout", export_timeout)?,
            },
            spool: spool(&config, &env, &headers)?,
            delay,
            interval,
            stacks: StackStyle {
                form: match config.stack_format {
                    StackFormat::Parseable => StackForm::Go,
                    StackFormat::Native => StackForm::Native,
                },
                source_context,
            },
            resource: resource::attributes(config, &project_id, &env)?,
            project_id,
        })
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            endpoint: self.endpoint.clone(),
            resource: resource::encode(&self.resource),
            delay: self.delay,
            interval: self.interval,
            style: Arc::new(self.style.clone()),
            errors: ErrorStyle {
                stacks: self.stacks,
                scrub: self.style.scrub.clone(),
                scope: crate::install::scope(),
            },
            spool: self.spool.clone(),
        }
    }
}

fn at_least(
    setting: &'static str,
    given: Option<usize>,
    default: usize,
    least: usize,
) -> Result<usize, Error> {
    let value = given.unwrap_or(default);
    if value < least {
        let reason = format!("give at least {least} bytes");
        return Err(invalid(setting, &value.to_string(), reason));
    }
    Ok(value)
}

fn positive(setting: &'static str, given: Duration) -> Result<Duration, Error> {
    if given.is_zero() {
        return Err(invalid(setting, "0", "give more than no time"));
    }
    Ok(given)
}

/// The spool, when there is a directory for it.
fn spool(config: &Config, env: &Env<'_>, headers: &HeaderMap) -> Result<Option<SpoolPlan>, Error> {
    let bytes = config.spool_bytes.unwrap_or(DEFAULT_SPOOL);
    if bytes < SMALLEST_SPOOL {
        let reason = format!("give at least {SMALLEST_SPOOL} bytes");
        return Err(invalid("spool_bytes", &bytes.to_string(), reason));
    }
    let directory = config.spool_dir.clone();
    let directory = directory.or_else(|| env.get("HIGHLIGHT_SPOOL_DIR").map(PathBuf::from));
    Ok(directory.map(|directory| SpoolPlan {
        directory,
        bytes,
        project: headers
            .get(PROJECT_HEADER)
            .cloned()
            .unwrap_or(HeaderValue::from_static("")),
    }))
}

fn hosts(given: Option<&[String]>) -> Result<Hosts, Error> {
    let reason = "give names or addresses of hosts, without scheme, port and path";
    Hosts::new(given).map_err(|host| invalid("propagate_to", host, reason))
}

fn filter(given: Option<&str>, env: &Env<'_>) -> Result<String, Error> {
    let (setting, directives) = match given {
        Some(directives) => ("filter", directives.to_owned()),
        None => env
            .first(&["RUST_LOG"])
            .unwrap_or(("filter", DEFAULT_FILTER.to_owned())),
    };
    match EnvFilter::builder().parse(&directives) {
        Ok(_) => Ok(directives),
        Err(error) => Err(invalid(setting, &directives, error.to_string())),
    }
}

/// Whether a signal is sent: by the variable of the OpenTelemetry specification, where code leaves it open.
fn signal(variable: &'static str, given: Option<bool>, env: &Env<'_>) -> Result<bool, Error> {
    if let Some(on) = given {
        return Ok(on);
    }
    match env.get(variable).as_deref().map(str::trim) {
        None | Some("otlp") => Ok(true),
        Some("none") => Ok(false),
        Some(other) => Err(invalid(variable, other, "give otlp or none")),
    }
}

/// The variables of the OpenTelemetry specification, for what code leaves open.
fn sampling(given: Sampling, env: &Env<'_>) -> Result<Sampling, Error> {
    const VARIABLE: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    given.check()?;
    let Some(name) = env.get(VARIABLE).filter(|_| given.rate.is_none()) else {
        return Ok(given);
    };
    let (ignores_parent, sampler) = match name.trim().strip_prefix("parentbased_") {
        Some(sampler) => (false, sampler),
        None => (true, name.trim()),
    };
    let rate = match sampler {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let argument = env.get(ARGUMENT).unwrap_or_else(|| "1".to_owned());
            match argument.trim().parse() {
                Ok(rate) if (0.0..=1.0).contains(&rate) => rate,
                _ => return Err(invalid(ARGUMENT, &argument, "give a number from 0 to 1")),
            }
        }
        _ => {
            let known =
                "give always_on, always_off or traceidratio, or one of them behind parentbased_";
            return Err(invalid(VARIABLE, &name, known));
        }
    };
    Ok(Sampling {
        rate: Some(rate),
        ignores_parent,
        ..given
    })
}

fn endpoint(given: Option<&str>, env: &Env<'_>) -> Result<String, Error> {
    let (setting, url) = match given {
        Some(url) => ("endpoint", url.to_owned()),
        None => env
            .first(&["HIGHLIGHT_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
            .unwrap_or(("endpoint", DEFAULT_ENDPOINT.to_owned())),
    };
    let refuse = |reason: &str| Err(invalid(setting, &url, reason));
    let Ok(uri) = Uri::from_str(url.trim()) else {
        return refuse("it is no URL");
    };
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") if cfg!(feature = "tls") => {}
        Some("https") => return refuse("https needs the `tls` feature of `highlight`"),
        _ => return refuse("give a URL that starts with http:// or https://"),
    }
    if uri.query().is_some() {
        return refuse("it must not have a query");
    }
    if uri
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'))
    {
        return refuse("credentials belong into a header");
    }
    Ok(url.trim().trim_end_matches('/').to_owned())
}

/// Code's headers win over the environment's; the project id is always there.
fn headers(
    given: &[(String, String)],
    env: &Env<'_>,
    project_id: &str,
) -> Result<HeaderMap, Error> {
    const VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    let mut headers = HeaderMap::new();
    let mut insert = |setting, name: &str, value: &str| {
        let name = HeaderName::from_str(name.trim())
            .map_err(|_| invalid(setting, name, "it is no header name"))?;
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| invalid(setting, name.as_str(), "its value is no header value"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    for (name, value) in pairs(VARIABLE, env)? {
        insert(VARIABLE, &name, &value)?;
    }
    for (name, value) in given {
        insert("header", name, value)?;
    }
    if !project_id.is_empty() {
        insert("project_id", "x-highlight-project", project_id)?;
    }
    Ok(headers)
}
