//! axum alone.

fn main() {
    http_axum::run(|_| harness::Bare, |app| app);
}
