//! What would be sent.

use highlight::AnyhowExt as _;
use highlight::testing::{SentError, capture};

#[test]
fn each_error_is_reported_once_with_its_causes() {
    let sent = capture(|| {
        assert_eq!(crate::total("mugs= 450\nplates= few\nbowls"), 450);
        let list = crate::read("/no/such/list").capture();
        assert!(list.is_err(), "captured and still an error");
    });

    let messages: Vec<_> = sent.errors().iter().map(SentError::message).collect();
    assert_eq!(
        messages,
        [
            "a line of the price list is left out",
            "a line of the price list is left out",
            "the price list cannot be read"
        ]
    );
    for (error, causes) in sent.errors().iter().zip([
        "Caused by: no number of cents for plates\nCaused by: invalid digit found in string",
        "Caused by: no price in \"bowls\"",
        "Caused by: No such file or directory",
    ]) {
        let stack = error.stack();
        assert!(stack.contains("example_anyhow::"), "{stack}");
        assert!(stack.contains(causes), "{stack}");
    }
}
