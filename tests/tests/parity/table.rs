//! The exchanges, and what both frameworks must make of them.

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT: &str = "b7ad6b7169203331";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Version {
    Http10,
    Http11,
    Http2,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) target: &'static str,
    pub(crate) version: Version,
    pub(crate) headers: &'static [(&'static str, &'static [u8])],
    pub(crate) is_trusting: bool,
    /// The client goes away once the handler has begun.
    pub(crate) hangs_up: bool,
    pub(crate) expected: &'static str,
}

const ROW: Row = Row {
    name: "",
    method: "GET",
    target: "/",
    version: Version::Http11,
    headers: &[SESSION],
    is_trusting: false,
    hangs_up: false,
    expected: "",
};

const SESSION: (&str, &[u8]) = ("x-highlight-request", b"tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1");
const TRACEPARENT: (&str, &[u8]) = (
    "traceparent",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
);
const FORWARDED: &[(&str, &[u8])] = &[
    SESSION,
    (
        "forwarded",
        b"for=\"[2001:db8::17]:4711\";proto=https;host=shop.example, for=10.0.0.1",
    ),
];
const X_FORWARDED: &[(&str, &[u8])] = &[
    SESSION,
    ("x-forwarded-for", b"203.0.113.7, 10.0.0.1"),
    ("x-forwarded-proto", b"https"),
    ("x-forwarded-host", b"shop.example:8443"),
];

