//! The JSON Canonicalization Scheme (RFC 8785).

use std::cmp::Ordering;
use std::fmt::Write;

use avatar_numbers::write_number;

use super::{Object, Value};
use crate::order;

/// The canonical text of a value.
pub fn canonical(value: &Value) -> String {
    let mut out = String::with_capacity(512);
    write(value, &mut out);
    out
}

/// The canonical text of an object as if it had no member of that name: what is signed of a document is all but its proof.
pub fn canonical_without(object: &Object, left_out: &str) -> String {
    let mut out = String::with_capacity(1024);
    write_object(object, Some(left_out), &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(*number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(object, None, out),
    }
}

fn write_object(object: &Object, left_out: Option<&str>, out: &mut String) {
    let members: Vec<(&str, &Value)> = object.iter().filter(|(name, _)| Some(*name) != left_out).collect();
    let places = order(members.len(), &mut |a, b| utf16_order(members[a].0, members[b].0));
    out.push('{');
    for (at, place) in places.into_iter().enumerate() {
        let (name, value) = members[place];
        if at > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// The order of two names by their UTF-16 code units (RFC 8785 §3.2.3).
fn utf16_order(a: &str, b: &str) -> Ordering {
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    match differing {
        // From this byte on (U+E000 and above) UTF-8 and UTF-16 sort differently.
        Some((a_byte, b_byte)) if a_byte.max(b_byte) >= 0xee => a.encode_utf16().cmp(b.encode_utf16()),
        Some((a_byte, b_byte)) => a_byte.cmp(&b_byte),
        None => a.len().cmp(&b.len()),
    }
}

/// Appends a string in quotes: only what must be escaped is.
pub(super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0c => "\\f",
            0x0d => "\\r",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[copied..at]);
        copied = at + 1;
        if short.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_utf16_code_units() {
        // RFC 8785 §3.2.3.
        let value = Value::parse(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#
                .as_bytes(),
        )
        .expect("the example");
        let order: Vec<&str> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].to_vec();
        let text = canonical(&value);
        let places: Vec<usize> = order.iter().map(|word| text.find(word).expect(word)).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn control_characters_are_escaped_the_short_way_where_there_is_one() {
        let value = Value::from("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/é\u{2028}");
        assert_eq!(
            canonical(&value),
            "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/é\u{2028}\""
        );
    }

    #[test]
    fn one_member_can_be_left_out() {
        let value = Value::parse(br#"{"b":1,"proof":{"x":1},"a":{"proof":2}}"#).expect("JSON");
        let object = value.as_object().expect("an object");
        assert_eq!(canonical_without(object, "proof"), r#"{"a":{"proof":2},"b":1}"#);
    }
}
