//! What only actix-web has: its own errors, middleware that fails, scopes, and threads that each have a runtime.

use std::fmt;

use actix_web::error::{ErrorImATeapot, ErrorInternalServerError};
use actix_web::guard::fn_guard;
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Path, ServiceConfig};
use actix_web::{HttpResponse, ResponseError};
use futures_util::future::join_all;
use highlight_tests::services::{self, Running};
use highlight_tests::support::{Pipeline, SESSION};
use server_mock::{Received, SpanRow};
use tracing::Instrument as _;

struct Service {
    running: Running,
    pipeline: Pipeline,
}

impl Service {
    fn start(routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let pipeline = Pipeline::with(|config| config.filter("info"));
        let running = services::actix(&pipeline.highlight, 1, routes);
        Service { running, pipeline }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let request = reqwest::Client::new().get(self.running.url(path));
        let request = request.header("x-highlight-request", SESSION);
        request.send().await.unwrap()
    }
}

fn only_span(received: &Received) -> &SpanRow {
    let [span] = &received.spans[..] else {
        panic!("one span expected\n{received}");
    };
    span
}

#[derive(Debug)]
struct OutOfStock {
    left: u32,
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out of stock, {} left", self.left)
    }
}

impl std::error::Error for OutOfStock {}

impl ResponseError for OutOfStock {}

#[tokio::test]
async fn an_own_error_is_one_error_with_type_and_message() {
    let handler = async || Err::<String, _>(OutOfStock { left: 0 });
    let service = Service::start(move |config| {
        config.route("/", web::get().to(handler));
    });
    let response = service.get("/").await;
    assert_eq!(response.status(), 500);
    let received = service.pipeline.received();
    let [error] = &received.errors[..] else {
        panic!("one error expected\n{received}");
    };
    assert_eq!(
        (error.error_type.as_str(), error.message.as_str()),
        ("OutOfStock", "out of stock, 0 left")
    );
    assert_eq!(error.secure_session_id, SESSION);
    assert_eq!(error.span_id, only_span(&received).span_id);
    assert!(
        !error.stacktrace.contains("future.rs"),
        "where it came up is not known: {}",
        error.stacktrace
    );
}

#[tokio::test]
async fn an_error_type_reported_by_with_error_has_its_stack() {
    #[derive(Debug)]
    struct BankDown(OutOfStock);
    impl fmt::Display for BankDown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not told to anybody")
        }
    }
    impl ResponseError for BankDown {
        fn error_response(&self) -> HttpResponse {
            highlight_actix::with_error(HttpResponse::BadGateway().finish(), &self.0)
        }
    }
    let handler = async || Err::<String, _>(BankDown(OutOfStock { left: 3 }));
    let service = Service::start(move |config| {
        config.route("/", web::get().to(handler));
    });
    assert_eq!(service.get("/").await.status(), 502);
    let received = service.pipeline.received();
    assert_eq!(received.errors[0].message, "out of stock, 3 left");
    assert!(received.errors[0].error_type.ends_with("actix::OutOfStock"));
    assert!(received.errors[0].stacktrace.contains("tests/it/actix.rs:"));
}

#[tokio::test]
async fn an_error_of_actix_webs_own_counts_from_500_on() {
    let fails = async || Err::<String, _>(ErrorInternalServerError(OutOfStock { left: 1 }));
    let teapot = async || Err::<String, _>(ErrorImATeapot("short and stout"));
    let service = Service::start(move |config| {
        config
            .route("/fails", web::get().to(fails))
            .route("/teapot", web::get().to(teapot))
            .route(
                "/number/{n}",
                web::get().to(async |n: Path<u32>| n.to_string()),
            );
    });
    assert_eq!(service.get("/fails").await.status(), 500);
    assert_eq!(service.get("/teapot").await.status(), 418);
    assert_eq!(service.get("/number/x").await.status(), 404);
    let received = service.pipeline.received();
    assert_eq!(received.errors.len(), 1, "{received}");
    assert_eq!(received.errors[0].message, "out of stock, 1 left");
    let noted = |name| {
        let span = received
            .spans
            .iter()
            .find(|span| span.name == name)
            .unwrap();
        assert_eq!(span.status_code, "Unset");
        span.attributes["error.message"].as_str()
    };
    assert_eq!(noted("GET /teapot"), "short and stout");
    assert!(
        noted("GET /number/{n}").contains("parse"),
        "an extractor's error"
    );
}

