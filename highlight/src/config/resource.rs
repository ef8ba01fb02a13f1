//! Who sends: the resource attributes, as in the OpenTelemetry semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/resource/>).

use std::path::Path;

use super::Config;
use super::env::{Env, pairs};
use crate::error::Error;
use crate::export::proto::{self, Scalar};
use crate::stacktrace::modules;

/// Field number of `opentelemetry.proto.resource.v1.Resource.attributes`.
const ATTRIBUTES: u32 = 1;

/// The attributes of everything this process sends, each key once: later sources win.
pub(super) fn attributes(
    config: Config,
    project_id: &str,
    env: &Env<'_>,
) -> Result<Vec<(String, String)>, Error> {
    let mut resource = Resource(Vec::new());
    resource.detect();
    for (key, value) in pairs("OTEL_RESOURCE_ATTRIBUTES", env)? {
        resource.set(&key, value);
    }
    let code_or = |given: Option<String>, names: &[&'static str]| {
        given.or_else(|| env.first(names).map(|(_, value)| value))
    };
    let names = ["HIGHLIGHT_SERVICE_NAME", "OTEL_SERVICE_NAME"];
    resource.set_some("service.name", code_or(config.service_name, &names));
    let names = ["HIGHLIGHT_SERVICE_VERSION"];
    resource.set_some("service.version", code_or(config.service_version, &names));
    // Upstream reads the older key; everybody else the newer one.
    let environment = code_or(config.environment, &["HIGHLIGHT_ENVIRONMENT"])
        .or_else(|| resource.get("deployment.environment.name"))
        .or_else(|| resource.get("deployment.environment"));
    resource.set_some("deployment.environment.name", environment.clone());
    resource.set_some("deployment.environment", environment);
    for (key, value) in config.resource_attributes {
        resource.set(&key, value);
    }
    resource.set("highlight.project_id", project_id.to_owned());
    resource.0.retain(|(_, value)| !value.is_empty());
    Ok(resource.0)
}

/// The `Resource` message.
pub(super) fn encode(attributes: &[(String, String)]) -> Vec<u8> {
    let mut message = Vec::new();
    for (key, value) in attributes {
        let value = match (key.as_str(), value.parse()) {
            ("process.pid", Ok(pid)) => Scalar::Int(pid),
            _ => Scalar::Str(value),
        };
        proto::key_value(&mut message, ATTRIBUTES, key, value);
    }
    message
}

struct Resource(Vec<(String, String)>);

impl Resource {
    fn set(&mut self, key: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    fn set_some(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == key)?;
        Some(value.clone())
    }

    fn detect(&mut self) {
        let executable = std::env::current_exe().ok();
        let name = executable.as_deref().and_then(Path::file_stem);
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let fallback = || "unknown_service:rust".to_owned();
        self.set("service.name", name.clone().unwrap_or_else(fallback));
        self.set_some("process.executable.name", name);
        self.set_some(
            "process.executable.build_id.gnu",
            executable.as_deref().and_then(modules::build_id),
        );
        self.set_some(
            "process.executable.path",
            executable.map(|path| path.to_string_lossy().into_owned()),
        );
        self.set("process.pid", std::process::id().to_string());
        self.set("process.runtime.name", "rust".to_owned());
        self.set_some("host.name", host_name());
        self.set("host.arch", host_arch().to_owned());
        self.set("os.type", os_type().to_owned());
        self.set("telemetry.sdk.name", "opentelemetry".to_owned());
        self.set("telemetry.sdk.language", "rust".to_owned());
        self.set("telemetry.sdk.version", OPENTELEMETRY_VERSION.to_owned());
        self.set("telemetry.distro.name", "highlight-rust".to_owned());
        self.set(
            "telemetry.distro.version",
            env!("CARGO_PKG_VERSION").to_owned(),
        );
    }
}

/// Of `opentelemetry_sdk`, which does not tell; a test holds it against the lock file.
const OPENTELEMETRY_VERSION: &str = "0.33.1";

fn host_name() -> Option<String> {
    // Containers set the variable; the file is Linux's own.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The conventions' names for what Rust calls the architecture.
fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

fn os_type() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::OPENTELEMETRY_VERSION;

    #[test]
    fn the_sdk_version_sent_is_the_one_built_with() {
        let lock = include_str!("../../../Cargo.lock");
        let (_, after) = lock
            .split_once("name = \"opentelemetry_sdk\"\nversion = \"")
            .unwrap();
        assert!(after.starts_with(&format!("{OPENTELEMETRY_VERSION}\"")));
    }
}
