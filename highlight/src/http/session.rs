//! Where a request carries its browser session: the header, or else baggage, or else a cookie.

use std::borrow::Cow;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::headers::Headers;
use crate::session::{SESSION_HEADER, Session};

/// A cookie header longer than this, in bytes, is not looked at.
const MAX_COOKIES_BYTES: usize = 16_384;
/// What browsers store of one cookie, in bytes.
const MAX_COOKIE_BYTES: usize = 4_096;
/// A browser has one `sessionData_` cookie for each of its tabs' sessions; more are not decoded.
const MAX_DATA_COOKIES: usize = 4;

const ID_COOKIE: &str = "sessionSecureID";
const DATA_COOKIE: &str = "sessionData_";

/// The session of a request, whose baggage is in `context`. The first place that has a well-formed one wins.
#[inline]
pub(super) fn of(headers: &Headers<'_>, context: &Context) -> Option<Session> {
    let carried = carried(headers.session, context);
    if carried.is_some() || headers.cookies.is_empty() {
        return carried;
    }
    from_id_cookie(headers).or_else(|| from_data_cookie(headers))
}

/// The part that other services and queues hand on.
#[inline]
pub(crate) fn carried(header: Option<&str>, context: &Context) -> Option<Session> {
    if header.is_none() && context.baggage().is_empty() {
        return None;
    }
    carried_somewhere(header, context)
}

fn carried_somewhere(header: Option<&str>, context: &Context) -> Option<Session> {
    header
        .and_then(Session::parse)
        .or_else(|| Session::parse(context.baggage().get(SESSION_HEADER)?.as_str()))
}

fn from_id_cookie(headers: &Headers<'_>) -> Option<Session> {
    let mut found = None;
    each_cookie(headers, &mut |name, value| {
        if found.is_none() && name == ID_COOKIE {
            found = Session::new(value);
        }
    });
    found
}

fn from_data_cookie(headers: &Headers<'_>) -> Option<Session> {
    let mut found = None;
    let mut looked_at = 0;
    each_cookie(headers, &mut |name, value| {
        if found.is_none() && looked_at < MAX_DATA_COOKIES && name.starts_with(DATA_COOKIE) {
            looked_at += 1;
            found = from_data(value);
        }
    });
    found
}

/// URL-encoded JSON.
fn from_data(value: &str) -> Option<Session> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(rename = "sessionSecureID", borrow)]
        secure_id: Cow<'a, str>,
    }
    if value.len() > MAX_COOKIE_BYTES {
        return None;
    }
    let json = percent_decode_str(value).decode_utf8().ok()?;
    let data: Data<'_> = serde_json::from_str(&json).ok()?;
    Session::new(&data.secure_id)
}

fn each_cookie(headers: &Headers<'_>, see: &mut dyn FnMut(&str, &str)) {
    let looked_at = headers
        .cookies
        .iter()
        .filter(|cookies| cookies.len() <= MAX_COOKIES_BYTES);
    for cookies in looked_at {
        for cookie in cookies.split(';') {
            if let Some((name, value)) = cookie.split_once('=') {
                see(name.trim(), value.trim().trim_matches('"'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fake::Fake;
    use crate::http::origin::context;

    fn session(headers: &[(&str, &str)]) -> Option<String> {
        let fake = Fake(headers);
        let headers = Headers::of(&fake);
        let session = of(&headers, &context(&headers))?;
        Some(session.to_string())
    }

    const DATA: &str = "sessionData_x=%7B%22sessionSecureID%22%3A%22data%22%2C%22n%22%3A%5B1%5D%7D";

    #[test]
    fn the_first_place_in_order_wins() {
        let cookies = format!("{DATA}; sessionSecureID=cookie; theme=dark");
        let all = [
            ("x-highlight-request", "header/1"),
            ("baggage", "a=b,x-highlight-request=baggage%2F2"),
            ("cookie", &*cookies),
        ];
        assert_eq!(session(&all).as_deref(), Some("header/1"));
        assert_eq!(session(&all[1..]).as_deref(), Some("baggage/2"));
        assert_eq!(session(&all[2..]).as_deref(), Some("cookie/"));
        assert_eq!(session(&[("cookie", DATA)]).as_deref(), Some("data/"));
        assert_eq!(session(&[]), None);
    }

    #[test]
    fn a_malformed_place_is_passed_over() {
        let headers = [
            ("x-highlight-request", "<script>/1"),
            ("baggage", "x-highlight-request=a%20b"),
            ("cookie", "sessionSecureID=;"),
            ("cookie", DATA),
        ];
        assert_eq!(session(&headers).as_deref(), Some("data/"));
    }

    #[test]
    fn hostile_values_are_no_session() {
        let long = "a".repeat(20_000);
        let encoded = "%41".repeat(2_000);
        let deep = "%5B".repeat(1_300);
        for cookie in [
            "sessionSecureID".to_owned(),
            "sessionSecureID=a b".to_owned(),
            "sessionSecureID=a%20b".to_owned(),
            "sessionSecureID='; drop table".to_owned(),
            format!("sessionSecureID={long}"),
            "sessionData_=".to_owned(),
            "sessionData_x=%".to_owned(),
            "sessionData_x=%FF%FE".to_owned(),
            "sessionData_x=null".to_owned(),
            "sessionData_x=%7B%7D".to_owned(),
            "sessionData_x=%7B%22sessionSecureID%22%3A7%7D".to_owned(),
            "sessionData_x=%7B%22sessionSecureID%22%3A%22%3Cscript%3E%22%7D".to_owned(),
            "sessionData_x=%7B%22sessionSecureID%22%3A%22a".to_owned(),
            format!("sessionData_x={deep}"),
            format!("sessionData_x=%7B%22sessionSecureID%22%3A%22{encoded}%22%7D"),
            format!("{}{DATA}", "sessionData_y=%7B;".repeat(MAX_DATA_COOKIES)),
            format!("{long};{DATA}"),
            "=;=;=".to_owned(),
            ";;;".to_owned(),
        ] {
            let shown: String = cookie.chars().take(60).collect();
            assert_eq!(session(&[("cookie", &cookie)]), None, "{shown}");
        }
        for baggage in [
            format!("x={long},x-highlight-request=a"),
            "x-highlight-request".to_owned(),
            "x-highlight-request=".to_owned(),
            "x-highlight-request=%00".to_owned(),
            format!("x-highlight-request={}", "a".repeat(300)),
            ",".repeat(8_000),
        ] {
            let shown: String = baggage.chars().take(60).collect();
            assert_eq!(session(&[("baggage", &baggage)]), None, "{shown}");
        }
    }
}
