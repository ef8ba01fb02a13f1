//! Secrets that can be told by what they look like, inside any text.

use std::borrow::Cow;
use std::ops::Range;

use super::REDACTED;

/// Card numbers have 13 to 19 digits (ISO/IEC 7812).
const CARD_DIGITS: Range<usize> = 13..20;

/// True for most texts, and told in one pass: fewer digits than a card number has, none of `:`, `=` and `<`, and no bearer token.
/// There is no secret in such a text, nor markup.
#[inline]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks();
    let (mut seen, mut digits) = (0, 0);
    for block in blocks {
        let Some(more) = digits_of(block) else {
            return false;
        };
        // A word may go on from one block to the next: those are looked through together.
        seen |= BEARER;
        digits += more;
        if digits >= CARD_DIGITS.start {
            return false;
        }
    }
    for byte in rest {
        let class = CLASSES[usize::from(*byte)];
        seen |= class;
        digits += usize::from(class & DIGIT);
    }
    seen & MARK == 0
        && digits < CARD_DIGITS.start
        && (seen & BEARER != BEARER || !holds_a_bearer_token(text))
}

/// Bytes that are looked at together: the compiler makes vector instructions of it.
const BLOCK: usize = 64;

/// How many digits there are; none where there is a mark as well.
fn digits_of(block: &[u8; BLOCK]) -> Option<usize> {
    let (mut marks, mut digits) = (0, 0);
    for byte in block {
        marks |= u8::from(*byte == b':') | u8::from(*byte == b'=') | u8::from(*byte == b'<');
    }
    for byte in block {
        digits += u8::from(byte.wrapping_sub(b'0') < 10);
    }
    (marks == 0).then_some(usize::from(digits))
}

const DIGIT: u8 = 1;
const MARK: u8 = 2;
const SPACE: u8 = 4;
const LETTER_B: u8 = 8;
/// What a text has that holds a bearer token, whatever else.
const BEARER: u8 = SPACE | LETTER_B;

/// By byte.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = DIGIT;
        digit += 1;
    }
    classes[b':' as usize] = MARK;
    classes[b'=' as usize] = MARK;
    classes[b'<' as usize] = MARK;
    classes[b' ' as usize] = SPACE;
    classes[b'b' as usize] = LETTER_B;
    classes[b'B' as usize] = LETTER_B;
    classes
}

fn holds_a_bearer_token(text: &[u8]) -> bool {
    if memchr::memmem::find(text, b"earer").is_none() {
        return false;
    }
    let mut words = text.split(|byte| *byte == b' ');
    words.any(|word| word.ends_with(b"earer"))
}

/// Replaces credentials in URLs, bearer tokens, values behind a name that `hides`, and card numbers.
pub(super) fn without_secrets(text: &str, hides: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let mut secrets = Vec::new();
    url_credentials(text, &mut secrets);
    bearer_tokens(text, &mut secrets);
    assigned_values(text, hides, &mut secrets);
    card_numbers(text, &mut secrets);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_unstable_by_key(|secret| secret.start);
    let mut cleaned = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets {
        // One may lie in another, as a card number in a query.
        if secret.start >= from {
            cleaned.push_str(&text[from..secret.start]);
            cleaned.push_str(REDACTED);
            from = secret.end;
        } else {
            from = from.max(secret.end);
        }
    }
    cleaned.push_str(&text[from..]);
    Cow::Owned(cleaned)
}

/// `scheme://user:password@host`: what stands between the slashes and the `@`.
fn url_credentials(text: &str, secrets: &mut Vec<Range<usize>>) {
    const MARK: &[u8] = b"://";
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(MARK[0], bytes).filter(|at| bytes[*at..].starts_with(MARK)) {
        let start = at + MARK.len();
        let authority = until(&text[start..], |c| {
            c.is_whitespace() || "/?#\"'<>".contains(c)
        });
        if let Some(length) = authority.rfind('@') {
            secrets.push(start..start + length);
        }
    }
}

fn bearer_tokens(text: &str, secrets: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    for space in memchr::memchr_iter(b' ', bytes) {
        let before = &bytes[..space];
        if !before.ends_with(b"Bearer") && !before.ends_with(b"bearer") {
            continue;
        }
        let start = space + 1;
        let token = until(&text[start..], ends_a_value);
        if token.len() >= 8 {
            secrets.push(start..start + token.len());
        }
    }
}

