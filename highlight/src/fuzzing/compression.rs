//! What is compressed here, and read by others.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::export::gzip::Gzip;

/// Whatever is compressed comes out as it went in. The first byte says how large the pieces are that it comes in, the second how often
/// each is there, so that a small input makes a large one.
pub fn gzip(data: &[u8]) {
    let Some(([size, times], bytes)) = data.split_first_chunk() else {
        return;
    };
    let size = 8 * (usize::from(*size) + 1);
    let times = usize::from(*times) % 64 + 1;
    let pieces: Vec<_> = bytes
        .chunks(size)
        .map(|piece| piece.repeat(times))
        .collect();
    let mut gzip = Gzip::new(0);
    let mut before: &[u8] = &[];
    for piece in &pieces {
        gzip.add(before, piece);
        before = piece;
    }
    let body = gzip.finish();
    let mut plain = Vec::new();
    let read = GzDecoder::new(&body[..]).read_to_end(&mut plain);
    assert!(read.is_ok() && plain == pieces.concat());
}
