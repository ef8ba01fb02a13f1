use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::Gzip;

fn compressed(pieces: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut gzip = Gzip::new(0);
    let mut before: &[u8] = &[];
    for piece in pieces {
        gzip.add(before, piece.as_ref());
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

proptest! {
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
