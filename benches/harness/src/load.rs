//! What is done once for each record, the same for every SDK.

use std::str::FromStr;

use crate::{Declined, OwnSpans, Peer};

/// A kind of record. Its names on the command line are those of the variants' docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// `log`: an event with four fields.
    Log,
    /// `log-in-span`: the same event, in a span that stays open.
    LogInSpan,
    /// `span`: a span with three fields.
    Span,
    /// `span-poll`: a span that stays open is entered and left once more, as a future's is each time it is polled.
    SpanPoll,
    /// `span+log`: that span, with that event in it.
    SpanAndLog,
    /// `error`: an error with a cause, captured through the SDK's own call.
    Error,
    /// `metric`: one more on a counter with two attributes, and a value into a histogram, through the SDK's own calls.
    Metric,
    /// `disabled`: an event of a level that nobody wants.
    Disabled,
    /// `attributes-N`: an event with N fields: 0, 3, 10 or 30.
    Attributes(u32),
    /// `text-N`: an event with one field of N bytes of text.
    Text(usize),
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("there is no load {text:?}");
        Ok(match text {
            "log" => Load::Log,
            "log-in-span" => Load::LogInSpan,
            "span" => Load::Span,
            "span-poll" => Load::SpanPoll,
            "span+log" => Load::SpanAndLog,
            "error" => Load::Error,
            "metric" => Load::Metric,
            "disabled" => Load::Disabled,
            _ => match text.split_once('-') {
                Some(("attributes", count)) => {
                    Load::Attributes(count.parse().map_err(|_| unknown())?)
                }
                Some(("text", bytes)) => Load::Text(bytes.parse().map_err(|_| unknown())?),
                _ => return Err(unknown()),
            },
        })
    }
}

/// What a thread has at hand for its records.
pub struct Work<'a> {
    peer: &'a dyn Peer,
    load: Load,
    own_spans: Option<&'a dyn OwnSpans>,
    text: String,
    future: tracing::Span,
    _inside: Option<tracing::span::EnteredSpan>,
}

impl<'a> Work<'a> {
    pub fn new(peer: &'a dyn Peer, load: Load) -> Self {
        let text = match load {
            Load::Text(_) => words(1 << 20),
            _ => String::new(),
        };
        let span = || tracing::info_span!("request", cart = "c-17", total = 12.5);
        let future = match load {
            Load::SpanPoll => span(),
            _ => tracing::Span::none(),
        };
        // It begins when it is entered first.
        future.in_scope(|| ());
        Work {
            peer,
            load,
            own_spans: peer.own_spans(),
            text,
            future,
            _inside: (load == Load::LogInSpan).then(|| span().entered()),
        }
    }

    /// Another part of the text each time, or compressing many records would cost next to nothing.
    fn text(&self, bytes: usize, at: u64) -> &str {
        let from = (at as usize).wrapping_mul(0x9e37_79b9) % (self.text.len() - bytes);
        &self.text[from..from + bytes]
    }

    /// Makes one record.
    pub fn once(&self, at: u64) {
        harness_one_record(self, at);
    }
}

/// Its name is what `cargo xtask bench instructions` tells callgrind to count in, so it has to survive the compiler.
#[unsafe(no_mangle)]
#[inline(never)]
fn harness_one_record(work: &Work<'_>, at: u64) {
    match work.load {
        Load::Log | Load::LogInSpan => {
            tracing::info!(
                cart = "c-17",
                total = 12.5,
                items = at,
                paid = true,
                "order placed"
            );
        }
        Load::Span => match work.own_spans {
            Some(spans) => spans.charge(at, &|| ()),
            None => {
                let _inside =
                    tracing::info_span!("charge", cart = "c-17", total = 12.5, items = at)
                        .entered();
            }
        },
        Load::SpanPoll => work.future.in_scope(|| ()),
        Load::SpanAndLog => match work.own_spans {
            Some(spans) => spans.charge(at, &|| {
                tracing::info!(
                    cart = "c-17",
                    total = 12.5,
                    items = at,
                    paid = true,
                    "order placed"
                );
            }),
            None => {
                let _inside =
                    tracing::info_span!("charge", cart = "c-17", total = 12.5, items = at)
                        .entered();
                tracing::info!(
                    cart = "c-17",
                    total = 12.5,
                    items = at,
                    paid = true,
                    "order placed"
                );
            }
        },
        Load::Error => {
            let declined = "x".parse::<i32>().map_err(Declined);
            if let Err(error) = declined {
                work.peer.capture(&error);
            }
        }
        Load::Metric => work.peer.measure(at),
        Load::Disabled => tracing::trace!(cart = "c-17", total = 12.5, items = at, "order placed"),
        Load::Attributes(count) => attributes(count, at),
        Load::Text(bytes) => tracing::info!(text = work.text(bytes, at), "order placed"),
    }
}

/// `tracing` knows an event's fields when it is compiled: at most 32.
fn attributes(count: u32, at: u64) {
    match count {
        0 => tracing::info!("order placed"),
        3 => tracing::info!(cart = "c-17", total = 12.5, items = at, "order placed"),
        10 => tracing::info!(
            cart = "c-17",
            total = 12.5,
            items = at,
            paid = true,
            shop = "s-3",
            country = "NL",
            currency = "EUR",
            weight = 0.75,
            parcels = 2,
            gift = false,
            "order placed"
        ),
        30 => tracing::info!(
            cart = "c-17",
            total = 12.5,
            items = at,
            paid = true,
            shop = "s-3",
            country = "NL",
            currency = "EUR",
            weight = 0.75,
            parcels = 2,
            gift = false,
            cart2 = "c-17",
            total2 = 12.5,
            items2 = at,
            paid2 = true,
            shop2 = "s-3",
            country2 = "NL",
            currency2 = "EUR",
            weight2 = 0.75,
            parcels2 = 2,
            gift2 = false,
            cart3 = "c-17",
            total3 = 12.5,
            items3 = at,
            paid3 = true,
            shop3 = "s-3",
            country3 = "NL",
            currency3 = "EUR",
            weight3 = 0.75,
            parcels3 = 2,
            gift3 = false,
            "order placed"
        ),
        other => panic!("there is no event with {other} fields"),
    }
}

/// Text that compresses to a half or less, the same each time.
fn words(bytes: usize) -> String {
    let mut state = 17_u32;
    let mut text = String::with_capacity(bytes + 8);
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let letter = b"etaoinshrdlu    "[(state >> 28) as usize];
        text.push(char::from(letter));
    }
    text
}
