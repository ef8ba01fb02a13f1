//! What three shoppers and an attacker do, as their browsers would send it.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use super::http::Request;

pub(super) const BUYER: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";
pub(super) const RETURNER: &str = "Zk81mVqPn3XsLw0aTfRb6uYdHc9E";
pub(super) const BROWSER: &str = "mY7cK0dLr4GhJ2sWpXeQ9vBt5NaU";

pub(super) const CHECKOUT: &str = "0af7651916cd43dd8448eb211c80319c";
pub(super) const RECEIPT: &str = "1b29e4d07a5c4f3e9d61c7a8520f4be3";
pub(super) const COUPON: &str = "2c83f1a64e0d4b7fa15e92d3c60b7f18";
pub(super) const REFUND: &str = "3d5a90c7b21f4e68bc40f7e1d9a2635b";
pub(super) const STOCK: &str = "4ee1b7d85c3a4609a7d2183f6be09c74";
pub(super) const SCRIPT: &str = "5f06c2e9d84b4a13b8e7490a1c7d52f6";
pub(super) const ENDLESS: &str = "6a17d3fae95c4b24c9f85a1b2d8e6307";

/// The browser's span, in every trace: the service's spans belong below it.
pub(super) const BROWSER_SPAN: &str = "b7ad6b7169203331";

/// A browser session and its user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shopper {
    pub(super) session: &'static str,
    pub(super) does: &'static str,
}

pub(super) const SHOPPERS: [Shopper; 3] = [
    Shopper {
        session: BUYER,
        does: "pays, and gets a receipt from a background task",
    },
    Shopper {
        session: RETURNER,
        does: "tries an old coupon, and a refund that fails",
    },
    Shopper {
        session: BROWSER,
        does: "looks at a shelf that makes the service panic",
    },
];

/// One request, and what it is there to show.
#[derive(Debug)]
pub(super) struct Call {
    /// The value of `x-highlight-request`.
    header: String,
    trace: &'static str,
    method: &'static str,
    path: &'static str,
    /// What the service must answer.
    status: u16,
    shows: &'static str,
}

/// All requests, in order.
pub(super) fn calls() -> Vec<Call> {
    let call = |header: &str, trace, method, path, status, shows| Call {
        header: format!("{header}/{trace}"),
        trace,
        method,
        path,
        status,
        shows,
    };
    let post =
        |header, trace, path, status, shows| call(header, trace, "POST", path, status, shows);
    let script = "<script>alert(1)</script>'; DROP TABLE logs; --";
    let endless = "A".repeat(20_000);
    vec![
        post(
            BUYER,
            CHECKOUT,
            "/checkout/c-17",
            200,
            "a success, with logs in nested spans",
        ),
        post(
            BUYER,
            RECEIPT,
            "/orders/2041/receipt",
            202,
            "a spawned task that outlives its request",
        ),
        post(
            RETURNER,
            COUPON,
            "/coupons/2019-SUMMER",
            200,
            "an error that the handler captures and handles",
        ),
        post(
            RETURNER,
            REFUND,
            "/refunds/ten",
            500,
            "an error that the handler returns with `?`",
        ),
        call(BROWSER, STOCK, "GET", "/stock/7", 500, "a panic"),
        post(
            script,
            SCRIPT,
            "/checkout/c-18",
            200,
            "a session header with a script and SQL in it",
        ),
        post(
            &endless,
            ENDLESS,
            "/checkout/c-19",
            200,
            "a session header of 20,000 characters",
        ),
    ]
}

impl Call {
    /// Sends the request to the service, and gives a line that tells of it.
    ///
    /// # Errors
    /// When the service does not answer as it should.
    pub(super) fn send(&self, service: SocketAddr) -> Result<String> {
        let request = Request {
            address: service,
            method: self.method,
            target: self.path,
            headers: &[
                ("x-highlight-request", self.header.clone()),
                (
                    "traceparent",
                    format!("00-{}-{BROWSER_SPAN}-01", self.trace),
                ),
            ],
            body: "",
        };
        let reply = request.send()?;
        ensure!(
            reply.status == self.status,
            "{} {} answers {} instead of {}: {}",
            self.method,
            self.path,
            reply.status,
            self.status,
            reply.body.trim_end()
        );
        Ok(format!(
            "  {:<4} {:<21} -> {}   {}",
            self.method, self.path, reply.status, self.shows
        ))
    }
}