#[tokio::test]
async fn a_middleware_that_fails_is_one_error() {
    let service = Service::start(|config| {
        let gate = from_fn(
            async |_, _: actix_web::middleware::Next<actix_web::body::BoxBody>| {
                Err::<actix_web::dev::ServiceResponse, _>(ErrorInternalServerError("no gate"))
            },
        );
        let scope = web::scope("/shop")
            .wrap(gate)
            .route("/{id}", web::get().to(HttpResponse::Ok));
        config.service(scope);
    });
    assert_eq!(service.get("/shop/7").await.status(), 500);
    let received = service.pipeline.received();
    let span = only_span(&received);
    assert_eq!(
        (span.name.as_str(), span.status_code.as_str()),
        ("GET /shop/{id}", "Error")
    );
    assert_eq!(span.attributes["http.response.status_code"], "500");
    assert_eq!(received.errors.len(), 1);
    assert_eq!(received.errors[0].message, "no gate");
}

#[tokio::test]
async fn what_runs_before_there_is_a_future_is_inside_the_span() {
    let service = Service::start(|config| {
        let talking = fn_guard(|_| {
            tracing::info!("guarded");
            true
        });
        let broken = fn_guard(|_| panic!("no guard"));
        config.route("/shop", web::get().guard(talking).to(HttpResponse::Ok));
        config.route("/broken", web::get().guard(broken).to(HttpResponse::Ok));
    });
    assert_eq!(service.get("/shop").await.status(), 200);
    assert_eq!(service.get("/broken").await.status(), 500);
    let received = service.pipeline.received();
    let span = |name: &str| received.spans.iter().find(|span| span.name == name);
    let (shop, broken) = (span("GET /shop").unwrap(), span("GET /broken").unwrap());
    let guarded = &received.logs[0];
    assert_eq!(guarded.body, "guarded");
    assert_eq!(
        (&guarded.trace_id, &guarded.span_id),
        (&shop.trace_id, &shop.span_id)
    );
    assert_eq!(broken.status_code, "Error");
    let [error] = &received.errors[..] else {
        panic!("one error expected\n{received}")
    };
    assert_eq!(
        (error.message.as_str(), &error.span_id),
        ("no guard", &broken.span_id)
    );
}

#[tokio::test]
async fn an_error_whose_text_panics_harms_nobody() {
    struct Evil;
    impl fmt::Debug for Evil {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Debug")
        }
    }
    impl fmt::Display for Evil {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Display")
        }
    }
    impl ResponseError for Evil {
        fn error_response(&self) -> HttpResponse {
            HttpResponse::new(StatusCode::BAD_GATEWAY)
        }
    }
    let service = Service::start(|config| {
        config.route("/", web::get().to(async || Err::<String, _>(Evil)));
    });
    for _ in 0..2 {
        assert_eq!(service.get("/").await.status(), 502);
    }
    let received = service.pipeline.received();
    let spans = received.spans.iter().filter(|span| span.kind == "Server");
    assert_eq!(spans.count(), 2);
}

#[tokio::test]
async fn sessions_do_not_mix_on_any_number_of_threads() {
    async fn handler(id: Path<String>) -> String {
        for _ in 0..3 {
            tracing::info!("{id}");
            actix_web::rt::task::yield_now().await;
        }
        let told = id.clone();
        let job = async move { tracing::info!("{told}") };
        actix_web::rt::spawn(job.in_current_span()).await.unwrap();
        id.into_inner()
    }
    let pipeline = Pipeline::with(|config| config.filter("info"));
    let running = services::actix(&pipeline.highlight, 4, |config| {
        config.route("/{id}", web::get().to(handler));
    });
    let calls = (0..40).map(|at| {
        let url = running.url(&format!("/s{at}"));
        let request = reqwest::Client::new().get(url);
        request
            .header("x-highlight-request", format!("s{at}/1"))
            .send()
    });
    for response in join_all(calls).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    let received = pipeline.received();
    let logs: Vec<_> = received
        .logs
        .iter()
        .filter(|log| log.body.starts_with('s'))
        .collect();
    assert_eq!((received.spans.len(), logs.len()), (40, 160));
    for log in logs {
        assert_eq!(log.secure_session_id, log.body);
    }
}

#[tokio::test]
async fn a_disabled_sdk_changes_nothing() {
    let running = {
        let highlight = highlight::Config::new("1")
            .endpoint("http://127.0.0.1:1")
            .start()
            .unwrap();
        let handle = highlight.handle();
        drop(highlight);
        services::actix(&handle, 1, |config| {
            config.route("/", web::get().to(async || "fine"));
        })
    };
    let response = reqwest::get(running.url("/")).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "fine", "after the shutdown");
}
