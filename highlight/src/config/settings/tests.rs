use super::*;

fn resolve(config: Config, env: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::resolve(config, |name| {
        let found = env.iter().find(|(key, _)| *key == name)?;
        Some(found.1.to_owned())
    })
}

fn attribute<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
    let mut found = settings.resource.iter().filter(|(name, _)| name == key);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{key} is there twice");
    value
}

#[test]
fn defaults_are_those_of_the_table() {
    let settings = resolve(Config::new("1jdkoe52"), &[]).unwrap();
    assert_eq!(settings.endpoint.base, "https://otel.highlight.io:4318");
    assert_eq!(settings.bounds.budget, 64 * MIB);
    assert_eq!(settings.delay, Duration::from_secs(1));
    assert_eq!(settings.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(settings.endpoint.headers["x-highlight-project"], "1jdkoe52");
    assert_eq!(
        attribute(&settings, "highlight.project_id"),
        Some("1jdkoe52")
    );
    assert!(attribute(&settings, "service.name").is_some());
    assert_eq!(attribute(&settings, "service.version"), None);
}

#[test]
fn code_wins_over_the_environment_which_wins_over_the_default() {
    let env = [
        ("HIGHLIGHT_PROJECT_ID", "2"),
        ("HIGHLIGHT_OTLP_ENDPOINT", "http://one:4318/"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://two:4318"),
        ("OTEL_SERVICE_NAME", "from-otel"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=x,team=a%20b,service.version=7",
        ),
        ("HIGHLIGHT_ENVIRONMENT", "staging"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=s%3Dcret,x-highlight-project=999",
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "10000"),
        ("RUST_LOG", "debug"),
    ];
    let settings = resolve(Config::from_env(), &env).unwrap();
    assert_eq!(settings.project_id, "2");
    assert_eq!(settings.endpoint.base, "http://one:4318");
    assert_eq!(settings.endpoint.headers["api-key"], "s=cret");
    assert_eq!(settings.endpoint.headers["x-highlight-project"], "2");
    assert_eq!(settings.delay, Duration::from_millis(250));
    assert_eq!(settings.interval, Duration::from_secs(10));
    assert_eq!(settings.filter, "debug");
    assert_eq!(attribute(&settings, "service.name"), Some("from-otel"));
    assert_eq!(attribute(&settings, "service.version"), Some("7"));
    assert_eq!(attribute(&settings, "team"), Some("a b"));
    assert_eq!(
        attribute(&settings, "deployment.environment"),
        Some("staging")
    );
    assert_eq!(
        attribute(&settings, "deployment.environment.name"),
        Some("staging")
    );

    let config = Config::new("3")
        .endpoint("http://three")
        .service_name("mine")
        .environment("test")
        .filter("warn")
        .batch_delay(Duration::ZERO);
    let settings = resolve(config, &env).unwrap();
    assert_eq!(settings.project_id, "3");
    assert_eq!(settings.endpoint.base, "http://three");
    assert_eq!(settings.filter, "warn");
    assert_eq!(settings.delay, Duration::ZERO);
    assert_eq!(attribute(&settings, "service.name"), Some("mine"));
    assert_eq!(
        attribute(&settings, "deployment.environment.name"),
        Some("test")
    );
}

#[test]
fn a_value_that_cannot_be_used_is_named() {
    let config = || Config::new("1");
    for (config, env, named) in [
        (config().endpoint("localhost:4318"), ("", ""), "endpoint"),
        (config().endpoint("ftp://x"), ("", ""), "ftp://x"),
        (config().endpoint("http://u:p@x"), ("", ""), "credentials"),
        (config().endpoint("http://x/?a"), ("", ""), "query"),
        (
            config(),
            ("HIGHLIGHT_OTLP_ENDPOINT", "no url"),
            "HIGHLIGHT_OTLP_ENDPOINT",
        ),
        (config(), ("RUST_LOG", "a=b=c"), "RUST_LOG"),
        (
            config(),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            "milliseconds",
        ),
        (
            config(),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
            "OTEL_METRIC_EXPORT_INTERVAL",
        ),
        (
            config().metric_interval(Duration::ZERO),
            ("", ""),
            "metric_interval",
        ),
        (
            config(),
            ("OTEL_EXPORTER_OTLP_HEADERS", "nonsense"),
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            config(),
            ("OTEL_RESOURCE_ATTRIBUTES", "nonsense"),
            "OTEL_RESOURCE_ATTRIBUTES",
        ),
        (config().header("bad name", "x"), ("", ""), "bad name"),
        (config().header("x", "a\nb"), ("", ""), "header value"),
        (config().byte_budget(1), ("", ""), "byte_budget"),
        (config().request_bytes(1), ("", ""), "request_bytes"),
        (config().spool_bytes(1), ("", ""), "spool_bytes"),
        (
            config().shutdown_timeout(Duration::ZERO),
            ("", ""),
            "shutdown_timeout",
        ),
        (config().sample_rate(1.5), ("", ""), "1.5"),
        (
            config(),
            ("OTEL_LOGS_EXPORTER", "console"),
            "OTEL_LOGS_EXPORTER",
        ),
        (
            config(),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            "jaeger_remote",
        ),
        (config().propagate_to(["http://x/"]), ("", ""), "http://x/"),
        (Config::new("nope"), ("", ""), "nope"),
        (Config::from_env(), ("", ""), "HIGHLIGHT_PROJECT_ID"),
    ] {
        let error = resolve(config, &[env]).unwrap_err().to_string();
        assert!(error.contains(named), "{error:?} does not name {named:?}");
    }
}

#[test]
fn the_spool_is_off_until_it_has_a_directory() {
    assert!(resolve(Config::new("1"), &[]).unwrap().spool.is_none());
    let env = [("HIGHLIGHT_SPOOL_DIR", "/var/spool/shop")];
    let spool = resolve(Config::new("1"), &env).unwrap().spool.unwrap();
    assert_eq!(spool.directory, PathBuf::from("/var/spool/shop"));
    assert_eq!(spool.bytes, 512 * 1024 * 1024);
    assert_eq!(spool.project, "1");
    let config = Config::new("1").spool_dir("here").spool_bytes(1 << 20);
    let spool = resolve(config, &env).unwrap().spool.unwrap();
    assert_eq!(spool.directory, PathBuf::from("here"));
    assert_eq!(spool.bytes, 1 << 20);
}

#[test]
fn a_disabled_sdk_needs_no_project() {
    let settings = resolve(Config::from_env(), &[("OTEL_SDK_DISABLED", "TRUE")]).unwrap();
    assert!(settings.disabled);
}
