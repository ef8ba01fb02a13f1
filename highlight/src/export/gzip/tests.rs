use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::{Gzip, Tail};
use crate::export::batch;
use crate::export::chunk::Piece;

fn compressed(pieces: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut gzip = Gzip::new(0);
    let mut before: &[u8] = &[];
    for piece in pieces {
        gzip.add(before.into(), piece.as_ref());
        before = piece.as_ref();
    }
    gzip.finish()
}

/// How small it becomes, once another reader of the format has made the same of it.
fn size_of(pieces: &[impl AsRef<[u8]>]) -> usize {
    let gzip = compressed(pieces);
    let mut plain = Vec::new();
    let mut reader = GzDecoder::new(&gzip[..]);
    reader.read_to_end(&mut plain).unwrap();
    assert!(reader.into_inner().is_empty());
    let mut rest = &plain[..];
    for piece in pieces {
        rest = rest.strip_prefix(piece.as_ref()).unwrap();
    }
    assert!(rest.is_empty());
    gzip.len()
}

/// The same for pieces with tails.
fn size_with_tails(pieces: Vec<Piece>) -> usize {
    let expected: Vec<_> = pieces
        .iter()
        .flat_map(|piece| piece.whole().into_owned())
        .collect();
    let gzip = batch::compressed(pieces.into_iter(), 0, drop);
    let mut plain = Vec::new();
    let mut reader = GzDecoder::new(&gzip[..]);
    reader.read_to_end(&mut plain).unwrap();
    assert!(reader.into_inner().is_empty());
    assert!(plain == expected);
    gzip.len()
}

/// A piece of records, each with its tail.
fn piece<'a>(records: impl IntoIterator<Item = (Vec<u8>, &'a Arc<Tail>)>) -> Piece {
    let mut piece = Piece::default();
    for (record, tail) in records {
        piece.bytes.extend(record);
        piece.tails.push((piece.bytes.len(), Arc::clone(tail)));
    }
    piece
}

/// Like the text of a stack.
fn stack(line: usize) -> Arc<Tail> {
    let frame = |at: usize| format!("shop::step_{at}::run\n\tsrc/step_{at}.rs:{}\n", at + line);
    let text: String = (100..170).map(frame).collect();
    Arc::new(Tail::new(text.as_bytes()))
}

/// So many bytes in which nothing repeats.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn a_tail_that_is_nearly_the_one_before_takes_little() {
    let text = noise(2_000, 1);
    let size = |others: &[Vec<u8>]| {
        let tails = std::iter::once(&text).chain(others);
        let tails: Vec<_> = tails.map(|bytes| Arc::new(Tail::new(bytes))).collect();
        size_with_tails(vec![piece(tails.iter().map(|tail| (vec![1], tail)))])
    };
    let alone = size(&[]);
    for at in [0, 1, 3, 4, 5, 1_000, 1_995, 1_999] {
        for changed in [1, 2, 4, 40, 130, 2_000] {
            let mut other = text.clone();
            for byte in other.iter_mut().skip(at).step_by(11).take(changed) {
                *byte = !*byte;
            }
            let more = size(&[other.clone(), text.clone(), other]) - alone;
            assert!(more < 120 + 15 * changed, "{at} {changed}: {more}");
        }
    }
    // Others are not as long.
    let shorter = [&text[..1_000], &text[1_010..]].concat();
    assert!(size(&[shorter]) < alone + 60);
}

#[test]
fn nothing_is_a_stream_as_well() {
    let none: [&[u8]; 0] = [];
    assert_eq!(size_of(&none), 20);
    assert_eq!(size_of(&[b"", b"", b""]), 20);
}

#[test]
fn every_byte_and_every_length_of_a_repeat_come_back() {
    let all: Vec<u8> = (0..=255).collect();
    size_of(&[&all]);
    let text = noise(800, 1);
    for length in 0..text.len() {
        let repeated = [&text[..], b"-", &text[..length], b"!"].concat();
        let size = size_of(&[&repeated]);
        assert!(size < 960, "{length}: {size}");
    }
}

#[test]
fn a_repeat_is_found_as_far_away_as_there_are_codes_for() {
    let text = noise(100, 1);
    for between in [0, 1, 50, 400, 5_000, 20_000, 32_667, 32_668] {
        let apart = vec![0; between];
        let alone = size_of(&[&text, &apart]);
        let both = size_of(&[[&text[..], &apart].concat(), text.clone()]);
        assert!(both < alone + 40, "{between}: {alone} {both}");
    }
    // Of what is farther away nothing is repeated, whatever is remembered of it.
    for between in [32_669, 40_000, 65_435, 65_436, 65_437, 100_000] {
        let bytes = [&text[..], &vec![0; between], &text].concat();
        let pieces: Vec<_> = bytes.chunks(70_000).collect();
        assert!(size_of(&pieces) > 200, "{between}");
    }
}

#[test]
fn a_byte_that_goes_on_is_a_repeat_of_itself() {
    assert!(size_of(&[vec![7; 100_000]]) < 1_100);
}

