//! How large attributes may become: flattening repeats keys, and records repeat what stands above them.

use super::attributes::{LONGEST, Layer, double};
use crate::wire::{Pair, Value};

/// Why there are no rows of a record.
pub(crate) type TooLarge = &'static str;

/// How many bytes are left of those that something may become, keys and values together.
#[derive(Debug)]
pub(crate) struct Room {
    left: usize,
    full: TooLarge,
}

impl Room {
    /// The most that a document, or what nests in a request, of so many bytes can be flattened to.
    ///
    /// A list repeats its key with every item: without a bound, half a body of key and half a body of items would fill the memory.
    pub(crate) fn of(sent: usize) -> Self {
        Self {
            left: sent.saturating_mul(16).saturating_add(4_096),
            full: "attributes many times larger than what was sent",
        }
    }

    /// The most that all records of a request of so many bytes can inherit: some hundred bytes each may share kilobytes.
    fn to_inherit(sent: usize) -> Self {
        Self {
            left: sent.saturating_mul(256).saturating_add(4_096),
            full: "inherited attributes hundreds of times larger than what was sent",
        }
    }

    /// Takes room for a key, a value, or many of them; where there is not enough, none is taken.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.left = self.left.checked_sub(bytes).ok_or(self.full)?;
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left
    }
}

/// The bounds of a request's rows.
#[derive(Debug)]
pub(crate) struct Bounds {
    flattened: Room,
    inherited: Room,
}

impl Bounds {
    pub(crate) fn of(sent: usize) -> Self {
        Self {
            flattened: Room::of(sent),
            inherited: Room::to_inherit(sent),
        }
    }

    /// Takes room for what a layer nests. What does not nest is as large as it was sent.
    pub(super) fn nested(&mut self, layer: &Layer<'_>) -> Result<(), TooLarge> {
        self.flattened.spend(layer.nested())
    }

    /// The same, for a layer that is above records; the answer is how many bytes each of them inherits.
    pub(super) fn above(&mut self, layer: &Layer<'_>) -> Result<usize, TooLarge> {
        self.nested(layer)?;
        Ok(layer.size())
    }

    /// Takes room for what a record inherits.
    pub(super) fn inherit(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.inherited.spend(bytes)
    }
}

/// How many bytes an attribute is flattened to. Its key counts also when it has no value: it is compared all the same.
pub(super) fn size(pair: &Pair<'_>) -> usize {
    match nested(pair) {
        0 => pair.key.len() + length(&pair.value),
        nested => nested.max(pair.key.len()),
    }
}

/// How many of these are of lists and maps.
pub(super) fn nested(pair: &Pair<'_>) -> usize {
    match pair.value {
        Value::List(_) | Value::Map(_) => flattened(&pair.value, pair.key.len()),
        _ => 0,
    }
}

/// How many bytes a value is flattened to under a key of so many; what is dropped counts as one, for it is looked at.
fn flattened(value: &Value<'_>, key: usize) -> usize {
    let all = match value {
        Value::List(list) => {
            let items = (0..).zip(list);
            let items = items.map(|(at, item)| flattened(item, key + 1 + digits(at)));
            items.fold(0, usize::saturating_add)
        }
        Value::Map(map) => {
            let pairs = map.iter();
            let pairs = pairs.map(|pair| flattened(&pair.value, key + 1 + pair.key.len()));
            pairs.fold(0, usize::saturating_add)
        }
        _ => match length(value) {
            0 => 0,
            length => key + length,
        },
    };
    all.max(1)
}

/// How many bytes a value that is neither list nor map is stored in.
fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len().min(LONGEST + "...".len()),
        Value::Int(number) => digits(*number),
        Value::Double(number) => double(*number).len(),
        Value::Nothing | Value::List(_) | Value::Map(_) => 0,
    }
}

/// How many bytes a number is written in.
pub(crate) fn digits(number: i64) -> usize {
    let sign = usize::from(number < 0);
    sign + 1 + number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair<'a>(key: &'a str, value: Value<'a>) -> Pair<'a> {
        Pair { key, value }
    }

    fn list(items: usize) -> Value<'static> {
        Value::List(vec![Value::Int(7); items])
    }

    #[test]
    fn what_is_measured_is_what_flattening_writes() {
        let long = "x".repeat(LONGEST + 9);
        for (value, written) in [
            (Value::Text("text"), "ktext".len()),
            (Value::Text(&long), "k...".len() + LONGEST),
            (Value::Int(-120), "k-120".len()),
            (Value::Int(0), "k0".len()),
            (Value::Double(1.5), "k1.5".len()),
            (Value::Double(f64::NEG_INFINITY), "k-Inf".len()),
            (
                Value::List(vec![Value::Int(7), Value::Text("ab")]),
                "k.07k.1ab".len(),
            ),
            (
                Value::Map(vec![pair("a", Value::Map(vec![pair("b", list(1))]))]),
                "k.a.b.07".len(),
            ),
            (list(12), 10 * "k.07".len() + 2 * "k.107".len()),
        ] {
            let layer = Layer::new(vec![pair("k", value.clone())]);
            let flat = layer.flat();
            let found: usize = flat
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum();
            assert_eq!((layer.size(), found), (written, written), "{value:?}");
            let nests = matches!(value, Value::List(_) | Value::Map(_));
            assert_eq!(layer.nested(), if nests { written } else { 0 }, "{value:?}");
        }
    }

    #[test]
    fn what_is_dropped_counts_for_looking_at_it() {
        let nothings = Value::List(vec![Value::Nothing, Value::Text(""), Value::List(vec![])]);
        let layer = Layer::new(vec![pair("key", nothings)]);
        assert_eq!((layer.nested(), layer.flat().len()), (3, 0));
        let layer = Layer::new(vec![pair("key", Value::Nothing)]);
        assert_eq!((layer.nested(), layer.size()), (0, "key".len()));
    }

    #[test]
    fn a_long_key_over_a_long_list_has_no_room_and_leaves_it_to_others() {
        let key = "k".repeat(20_000);
        let sent = key.len() + 80_000;
        let mut bounds = Bounds::of(sent);
        let large = Layer::new(vec![pair(&key, list(20_000))]);
        let reason = bounds.nested(&large).unwrap_err();
        assert_eq!(reason, "attributes many times larger than what was sent");
        let usual = Layer::new(vec![pair("http.request.body.sizes", list(20_000))]);
        assert_eq!(bounds.nested(&usual), Ok(()));
    }

    #[test]
    fn records_inherit_so_much_and_no_more() {
        let mut bounds = Bounds::of(100);
        let resource = "v".repeat(2_960);
        let resource = Layer::new(vec![pair("r", Value::Text(&resource))]);
        let inherited = bounds.above(&resource).unwrap();
        assert_eq!(inherited, 2_961);
        let taken = (0..100).take_while(|_| bounds.inherit(inherited).is_ok());
        assert_eq!(taken.count(), (256 * 100 + 4_096) / 2_961);
        assert_eq!(
            bounds.inherit(inherited).unwrap_err(),
            "inherited attributes hundreds of times larger than what was sent"
        );
    }
}
