//! Blocks byte by byte.

use super::*;

fn values(put: impl FnOnce(&mut Values)) -> Vec<u8> {
    let mut out = Values::default();
    put(&mut out);
    out.0
}

#[test]
fn values_have_the_documented_bytes() {
    for (found, expected) in [
        (values(|out| out.boolean(true)), &[1][..]),
        (values(|out| out.u32(2)), &[2, 0, 0, 0]),
        (values(|out| out.i32(-1)), &[255; 4]),
        (values(|out| out.i64(3)), &[3, 0, 0, 0, 0, 0, 0, 0]),
        (values(|out| out.u64(4)), &[4, 0, 0, 0, 0, 0, 0, 0]),
        (values(|out| out.f64(1.0)), &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
        (
            values(|out| out.uuid(Uuid::from_u64_pair(1, 2))),
            &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        ),
        (values(|out| out.string("é")), &[2, 0xc3, 0xa9]),
        (values(|out| out.id(&Id::Bytes(&[0x0f, 0xa0]))), b"\x040fa0"),
        (values(|out| out.id(&Id::Absent)), &[0]),
    ] {
        assert_eq!(found, expected);
    }
    let long = values(|out| out.string(&"a".repeat(300)));
    assert_eq!(long[..3], [0xac, 0x02, b'a']);
}

#[test]
fn joined_blocks_are_what_their_rows_would_be_in_one() {
    const HEADERS: [Header; 4] = [
        ("n", "UInt64"),
        ("m", "Map(String, String)"),
        ("a", "Array(UInt64)"),
        ("x", "Array(Map(String, String))"),
    ];
    let fill = |block: &mut Block, number: u64| {
        let pairs = vec![("k", "v"); usize::try_from(number % 3).unwrap()];
        let mut row = block.row(HEADERS.len());
        row.u64(number);
        row.map(pairs.clone());
        row.array(&vec![number; pairs.len()], |out, item| out.u64(*item));
        row.array_of_maps(&vec![pairs.clone(); pairs.len()], Clone::clone);
    };
    let block = |numbers: std::ops::Range<u64>| {
        let mut block = Block::default();
        numbers.for_each(|number| fill(&mut block, number));
        block
    };
    let whole = Block::chunks([block(0..9)], &HEADERS);
    for cuts in [[0, 1], [1, 2], [3, 4], [4, 8], [8, 9]] {
        let parts = [0..cuts[0], cuts[0]..cuts[1], cuts[1]..9].map(block);
        assert_eq!(Block::chunks(parts, &HEADERS), whole, "{cuts:?}");
    }
    let large = LARGE as u64;
    let parts = [0..5, 5..large + 5, large + 5..large + 9].map(block);
    assert_eq!(Block::chunks(parts, &HEADERS).len(), 3);
}

#[test]
fn a_block_tells_its_size_and_then_column_after_column() {
    const HEADERS: [Header; 4] = [
        ("n", "UInt32"),
        ("m", "Map(String, String)"),
        ("a", "Array(String)"),
        ("x", "Array(Map(String, String))"),
    ];
    let mut block = Block::default();
    for number in [7_u32, 8] {
        let mut row = block.row(HEADERS.len());
        row.u32(number);
        row.map([("k", "v")]);
        row.array(&["p", "q"], |out, item| out.string(item));
        row.array_of_maps(&[[("k", "v")]], |pairs| *pairs);
    }
    let mut expected = vec![4, 2];
    let (end, text) = (u64::to_le_bytes, |text: &str| {
        values(|out| out.string(text))
    });
    for (header, data) in HEADERS.iter().zip([
        vec![7, 0, 0, 0, 8, 0, 0, 0],
        [&end(1)[..], &end(2), b"\x01k\x01k", b"\x01v\x01v"].concat(),
        [&end(2)[..], &end(4), b"\x01p\x01q\x01p\x01q"].concat(),
        [
            &end(1)[..],
            &end(2),
            &end(1),
            &end(2),
            b"\x01k\x01k",
            b"\x01v\x01v",
        ]
        .concat(),
    ]) {
        expected.extend([text(header.0), text(header.1), data].concat());
    }
    assert_eq!(Block::chunks([block], &HEADERS), [expected]);
    assert!(Block::chunks([Block::default()], &HEADERS).is_empty());
}
