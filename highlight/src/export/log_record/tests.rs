use super::*;
use opentelemetry_proto::tonic::logs::v1 as reference;
use prost::Message as _;

fn written(write: impl FnOnce(&mut LogRecord<'_>)) -> reference::LogRecord {
    let mut buf = Vec::new();
    let time = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    let style = Style {
        guard_markup: true,
        ..Style::default()
    };
    let nowhere = Correlation::default();
    let opening = Opening::Severity(Severity::Info);
    let mut record = LogRecord::begin(&mut buf, opening, time, &nowhere, &style);
    write(&mut record);
    record.finish();
    reference::LogRecord::decode(buf.as_slice()).unwrap()
}

fn body(record: &reference::LogRecord) -> String {
    format!(
        "{:?}",
        record.body.as_ref().unwrap().value.as_ref().unwrap()
    )
}

#[test]
fn time_severity_and_location_are_set() {
    let record = written(|record| {
        let location = Location {
            target: "shop::cart",
            file: Some("src/cart.rs"),
            line: Some(42),
        };
        record.body("hello").location(&location);
    });
    assert_eq!(record.time_unix_nano, 1_700_000_000_123_456_789);
    assert_eq!(record.observed_time_unix_nano, record.time_unix_nano);
    assert_eq!(
        (record.severity_number, record.severity_text.as_str()),
        (9, "info")
    );
    assert_eq!(body(&record), "StringValue(\"hello\")");
    let names: Vec<_> = record
        .attributes
        .iter()
        .map(|pair| pair.key.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "code.namespace",
            "code.file.path",
            "code.filepath",
            "code.line.number",
            "code.lineno"
        ]
    );
}

#[test]
fn fields_that_upstream_takes_for_itself_are_renamed() {
    let record = written(|record| {
        record
            .text("level", "5")
            .int("message", 1)
            .text("levels", "x");
    });
    let names: Vec<_> = record
        .attributes
        .iter()
        .map(|pair| pair.key.as_str())
        .collect();
    assert_eq!(names, ["attr.level", "attr.message", "levels"]);
}

#[test]
fn fields_beyond_the_limit_are_counted() {
    let record = written(|record| {
        for number in 0..200 {
            record.int("n", number);
        }
    });
    assert_eq!(record.attributes.len(), 128);
    assert_eq!(record.dropped_attributes_count, 72);
}

#[test]
fn a_body_full_of_markup_keeps_all_of_its_text() {
    let text = " <".repeat(proto::MAX_BODY_BYTES / 2);
    let record = written(|record| {
        record.body(&text);
    });
    let kept = "\u{a0}<".repeat(proto::MAX_BODY_BYTES / 2);
    assert_eq!(body(&record), format!("StringValue({kept:?})"));
}

#[test]
fn markup_in_a_body_does_not_cost_the_text_before_it() {
    for (text, sent) in [
        ("got Vec <T> and <U>", "got Vec\u{a0}<T> and\u{a0}<U>"),
        ("<html> <body>", "<html> <body>"),
        ("a<b", "a<b"),
        (" <", "\u{a0}<"),
        ("", ""),
    ] {
        let record = written(|record| {
            record.body(text);
        });
        assert_eq!(body(&record), format!("StringValue({sent:?})"), "{text:?}");
    }
}
