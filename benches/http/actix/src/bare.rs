//! actix-web alone.

fn main() {
    http_actix::run!(|_: &str| harness::Bare);
}