#[test]
fn what_cannot_be_compressed_grows_by_an_eighth_at_most() {
    let size = 200_000;
    assert!(size_of(&[noise(size, 3)]) < size + size / 8 + 20);
    assert!(size_of(&[vec![200; 10]]) < 32);
}

/// Like spans: ids and times, and the rest as in the one before or the one before that.
fn records(count: u64) -> Vec<u8> {
    let record = |at: u64| {
        let name: &[u8] = if at.is_multiple_of(3) {
            b"charge the card"
        } else {
            b"place the order"
        };
        let time = (1_795_000_000_000_000_000 + at * 1_600).to_le_bytes();
        let parts = [
            b"\x0a\x10",
            &noise(16, at)[..],
            b"\x12\x08",
            &noise(8, at + count),
            b"\x2a",
            name,
            b"\x39",
            &time,
            b"cart c-17 items",
            &at.to_le_bytes(),
            b"code.file.path src/orders.rs",
        ];
        parts.concat()
    };
    (0..count).flat_map(record).collect()
}

#[test]
fn records_take_hardly_more_than_a_general_compressor_makes_of_them() {
    let records = records(5_000);
    let ours = size_of(&records.chunks(64 * 1024).collect::<Vec<_>>());
    let mut general = GzEncoder::new(Vec::new(), Compression::fast());
    general.write_all(&records).unwrap();
    let general = general.finish().unwrap().len();
    assert!(ours < general + general / 20, "{ours} {general}");
}

#[test]
fn an_error_that_comes_again_takes_little_more_than_its_ids() {
    let tail = stack(7);
    let error = |at| [b"highlight.error", &noise(24, at)[..], b"exception"].concat();
    let sizes = [100, 300].map(|count| {
        let errors = (0..count).map(|at| (error(at), &tail));
        size_with_tails(vec![piece(errors)])
    });
    let each = (sizes[1] - sizes[0]) / 200;
    assert!((24..80).contains(&each), "{each}");
}

#[test]
fn a_tail_that_is_far_behind_is_found_in_one_like_it() {
    let (near, far) = (stack(7), stack(8));
    let error = |at: u64, tail| (noise(30, at), tail);
    let alone = size_with_tails(vec![piece((0..50).map(|at| error(at, &near)))]);
    let both = size_with_tails(vec![
        piece([error(50, &far)]),
        piece((0..50).map(|at| error(at, &near))),
        piece([error(51, &far)]),
    ]);
    let once = size_with_tails(vec![piece([error(50, &far)])]);
    assert!(both - alone < 2 * once - once / 4, "{alone} {both} {once}");
}

#[test]
fn tails_of_every_length_come_back() {
    for length in (0..40).chain([257, 258, 259, 517, 520, 40_000]) {
        let tail = Arc::new(Tail::new(&noise(length, 3)));
        let records = (0..5).map(|at| (noise(at % 3, 1), &tail));
        size_with_tails(vec![piece(records), Piece::from(noise(9, 1))]);
    }
}

proptest! {
    #[test]
    fn tails_come_back_between_whatever_is_there(
        records in prop::collection::vec((0..3_usize, 0..300_usize, 0..4_u64, 0..9_usize), 0..80),
        cut in 1..30_usize,
    ) {
        let tails: Vec<_> = (0..8)
            .map(|at| match at {
                0 => Arc::new(Tail::new(b"")),
                1 => Arc::new(Tail::new(b"ab")),
                2 => Arc::new(Tail::new(&noise(20_000, 5))),
                _ => stack(at),
            })
            .collect();
        let mut pieces = Vec::new();
        for records in records.chunks(cut) {
            let mut piece = Piece::default();
            for (kind, length, seed, tail) in records {
                match kind {
                    0 => piece.bytes.extend(noise(*length, *seed)),
                    1 => piece.bytes.extend(noise(40, *seed)),
                    _ => piece.bytes.extend(self::records(*seed)),
                }
                if let Some(tail) = tails.get(*tail) {
                    piece.tails.push((piece.bytes.len(), Arc::clone(tail)));
                }
            }
            pieces.push(piece);
        }
        size_with_tails(pieces);
    }

    #[test]
    fn whatever_is_put_in_comes_out(
        parts in prop::collection::vec((0..5_usize, 0..600_usize, 0..8_u64), 0..60),
        cuts in prop::collection::vec(0..40_000_usize, 0..6),
    ) {
        let mut bytes: Vec<u8> = Vec::new();
        for (kind, length, seed) in parts {
            match kind {
                0 => bytes.extend(noise(length, seed)),
                1 => bytes.extend(noise(length / 8, seed)),
                2 => bytes.extend(vec![seed.to_le_bytes()[0]; length]),
                3 => bytes.extend(b"code.file.path src/orders.rs".repeat(length % 4)),
                _ => {
                    let from = bytes.len().saturating_sub(length * 50);
                    let end = bytes.len().min(from + length);
                    bytes.extend_from_within(from..end);
                }
            }
        }
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        size_of(&pieces);
    }
}
