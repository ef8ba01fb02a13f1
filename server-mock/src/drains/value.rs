//! JSON values as attributes have them, within bounds.

use serde_json::Value as Json;

use crate::extract::{Room, digits};
use crate::wire::{Pair, Value};

/// How deep lists and maps may be nested: as deep as in OTLP.
const DEEPEST: usize = 50;

/// An attribute, unless it is nested too deep or has no room.
pub(super) fn pair<'a>(key: &'a str, value: &'a Json, room: &mut Room) -> Result<Pair<'a>, String> {
    pair_below(0, key, value, room)
}

/// The same, for below a flattened key of so many bytes, the dot with them.
pub(super) fn pair_below<'a>(
    above: usize,
    key: &'a str,
    value: &'a Json,
    room: &mut Room,
) -> Result<Pair<'a>, String> {
    Ok(Pair {
        key,
        value: read(value, above + key.len(), 0, room)?,
    })
}

/// A value below a flattened key of so many bytes. Booleans and nulls are none, as in OTLP.
fn read<'a>(
    value: &'a Json,
    key: usize,
    depth: usize,
    room: &mut Room,
) -> Result<Value<'a>, String> {
    if depth > DEEPEST {
        return Err(too_deep());
    }
    Ok(match value {
        Json::Null | Json::Bool(_) => Value::Nothing,
        Json::String(text) => {
            room.spend(key + text.len())?;
            Value::Text(text)
        }
        Json::Number(number) => {
            if let Some(number) = number.as_i64() {
                room.spend(key + digits(number))?;
                Value::Int(number)
            } else {
                let number = number.as_f64().unwrap_or(f64::NAN);
                room.spend(key + number.to_string().len())?;
                Value::Double(number)
            }
        }
        Json::Array(list) => {
            let items = (0..).zip(list);
            let items = items.map(|(at, item)| read(item, key + 1 + digits(at), depth + 1, room));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Json::Object(map) => {
            let pairs = map.iter().map(|(name, value)| {
                let value = read(value, key + 1 + name.len(), depth + 1, room)?;
                Ok(Pair { key: name, value })
            });
            Value::Map(pairs.collect::<Result<_, String>>()?)
        }
    })
}

pub(super) fn too_deep() -> String {
    format!("values nested deeper than {DEEPEST}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> Json {
        (0..depth).fold(json!("x"), |inner, _| json!([inner]))
    }

    #[test]
    fn depth_has_a_bound() {
        let mut room = Room::of(0);
        assert!(pair("k", &nested(DEEPEST), &mut room).is_ok());
        let deeper = pair("k", &nested(DEEPEST + 1), &mut room).unwrap_err();
        assert_eq!(deeper, "values nested deeper than 50");
    }

    #[test]
    fn a_long_key_over_a_long_list_has_no_room_and_a_long_list_has() {
        let list = json!(vec![1; 10_000]);
        let size = list.to_string().len();
        assert!(pair("counts", &list, &mut Room::of(size)).is_ok());
        let key = "k".repeat(10_000);
        let size = size + key.len();
        let large = pair(&key, &list, &mut Room::of(size)).unwrap_err();
        assert_eq!(large, "attributes many times larger than what was sent");
    }

    #[test]
    fn what_is_spent_is_what_flattening_writes() {
        for (value, expected) in [
            (json!("text"), "k".len() + 4),
            (json!(-120), "k".len() + 4),
            (json!(0), "k".len() + 1),
            (json!(1.5), "k".len() + 3),
            (json!([7, 8]), "k.07k.18".len()),
            (json!({"a": {"b": "c"}}), "k.a.bc".len()),
            (json!([true, null]), 0),
        ] {
            let mut room = Room::of(0);
            let before = room.left();
            pair("k", &value, &mut room).unwrap();
            assert_eq!(before - room.left(), expected, "{value}");
        }
    }
}