/// `name=value` and `"name": "value"`, where the name names a secret.
fn assigned_values(text: &str, hides: impl Fn(&str) -> bool, secrets: &mut Vec<Range<usize>>) {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let is_quote = |byte: &u8| b"\"' ".contains(byte);
    let bytes = text.as_bytes();
    for at in memchr::memchr2_iter(b'=', b':', bytes) {
        let before = &bytes[..at];
        if before.ends_with(b":") || bytes[at + 1..].starts_with(b":") {
            // A path of Rust's, such as `cookie::Jar`.
            continue;
        }
        let name_end = before.iter().rposition(|byte| !is_quote(byte));
        let name_end = name_end.map_or(0, |last| last + 1);
        let name_start = before[..name_end].iter().rposition(|byte| !is_name(byte));
        let name_start = name_start.map_or(0, |last| last + 1);
        if name_start == name_end || !hides(&text[name_start..name_end]) {
            continue;
        }
        let behind = &text[at + 1..];
        let value = behind.trim_start_matches(['"', '\'', ' ']);
        let start = text.len() - value.len();
        // `authorization: Basic dXNlcjpwYXNz` is two words.
        let scheme = ["Basic ", "Bearer ", "Digest "];
        let scheme = scheme.iter().find(|scheme| value.starts_with(**scheme));
        let skipped = scheme.map_or(0, |scheme| scheme.len());
        let length = skipped + until(&value[skipped..], ends_a_value).len();
        if length > 0 {
            secrets.push(start..start + length);
        }
    }
}

fn ends_a_value(c: char) -> bool {
    c.is_whitespace() || "&;,\"'{}[]()<>".contains(c)
}

fn until(text: &str, ends: impl Fn(char) -> bool) -> &str {
    &text[..text.find(ends).unwrap_or(text.len())]
}

/// Groups of digits, with single spaces or dashes between them, that make a payment card's number.
fn card_numbers(text: &str, secrets: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit());
    if digits.count() < CARD_DIGITS.start {
        return;
    }
    let mut at = 0;
    while at < bytes.len() {
        let inside_a_word = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
        if !bytes[at].is_ascii_digit() || inside_a_word {
            at += 1;
            continue;
        }
        let mut digits = Vec::new();
        let mut end = at;
        for (offset, byte) in bytes[at..].iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    digits.push(byte - b'0');
                    end = at + offset + 1;
                }
                b' ' | b'-' if end == at + offset => {}
                _ => break,
            }
        }
        let in_a_word = bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
        if !in_a_word && is_card_number(&digits) {
            secrets.push(at..end);
        }
        at = end;
    }
}

/// Length, the first digit of a card network, and the check digit.
fn is_card_number(digits: &[u8]) -> bool {
    let networks = 3..=6;
    CARD_DIGITS.contains(&digits.len())
        && networks.contains(&digits[0])
        && digits
            .iter()
            .rev()
            .enumerate()
            .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
                (0, digit) => digit,
                (_, digit) => digit * 2 / 10 + digit * 2 % 10,
            })
            .sum::<u32>()
            .is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::Scrub;
    use super::is_plain;

    #[test]
    fn a_text_is_plain_when_there_is_nothing_to_look_for() {
        let long = "ü".repeat(1_000);
        for text in [
            "",
            "order 123456789012",
            "a (b) [c] {d} - e_f",
            "clearer",
            &long,
        ] {
            assert!(is_plain(text.as_bytes()), "{text}");
        }
        for mark in [":", "<", "=", "Bearer abc", "4111 1111 1111 1111"] {
            for before in 0..200 {
                let text = format!("{}{mark}{}", "x".repeat(before), "y".repeat(200 - before));
                assert!(!is_plain(text.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn secrets_are_taken_out_and_the_rest_stays() {
        for (text, cleaned) in [
            (
                "postgres://app:s3cret@db:5432/shop",
                "postgres://[redacted]@db:5432/shop",
            ),
            (
                "see http://x/a?token=abc&page=2",
                "see http://x/a?token=[redacted]&page=2",
            ),
            ("password=hunter2", "password=[redacted]"),
            (
                "{\"password\": \"hunter2\", \"user\": \"ann\"}",
                "{\"password\": \"[redacted]\", \"user\": \"ann\"}",
            ),
            (
                "Authorization: Basic dXNlcjpwYXNz",
                "Authorization: [redacted]",
            ),
            (
                "sent Bearer eyJhbGciOi.x.y to it",
                "sent Bearer [redacted] to it",
            ),
            (
                "card 4111 1111 1111 1111 declined",
                "card [redacted] declined",
            ),
            ("card 4111-1111-1111-1111", "card [redacted]"),
            ("378282246310005", "[redacted]"),
            ("api_key=a token=b", "api_key=[redacted] token=[redacted]"),
            ("token=4111111111111111", "token=[redacted]"),
            ("päss=ü password=ü€", "päss=ü password=[redacted]"),
        ] {
            assert_eq!(Scrub::default().clean(text), cleaned, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_stays() {
        for text in [
            "",
            "paid 12.50 at 10:30:59",
            "order 4111111111111112",
            "at 1700000000123456789 ns",
            "0af7651916cd43dd8448eb211c80319c",
            "x4111111111111111",
            "http://x/a@b",
            "mail ann@example.com: hello",
            "password",
            "password=",
            "tokens: 512",
            "the token expired: try again",
            "::std::fmt",
            "cookie::Jar",
        ] {
            assert_eq!(Scrub::default().clean(text), text);
        }
    }

    #[test]
    fn it_can_be_switched_off() {
        let scrub = Scrub::new(false, &[]);
        assert_eq!(scrub.clean("password=hunter2"), "password=hunter2");
        assert!(!scrub.hides("password"));
        assert!(Scrub::new(true, &["IBAN".to_owned()]).hides("iban"));
    }
}
