//! Times as loggers write them in JSON: RFC 3339 and what is close to it, or a number since 1970.

use serde_json::{Number, Value};

const SECOND: u64 = 1_000_000_000;

/// The time in nanoseconds since 1970, if it is one.
pub(super) fn read(time: &Value) -> Option<u64> {
    match time {
        Value::Number(number) => since_1970(number),
        Value::String(text) => written(text).or_else(|| since_1970(&text.parse().ok()?)),
        _ => None,
    }
}

/// A number is of seconds, milliseconds, microseconds or nanoseconds, by its size. One of seconds before 2001 is no time of a log.
fn since_1970(number: &Number) -> Option<u64> {
    if let Some(number) = number.as_u64() {
        let unit = match number {
            0..1_000_000_000 => return None,
            1_000_000_000..100_000_000_000 => SECOND,
            100_000_000_000..100_000_000_000_000 => SECOND / 1_000,
            100_000_000_000_000..100_000_000_000_000_000 => SECOND / 1_000_000,
            _ => 1,
        };
        return number.checked_mul(unit);
    }
    let number = number.as_f64()?;
    let micros = match number {
        1e9..1e11 => number * 1e6,
        1e11..1e14 => number * 1e3,
        1e14..1e17 => number,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1e14 and 1e17"
    )]
    Some(micros.round() as u64 * (SECOND / 1_000_000))
}

/// `2026-01-31T23:59:59.123Z`: the letter may be a blank, the fraction and the zone may be missing, and the zone may be `+0100`.
fn written(text: &str) -> Option<u64> {
    let mut text = text.trim();
    let year = digits(&mut text, 4)?;
    let month = after(&mut text, b"-", 2)?;
    let day = after(&mut text, b"-", 2)?;
    let hour = after(&mut text, b"Tt ", 2)?;
    let minute = after(&mut text, b":", 2)?;
    let second = after(&mut text, b":", 2)?;
    let nanos = fraction(&mut text)?;
    let zone = offset(text)?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds
        .checked_add_signed(-zone)?
        .checked_mul(SECOND)?
        .checked_add(nanos)
}

/// Takes so many digits.
fn digits(text: &mut &str, count: usize) -> Option<u64> {
    let (found, rest) = text.split_at_checked(count)?;
    if !found.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    found.parse().ok()
}

/// Takes one of these bytes, and so many digits behind it.
fn after(text: &mut &str, separators: &[u8], count: usize) -> Option<u64> {
    let first = text.bytes().next().filter(|byte| separators.contains(byte));
    first?;
    *text = &text[1..];
    digits(text, count)
}

/// Takes a fraction of a second, if there is one, in nanoseconds.
fn fraction(text: &mut &str) -> Option<u64> {
    let Some(rest) = text.strip_prefix(['.', ',']) else {
        return Some(0);
    };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (found, rest) = rest.split_at(length);
    *text = rest;
    let nanos = found.bytes().chain([b'0'; 9]).take(9);
    (length > 0).then(|| nanos.fold(0, |nanos, digit| nanos * 10 + u64::from(digit - b'0')))
}

/// How many seconds a zone is ahead of UTC.
fn offset(mut zone: &str) -> Option<i64> {
    let sign = match zone.bytes().next() {
        None | Some(b'Z' | b'z') => return (zone.len() <= 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    zone = &zone[1..];
    let hours = digits(&mut zone, 2)?;
    zone = zone.strip_prefix(':').unwrap_or(zone);
    let minutes = digits(&mut zone, 2)?;
    let seconds = (hours * 3_600 + minutes * 60).cast_signed();
    zone.is_empty().then_some(sign * seconds)
}

/// Days from 1970 to a date of the Gregorian calendar: years are counted from March, so that a leap day ends one.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month < 3 {
        year.checked_sub(1)?
    } else {
        year
    };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let since_0 = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
    since_0.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;

    #[test]
    fn times_are_read_in_the_forms_that_loggers_write() {
        for (time, expected) in [
            (json!("1970-01-01T00:00:00Z"), Some(0)),
            (
                json!("2023-06-27T01:19:11.789045558Z"),
                Some(1_687_828_751_789_045_558),
            ),
            (
                json!("2024-02-29 12:00:00"),
                Some(1_709_208_000_000_000_000),
            ),
            (
                json!("2024-10-07T22:18:32+0000"),
                Some(1_728_339_512_000_000_000),
            ),
            (
                json!("2024-10-08T00:18:32.5+02:00"),
                Some(1_728_339_512_500_000_000),
            ),
            (
                json!("2024-10-07T16:18:32-06:00"),
                Some(1_728_339_512_000_000_000),
            ),
            (
                json!(1_691_719_960_798_u64),
                Some(1_691_719_960_798_000_000),
            ),
            (json!("1691719960798"), Some(1_691_719_960_798_000_000)),
            (json!(1_691_719_960), Some(1_691_719_960_000_000_000)),
            (json!(1_691_719_960.5), Some(1_691_719_960_500_000_000)),
            (json!(1_691_719_960_798.25), Some(1_691_719_960_798_250_000)),
            (
                json!(1_691_719_960_798_000_001_u64),
                Some(1_691_719_960_798_000_001),
            ),
            (
                json!(1_691_719_960_798_000_u64),
                Some(1_691_719_960_798_000_000),
            ),
        ] {
            assert_eq!(read(&time), expected, "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for time in [
            "",
            "now",
            "2024",
            "2024-13-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00ZZ",
            "2024-01-01T00:00:00+1",
            "1969-12-31T23:59:59Z",
            "2024-01-01T00:00:0é",
            "９999-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
            "-5",
            "NaN",
            "inf",
            "1e300",
        ] {
            assert_eq!(read(&Value::from(time)), None, "{time}");
        }
        assert_eq!(read(&json!(null)), None);
        assert_eq!(read(&json!(-1)), None);
        assert_eq!(read(&json!(5)), None);
        assert_eq!(read(&json!(99_999_999_999_u64)), None);
    }
}
