//! actix-web with `highlight-actix`.

fn main() {
    http_actix::run!(peer_ours::start, highlight_actix::middleware());
}
