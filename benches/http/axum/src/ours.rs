//! axum with `highlight-axum`.

fn main() {
    http_axum::run(peer_ours::start, |app| app.layer(highlight_axum::layer()));
}
