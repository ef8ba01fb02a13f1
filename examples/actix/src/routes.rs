//! The routes: each shows one way in which something reaches highlight.io.

use std::num::ParseIntError;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use highlight::in_current_context;
use highlight_actix::HandlerError;
use tokio_util::task::TaskTracker;

/// Goes well: a span for the request, one for each instrumented function below it, and their logs.
pub(crate) async fn checkout(cart: Path<String>) -> String {
    tracing::info!(%cart, "checkout started");
    let total = price(&cart);
    let payment = charge(total).await;
    tracing::info!(total, %payment, "paid");
    format!("paid {total:.2}: {payment}\n")
}

#[tracing::instrument]
fn price(cart: &str) -> f64 {
    let (net, rate) = (10.5, 0.19);
    log::info!(net, rate; "prices looked up");
    net * (1.0 + rate)
}

#[tracing::instrument]
async fn charge(total: f64) -> String {
    let bank = choose_bank(total);
    tokio::time::sleep(Duration::from_millis(20)).await;
    tracing::warn!(bank, attempts = 2, "the bank was slow");
    format!("{bank}-2041")
}

#[tracing::instrument]
fn choose_bank(total: f64) -> &'static str {
    let bank = if total < 1_000.0 { "giro" } else { "wire" };
    tracing::info!(bank, "bank chosen");
    bank
}

/// Leaves work behind. `in_current_context` takes span and session into the task, which a bare spawn would not.
pub(crate) async fn receipt(jobs: Data<TaskTracker>, order: Path<String>) -> HttpResponse {
    jobs.spawn(in_current_context(send_receipt(order.into_inner())));
    HttpResponse::Accepted().finish()
}

#[tracing::instrument]
async fn send_receipt(order: String) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    tracing::info!(%order, "receipt sent");
}

/// Handles an error itself: the shopper sees 200, the team sees the error.
pub(crate) async fn coupon(code: Path<String>) -> &'static str {
    if let Err(error) = redeem(&code) {
        highlight::capture_error(&error);
        return "no coupon, full price\n";
    }
    "coupon redeemed\n"
}

#[derive(Debug, thiserror::Error)]
#[error("the coupon has expired")]
struct Expired;

fn redeem(code: &str) -> Result<(), Expired> {
    if code.starts_with("2019-") {
        return Err(Expired);
    }
    Ok(())
}

/// Returns an error: the shopper sees 500 and nothing of it, the team sees its type, its causes and the line of the `?`.
pub(crate) async fn refund(cents: Path<String>) -> Result<String, HandlerError> {
    let cents = amount(&cents)?;
    Ok(format!("refunded {cents} cents\n"))
}

#[derive(Debug, thiserror::Error)]
#[error("the amount to refund is not a number of cents")]
struct BadAmount(#[from] ParseIntError);

fn amount(cents: &str) -> Result<u32, BadAmount> {
    Ok(cents.parse()?)
}

/// Panics on a shelf that is not there: the shopper sees 500, the service goes on, the team sees the line.
pub(crate) async fn stock(shelf: Path<usize>) -> &'static str {
    count(*shelf)
}

fn count(shelf: usize) -> &'static str {
    const SHELVES: [&str; 3] = ["41 mugs\n", "7 plates\n", "no bowls\n"];
    SHELVES[shelf]
}
