//! The layer's filter: what of `tracing`'s spans and events it sees.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

/// The configured directives. `EnvFilter` can decide by a span's fields, and asks its table of spans at each enter, exit and close of
/// any, under a lock that all threads share; so it is only there for directives that do so.
#[derive(Debug)]
pub(super) enum Directives {
    ByPlace(Targets),
    BySpan(Box<EnvFilter>),
}

impl Directives {
    /// They were checked by `init`.
    pub(super) fn new(text: &str) -> Self {
        // What is not quite as it should be is read by the one whose words the documentation has.
        let is_by_place = |part: &str| {
            let odd =
                part.contains([' ', '[', '{']) || part.starts_with('=') || part.ends_with('=');
            !part.is_empty() && !odd
        };
        let by_place = Some(text).filter(|text| text.split(',').all(is_by_place));
        match by_place.map(str::parse) {
            Some(Ok(targets)) => Directives::ByPlace(targets),
            _ => Directives::BySpan(Box::new(EnvFilter::builder().parse_lossy(text))),
        }
    }
}

impl<S: Subscriber> Filter<S> for Directives {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        match self {
            Directives::ByPlace(filter) => Filter::enabled(filter, metadata, context),
            Directives::BySpan(filter) => Filter::enabled(&**filter, metadata, context),
        }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self {
            Directives::ByPlace(filter) => Filter::<S>::callsite_enabled(filter, metadata),
            Directives::BySpan(filter) => Filter::<S>::callsite_enabled(&**filter, metadata),
        }
    }

    fn event_enabled(&self, event: &Event<'_>, context: &Context<'_, S>) -> bool {
        match self {
            Directives::ByPlace(_) => true,
            Directives::BySpan(filter) => Filter::event_enabled(&**filter, event, context),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        match self {
            Directives::ByPlace(filter) => Filter::<S>::max_level_hint(filter),
            Directives::BySpan(filter) => Filter::<S>::max_level_hint(&**filter),
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Directives::BySpan(filter) = self {
            filter.on_new_span(attributes, id, context);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Directives::BySpan(filter) = self {
            filter.on_record(id, values, context);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Directives::BySpan(filter) = self {
            filter.on_enter(id, context);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Directives::BySpan(filter) = self {
            filter.on_exit(id, context);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Directives::BySpan(filter) = self {
            filter.on_close(id, context);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::{Layer, SubscriberExt as _};

    use super::*;

    /// Remembers the messages and names that it is shown.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            let name = attributes.metadata().name();
            self.0.lock().unwrap().push(name.to_owned());
        }

        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let metadata = event.metadata();
            let seen = format!("{} {}", metadata.target(), metadata.level());
            self.0.lock().unwrap().push(seen);
        }
    }

    fn seen_by(
        filter: impl Filter<tracing_subscriber::Registry> + Send + Sync + 'static,
    ) -> Vec<String> {
        let seen = Seen::default();
        let registry = tracing_subscriber::registry().with(seen.clone().with_filter(filter));
        tracing::subscriber::with_default(registry, || {
            let _shop = tracing::info_span!(target: "shop", "in_the_shop", user = 7).entered();
            let _other = tracing::debug_span!(target: "other", "elsewhere").entered();
            tracing::error!(target: "shop", "e");
            tracing::warn!(target: "shop::cart", "w");
            tracing::info!(target: "shop::cart::lines", "i");
            tracing::debug!(target: "shop", "d");
            tracing::trace!(target: "shop", "t");
            tracing::info!(target: "other", "i");
            tracing::debug!(target: "other", "d");
            tracing::error!(target: "third", "e");
        });
        let seen = seen.0.lock().unwrap();
        seen.clone()
    }

    #[test]
    fn directives_by_place_see_what_an_env_filter_sees() {
        for text in [
            "info",
            "INFO",
            "3",
            "off",
            "trace",
            "shop",
            "shop=debug",
            "warn,shop=trace",
            "shop::cart=info,shop=error,debug",
            "other=off,info",
            "shop=warn, other=debug",
            "info,,",
            "shop=",
            "=info",
            "",
        ] {
            let by_env = EnvFilter::builder().parse_lossy(text);
            assert_eq!(seen_by(Directives::new(text)), seen_by(by_env), "{text:?}");
        }
        assert!(matches!(
            Directives::new("info,shop=debug"),
            Directives::ByPlace(_)
        ));
    }

    #[test]
    fn a_directive_may_ask_for_a_span() {
        let text = "off,[in_the_shop{user=7}]=debug";
        assert!(matches!(Directives::new(text), Directives::BySpan(_)));
        let by_env = EnvFilter::builder().parse_lossy(text);
        let seen = seen_by(Directives::new(text));
        assert!(seen.len() > 3, "{seen:?}");
        assert_eq!(seen, seen_by(by_env));
    }
}
