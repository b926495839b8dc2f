//! The parser: RFC 8259 and the rules of I-JSON (RFC 7493) that matter to signatures, under limits that hold before anything is allocated.

use avatar_numbers::read_number;

use super::{Object, Value};
use crate::order;

/// What a text may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Arrays and objects within one another.
    pub depth: usize,
    /// Values in all: members, items, and the whole.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            depth: 64,
            values: 100_000,
        }
    }
}

/// Why a text was refused. Places are bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is longer than allowed.
    #[error("the JSON text has more than {0} bytes")]
    TooLong(usize),
    /// Arrays and objects are nested deeper than allowed.
    #[error("the JSON text is nested more than {0} deep")]
    TooDeep(usize),
    /// There are more values than allowed.
    #[error("the JSON text has more than {0} values")]
    TooMany(usize),
    /// Not UTF-8.
    #[error("the JSON text is not UTF-8")]
    NotUtf8,
    /// Not JSON.
    #[error("no JSON at byte {0}")]
    Syntax(usize),
    /// A name twice in one object: readers would disagree on what was signed.
    #[error("a name comes twice in the object that ends at byte {0}")]
    DuplicateName(usize),
    /// A number that no double can hold.
    #[error("the number at byte {0} is too large")]
    NumberRange(usize),
    /// Half a surrogate pair, which is no character.
    #[error("the string at byte {0} holds half a surrogate pair")]
    LoneSurrogate(usize),
}

/// Parses one JSON value, with nothing but white space around it.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if bytes.len() > limits.bytes {
        return Err(JsonError::TooLong(limits.bytes));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let mut parser = Parser {
        text,
        bytes,
        at: 0,
        depth_left: limits.depth,
        values_left: limits.values,
        limits,
    };
    parser.space();
    let value = parser.value()?;
    parser.space();
    if parser.at < bytes.len() {
        return Err(parser.syntax());
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth_left: usize,
    values_left: usize,
    limits: &'a Limits,
}

impl Parser<'_> {
    fn syntax(&self) -> JsonError {
        JsonError::Syntax(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes that byte if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax()) }
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or(JsonError::TooMany(self.limits.values))?;
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.syntax()),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.syntax());
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, JsonError>) -> Result<Value, JsonError> {
        self.depth_left = self
            .depth_left
            .checked_sub(1)
            .ok_or(JsonError::TooDeep(self.limits.depth))?;
        self.at += 1;
        self.space();
        let value = read(self);
        self.depth_left += 1;
        value
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            items.push(self.value()?);
            self.space();
            if !self.take(b',') {
                break;
            }
        }
        self.expect(b']')?;
        Ok(Value::Array(items))
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Object(Object::new()));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            members.push((name, self.value()?));
            self.space();
            if !self.take(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        if has_duplicates(&members) {
            return Err(JsonError::DuplicateName(self.at));
        }
        Ok(Value::Object(Object::from_distinct(members)))
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.take(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let number = read_number(&self.text[start..self.at]);
        if number.is_finite() {
            Ok(Value::Number(number))
        } else {
            Err(JsonError::NumberRange(start))
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax()) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let begin = self.at;
        let mut out = String::new();
        let mut copied = begin;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    out.push_str(&self.text[copied..self.at]);
                    self.at += 1;
                    out.push(self.escape(begin)?);
                    copied = self.at;
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.syntax()),
            }
        }
        out.push_str(&self.text[copied..self.at]);
        self.at += 1;
        Ok(out)
    }

    /// What follows a backslash.
    fn escape(&mut self, begin: usize) -> Result<char, JsonError> {
        let byte = self.peek().ok_or(self.syntax())?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => byte.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.hex4()?;
                if (0xd800..0xdc00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let low = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(JsonError::LoneSurrogate(begin));
                    }
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                char::from_u32(code).ok_or(JsonError::LoneSurrogate(begin))?
            }
            _ => return Err(JsonError::Syntax(self.at - 1)),
        })
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or(self.syntax())?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

fn has_duplicates(members: &[(String, Value)]) -> bool {
    /// Up to here comparing all with all is quicker than sorting.
    const FEW: usize = 12;
    if members.len() <= FEW {
        return members
            .iter()
            .enumerate()
            .any(|(at, (name, _))| members[..at].iter().any(|(other, _)| other == name));
    }
    let places = order(members.len(), &mut |a, b| members[a].0.cmp(&members[b].0));
    places.windows(2).any(|pair| members[pair[0]].0 == members[pair[1]].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> JsonError {
        Value::parse(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn what_is_json_comes_out_as_it_went_in() {
        for text in [
            "null",
            "[]",
            "{}",
            "[true,false,null,0,1.5,\"x\"]",
            r#"{"b":1,"a":{"c":[]},"":"é😀"}"#,
        ] {
            assert_eq!(Value::parse(text.as_bytes()).expect(text).to_text(), text);
        }
        let spaced = Value::parse(b" \t\r\n{ \"a\" : [ 1 , 2 ] } ").expect("white space is allowed");
        assert_eq!(spaced.to_text(), r#"{"a":[1,2]}"#);
        let escaped = Value::parse(br#""\u00e9\ud83d\ude00\n\/\b\f\r\t\"\\""#).expect("escapes");
        assert_eq!(escaped, Value::from("é😀\n/\u{8}\u{c}\r\t\"\\"));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("[1,]", 3),
            ("{\"a\":1,}", 7),
            ("01", 1),
            ("1.", 2),
            ("-", 1),
            (".5", 0),
            ("1e", 2),
            ("+1", 0),
            ("tru", 0),
            ("[1 2]", 3),
            ("{a:1}", 1),
            ("\"\n\"", 1),
            ("\"\\x\"", 2),
            ("\"\\u12g4\"", 5),
            ("\"abc", 4),
            ("[", 1),
            ("1 1", 2),
            ("NaN", 0),
        ] {
            assert_eq!(error(text), JsonError::Syntax(at), "{text}");
        }
        assert_eq!(Value::parse(&[b'"', 0xff, b'"']), Err(JsonError::NotUtf8));
        assert_eq!(error("1e999"), JsonError::NumberRange(0));
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800x""#] {
            assert_eq!(error(text), JsonError::LoneSurrogate(1), "{text}");
        }
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_in_small_and_large_objects() {
        assert!(matches!(error(r#"{"a":1,"b":2,"a":3}"#), JsonError::DuplicateName(_)));
        assert!(matches!(error(r#"{"a":1,"\u0061":3}"#), JsonError::DuplicateName(_)));
        let many: Vec<String> = (0..50).map(|n| format!("\"k{n}\":0")).collect();
        assert!(Value::parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        let twice = format!("{{{},\"k7\":1}}", many.join(","));
        assert!(matches!(error(&twice), JsonError::DuplicateName(_)));
    }

    #[test]
    fn nesting_counts_and_lengths_have_limits() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(Value::parse(deep(64).as_bytes()).is_ok());
        assert_eq!(error(&deep(65)), JsonError::TooDeep(64));
        assert_eq!(error(&"[".repeat(1_000_000)), JsonError::TooDeep(64));
        let million = format!("[{}0]", "0,".repeat(999_999));
        assert_eq!(error(&million), JsonError::TooMany(100_000));
        let long = format!("\"{}\"", "x".repeat(5 << 20));
        assert_eq!(error(&long), JsonError::TooLong(4 << 20));
    }
}
