use std::fmt;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message as _;

use super::*;
use crate::export::text::CUT_MARK;

/// Decodes the payload of the single field in `bytes` with the reference implementation.
fn decoded(write: impl FnOnce(&mut Vec<u8>)) -> (String, Value) {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Holder {
        #[prost(message, repeated, tag = "6")]
        attributes: Vec<KeyValue>,
    }
    let mut buf = Vec::new();
    write(&mut buf);
    let mut holder = Holder::decode(buf.as_slice()).expect("valid protobuf");
    assert_eq!(holder.attributes.len(), 1);
    let pair = holder.attributes.remove(0);
    (pair.key, pair.value.unwrap().value.unwrap())
}

#[test]
fn varint_len_agrees_with_varint() {
    for shift in 0..64 {
        for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
            let mut buf = Vec::new();
            varint(&mut buf, value);
            assert_eq!(buf.len(), varint_len(value), "{value}");
        }
    }
}

#[test]
fn scalars_decode_to_themselves() {
    for text in ["", "plain", "ünïcödé", &"x".repeat(300)] {
        let pair = decoded(|buf| key_value(buf, 6, "k", Scalar::Str(text)));
        assert_eq!(pair, ("k".into(), Value::StringValue(text.into())));
        let pair = decoded(|buf| key_value_display(buf, 6, "k", text));
        assert_eq!(pair, ("k".into(), Value::StringValue(text.into())));
    }
    for number in [0, 1, -1, i64::MAX, i64::MIN] {
        let pair = decoded(|buf| key_value(buf, 6, "n", Scalar::Int(number)));
        assert_eq!(pair, ("n".into(), Value::IntValue(number)));
    }
    for number in [0.0, -1.5, f64::MAX, f64::INFINITY] {
        let pair = decoded(|buf| key_value(buf, 6, "d", Scalar::Double(number)));
        assert_eq!(pair, ("d".into(), Value::DoubleValue(number)));
    }
    let pair = decoded(|buf| key_value(buf, 6, "b", Scalar::bool(true)));
    assert_eq!(pair, ("b".into(), Value::StringValue("true".into())));
}

#[test]
fn long_text_is_cut_on_a_character_boundary() {
    let long = "é".repeat(MAX_ATTRIBUTE_BYTES);
    let (_, value) = decoded(|buf| key_value(buf, 6, "k", Scalar::Str(&long)));
    let Value::StringValue(text) = value else {
        panic!("not a string: {value:?}")
    };
    assert_eq!(text.len(), MAX_ATTRIBUTE_BYTES + CUT_MARK.len());
    assert!(text.ends_with("é..."));
}

#[test]
fn a_display_that_fails_or_panics_is_named_in_the_text() {
    struct Fails;
    impl Display for Fails {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    struct Panics;
    impl Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text for you")
        }
    }
    let (_, value) = decoded(|buf| key_value_display(buf, 6, "k", &Fails));
    assert_eq!(value, Value::StringValue("<formatting failed>".into()));
    let (_, value) = decoded(|buf| key_value_display(buf, 6, "k", &Panics));
    assert_eq!(value, Value::StringValue("<formatting panicked>".into()));
}