pub(crate) const TABLE: &[Row] = &[
    Row {
        name: "a request that a route takes",
        target: "/pay/7",
        headers: &[SESSION, TRACEPARENT, ("user-agent", b"curl/9")],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, trace#1, parent#1
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7 user_agent.original=curl/9
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a request with a query",
        target: "/pay/7?currency=eur&n=2",
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7 url.query=currency=eur&n=2
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a request that no route takes",
        target: "/admin.php",
        expected: r#"
            answer 404 ""
            server "GET" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=404 url.path=/admin.php
        "#,
        ..ROW
    },
    Row {
        name: "a method that the route does not have",
        method: "DELETE",
        target: "/pay/7",
        expected: r#"
            answer 405 ""
            server "DELETE /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=DELETE http.response.status_code=405 http.route=/pay/{id} url.path=/pay/7
        "#,
        ..ROW
    },
    Row {
        name: "a method that nobody knows",
        method: "BREW",
        target: "/pot",
        expected: r#"
            answer 404 ""
            server "HTTP" unset ""
              of session#1, a new trace, no parent
              http.request.method=_OTHER http.request.method_original=BREW http.response.status_code=404 url.path=/pot
        "#,
        ..ROW
    },
    Row {
        name: "HTTP/1.0",
        target: "/pay/7",
        version: Version::Http10,
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} network.protocol.version=1.0 url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "HTTP/2",
        target: "/pay/7",
        version: Version::Http2,
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} network.protocol.version=2 url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "HEAD",
        method: "HEAD",
        target: "/pay/7",
        expected: r#"
            answer 200 ""
            server "HEAD /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=HEAD http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "HEAD /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "no content",
        target: "/nothing",
        expected: r#"
            answer 204 ""
            server "GET /nothing" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=204 http.route=/nothing url.path=/nothing
        "#,
        ..ROW
    },
    Row {
        name: "a handler that fails",
        target: "/fails",
        expected: r#"
            answer 500 "Internal Server Error"
            server "GET /fails" error "invalid digit found in string"
              of session#1, a new trace, no parent
              error.type=core::num::error::ParseIntError http.request.method=GET http.response.status_code=500 http.route=/fails url.path=/fails
            log "invalid digit found in string" of session#1 at "GET /fails"
            error core::num::error::ParseIntError "invalid digit found in string" with its place of session#1 at "GET /fails"
        "#,
        ..ROW
    },
    Row {
        name: "a 5xx without an error",
        target: "/busy",
        expected: r#"
            answer 503 "busy"
            server "GET /busy" error ""
              of session#1, a new trace, no parent
              error.type=503 http.request.method=GET http.response.status_code=503 http.route=/busy url.path=/busy
        "#,
        ..ROW
    },
    Row {
        name: "a 4xx with an error",
        target: "/refuses",
        expected: r#"
            answer 409 "Conflict"
            server "GET /refuses" unset ""
              of session#1, a new trace, no parent
              error.message=already paid error.type=std::io::error::Error http.request.method=GET http.response.status_code=409 http.route=/refuses url.path=/refuses
        "#,
        ..ROW
    },
    Row {
        name: "a handler that panics",
        target: "/panics",
        expected: r#"
            answer 500 "Internal Server Error"
            server "GET /panics" error "out of beans"
              of session#1, a new trace, no parent
              error.type=panic http.request.method=GET http.response.status_code=500 http.route=/panics url.path=/panics
            log "out of beans" of session#1 at "GET /panics"
            error panic "out of beans" without a place of session#1 at "GET /panics"
        "#,
        ..ROW
    },
    Row {
        name: "a client that hangs up",
        target: "/hangs",
        hangs_up: true,
        expected: r#"
            answer 0 ""
            server "GET /hangs" error "the client hung up"
              of session#1, a new trace, no parent
              error.type=cancelled http.request.method=GET http.route=/hangs url.path=/hangs
        "#,
        ..ROW
    },
    Row {
        name: "a streamed body",
        target: "/stream",
        expected: r#"
            answer 200 "xx"
            server "GET /stream" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/stream url.path=/stream
            log "part 0" of session#1 at "GET /stream"
            log "part 1" of session#1 at "GET /stream"
            log "part 2" of session#1 at "GET /stream"
        "#,
        ..ROW
    },
    Row {
        name: "a client that leaves a stream",
        target: "/endless",
        hangs_up: true,
        expected: r#"
            answer 0 ""
            server "GET /endless" error "the client hung up"
              of session#1, a new trace, no parent
              error.type=cancelled http.request.method=GET http.route=/endless url.path=/endless
        "#,
        ..ROW
    },
    Row {
        name: "a stream that fails",
        target: "/broken",
        expected: r#"
            answer 0 ""
            server "GET /broken" error "disk"
              of session#1, a new trace, no parent
              error.type=std::io::error::Error http.request.method=GET http.response.status_code=200 http.route=/broken url.path=/broken
            log "disk" of session#1 at "GET /broken"
            error std::io::error::Error "disk" without a place of session#1 at "GET /broken"
        "#,
        ..ROW
    },
    Row {
        name: "no headers",
        target: "/pay/7",
        headers: &[],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of no session, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of no session at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a browser's trace",
        target: "/pay/7",
        headers: &[(
            "x-highlight-request",
            b"tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/0af7651916cd43dd8448eb211c80319c",
        )],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, trace#1, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "malformed headers",
        target: "/pay/7",
        headers: &[
            ("x-highlight-request", b"<script>/1"),
            ("traceparent", b"00-zz-zz-01"),
            ("baggage", b";;;=,"),
            ("cookie", b"sessionData_x=%ff; ="),
        ],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of no session, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of no session at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "headers that are no text",
        target: "/pay/7",
        headers: &[
            ("x-highlight-request", b"\xff\xfe/1"),
            ("user-agent", b"\xff"),
        ],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of no session, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of no session at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a session in baggage",
        target: "/pay/7",
        headers: &[(
            "baggage",
            b"plan=gold,x-highlight-request=tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q%2F1",
        )],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a session in a cookie",
        target: "/pay/7",
        headers: &[(
            "cookie",
            b"theme=dark; sessionSecureID=tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q",
        )],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a session in the second cookie header",
        target: "/pay/7",
        headers: &[
            ("cookie", b"theme=dark"),
            (
                "cookie",
                b"sessionData_x=%7B%22sessionSecureID%22%3A%22tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q%22%7D",
            ),
        ],
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a proxy that is not trusted",
        target: "/pay/7",
        headers: FORWARDED,
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "a proxy that is trusted",
        target: "/pay/7",
        headers: FORWARDED,
        is_trusting: true,
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              client.address=2001:db8::17 http.request.method=GET http.response.status_code=200 http.route=/pay/{id} server.address=shop.example url.path=/pay/7 url.scheme=https server.port=(lacking)
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "an older proxy that is not trusted",
        target: "/pay/7",
        headers: X_FORWARDED,
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              http.request.method=GET http.response.status_code=200 http.route=/pay/{id} url.path=/pay/7
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
    Row {
        name: "an older proxy that is trusted",
        target: "/pay/7",
        headers: X_FORWARDED,
        is_trusting: true,
        expected: r#"
            answer 200 "paid"
            server "GET /pay/{id}" unset ""
              of session#1, a new trace, no parent
              client.address=203.0.113.7 http.request.method=GET http.response.status_code=200 http.route=/pay/{id} server.address=shop.example server.port=8443 url.path=/pay/7 url.scheme=https
            log "paid" of session#1 at "GET /pay/{id}"
        "#,
        ..ROW
    },
];
