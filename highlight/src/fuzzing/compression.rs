//! What is compressed here, and read by others.

use std::io::Read as _;
use std::sync::Arc;

use flate2::read::GzDecoder;

use crate::export::batch;
use crate::export::chunk::Piece;
use crate::export::gzip::Tail;

/// Whatever is compressed comes out as it went in. The first byte says how large the parts are that it comes in, the second how often
/// each is there, so that a small input makes a large one. A part whose first byte is odd is put in between as a tail, the same one where
/// it is there already.
pub fn gzip(data: &[u8]) {
    let Some(([size, times], bytes)) = data.split_first_chunk() else {
        return;
    };
    let size = 8 * (usize::from(*size) + 1);
    let times = usize::from(*times) % 64 + 1;
    let mut tails: Vec<Arc<Tail>> = Vec::new();
    let mut pieces = Vec::new();
    for parts in bytes.chunks(16 * size) {
        let mut piece = Piece::default();
        for part in parts.chunks(size) {
            let whole = part.repeat(times);
            if part[0] % 2 == 0 {
                piece.bytes.extend(whole);
                continue;
            }
            let known = tails.iter().find(|tail| tail.bytes() == whole);
            let tail = known.map_or_else(|| Arc::new(Tail::new(&whole)), Arc::clone);
            piece.tails.push((piece.bytes.len(), Arc::clone(&tail)));
            tails.push(tail);
        }
        pieces.push(piece);
    }
    let expected: Vec<_> = pieces
        .iter()
        .map(|piece| piece.whole().into_owned())
        .collect();
    let body = batch::compressed(pieces.into_iter(), 0, drop);
    let mut plain = Vec::new();
    let read = GzDecoder::new(&body[..]).read_to_end(&mut plain);
    assert!(read.is_ok() && plain == expected.concat());
}
