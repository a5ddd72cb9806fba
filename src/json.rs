//! JSON read strictly: one object, no name twice, bounded depth; it knows nothing of claims.
//!
//! RFC 7515 section 4 and RFC 7519 section 4 let a parser either reject duplicate names or keep the
//! last one. Two parsers that choose differently see two tokens in one signed text, so we reject,
//! at every level. A byte order mark, octets that are not UTF-8, and anything behind the object are
//! rejected too (RFC 8259 section 8.1).

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Objects and arrays nested deeper than this are refused; real tokens have three or four levels.
pub(crate) const DEPTH_MAX: usize = 16;

/// How serde_json hands out numbers when some crate of the program turns on `arbitrary_precision`.
const NUMBER_IN_DISGUISE: &str = "$serde_json::private::Number";

/// Why a text is not one object, in classes that quote nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAnObject {
    /// It ends before the JSON does.
    Cut,
    /// It is no JSON, or more than one value, or not in UTF-8.
    Syntax,
    /// A name stands twice, or it is nested too deep, or a number has no value here.
    Strictness,
    /// It is JSON, and not an object.
    Other,
}

/// The members of the one object that is `text`. Why it was refused is nobody's business: the
/// parser's words would quote the token.
#[cfg(feature = "jwt")]
pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    read(text).ok()
}

/// The members of the one object that is `text`.
pub(crate) fn read(text: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    use serde_json::error::Category;
    let classify = |error: serde_json::Error| match error.classify() {
        Category::Eof => NotAnObject::Cut,
        Category::Data => NotAnObject::Strictness,
        Category::Syntax | Category::Io => NotAnObject::Syntax,
    };
    let mut parser = serde_json::Deserializer::from_slice(text);
    let depth_left = DEPTH_MAX;
    let value = Strict { depth_left }.deserialize(&mut parser);
    let value = value.map_err(classify)?;
    parser.end().map_err(classify)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(NotAnObject::Other),
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth_left: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left = self
            .depth_left
            .checked_sub(1)
            .ok_or_else(|| E::custom("depth"))?;
        Ok(Self { depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name == NUMBER_IN_DISGUISE {
                return number(&members.next_value::<String>()?);
            }
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate"));
            }
        }
        Ok(Value::Object(object))
    }
}

fn number<E: Error>(text: &str) -> Result<Value, E> {
    if let Ok(value) = text.parse::<u64>() {
        return Ok(Value::from(value));
    }
    if let Ok(value) = text.parse::<i64>() {
        return Ok(Value::from(value));
    }
    let value = text.parse::<f64>().ok().and_then(Number::from_f64);
    value.map(Value::Number).ok_or_else(|| E::custom("number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(text: &[u8]) -> Option<Map<String, Value>> {
        read(text).ok()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| members.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// The model is serde_json itself: where nothing is doubled or deep, we read as it does.
        #[test]
        fn what_is_not_refused_is_read_as_serde_json_reads_it(
            members in prop::collection::btree_map(any::<String>(), any_value(), 0..6),
        ) {
            let text = members.into_iter().collect::<Value>().to_string();
            let model: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(object(text.as_bytes()).map(Value::Object), Some(model));
        }
    }

    #[test]
    fn a_refusal_says_of_what_class_it_is() {
        for (text, why) in [
            (r#"{"a":1"#, NotAnObject::Cut),
            ("", NotAnObject::Cut),
            ("{a:1}", NotAnObject::Syntax),
            ("{}{}", NotAnObject::Syntax),
            (r#"{"a":1,"a":1}"#, NotAnObject::Strictness),
            ("[]", NotAnObject::Other),
        ] {
            assert_eq!(read(text.as_bytes()), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_name_given_twice_is_refused_at_every_level() {
        assert!(object(br#"{"a":1,"b":2}"#).is_some());
        assert!(object(br#"{"a":1,"a":1}"#).is_none());
        assert!(object(br#"{"a":1,"\u0061":2}"#).is_none());
        assert!(object(br#"{"a":{"b":1,"b":1}}"#).is_none());
        assert!(object(br#"{"a":[{"b":1,"b":1}]}"#).is_none());
    }

    #[test]
    fn sixteen_levels_are_read_and_the_seventeenth_is_refused() {
        let nested = |depth: usize| {
            format!(r#"{}1{}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth)).into_bytes()
        };
        assert!(object(&nested(16)).is_some());
        assert!(object(&nested(17)).is_none());
        let arrays = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(object(arrays.as_bytes()).is_none());
    }

    #[test]
    fn only_one_object_in_utf_8_is_read() {
        for text in [
            "",
            " ",
            "null",
            "[]",
            "1",
            "\"a\"",
            "{}{}",
            "{} x",
            "{},",
            "\u{feff}{}",
            "{'a':1}",
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_none());
        assert!(object(b"\xff\xfe{\0}\0").is_none());
        assert!(object(br#"{"a":"\ud800"}"#).is_none());
        assert!(object(br#"{"a":1e400}"#).is_none());
        assert!(object(br#"{"a":01}"#).is_none());
        assert!(object(b" \r\n\t{ } ").is_some());
    }

    #[test]
    fn numbers_survive_arbitrary_precision() {
        let read = |text: &str| number::<serde_json::Error>(text).unwrap();
        assert_eq!(read("18446744073709551615"), Value::from(u64::MAX));
        assert_eq!(read("-1"), Value::from(-1));
        assert_eq!(read("1.5"), Value::from(1.5));
        assert!(number::<serde_json::Error>("1e999").is_err());
    }
}
