//! What a plain scalar means: to kustomize, to kubectl, and to YAML 1.1 and 1.2 readers.
//!
//! Found by asking kubectl 1.32 (kustomize 5.5) and PyYAML 6; `tests/fixtures/yaml/plain.json` keeps their answers.

use serde_json::Number;

use crate::calendar::days_of_month;

/// What kustomize takes a plain scalar for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(Number),
    Float(f64),
    /// Infinity and not-a-number, which JSON, and so Kubernetes, does not have.
    NotFinite,
    /// A date or time, as kustomize rewrites it.
    Time(String),
    String,
}

impl Scalar {
    /// The JSON number Kubernetes sees: whole floats lose their point, as in Go.
    pub(super) fn number(float: f64) -> Option<Number> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if float.fract() == 0.0 && float.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            return Some(Number::from(float as i64));
        }
        Number::from_f64(float)
    }
}

/// What kustomize reads.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::NotFinite,
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Scalar::NotFinite;
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Scalar::String;
    }
    if let Some(time) = time(text) {
        return Scalar::Time(time);
    }
    let plain = text.replace('_', "");
    if let Some(number) = integer(&plain) {
        return Scalar::Int(number);
    }
    match float(&plain) {
        Some(float) => Scalar::Float(float),
        None => Scalar::String,
    }
}

/// Whether kustomize takes a plain scalar for the text it is.
pub(crate) fn is_text(text: &str) -> bool {
    resolve(text) == Scalar::String
}

/// Whether kustomize takes a plain scalar for this number.
pub(crate) fn is_number(text: &str, number: &Number) -> bool {
    match resolve(text) {
        Scalar::Int(read) => read == *number,
        Scalar::Float(float) => Scalar::number(float).as_ref() == Some(number),
        _ => false,
    }
}

/// What kubectl reads, and whatever else reads YAML with sigs.k8s.io/yaml: `yes` is a boolean, a date is a text.
pub(super) fn resolve_for_kubectl(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Scalar::Bool(false),
        _ => {}
    }
    let only_kustomize = |number: &Number| {
        let plain = text.replace('_', "");
        go_integer(&plain).is_none() && !plain.starts_with("0b") && !number.is_f64()
    };
    match resolve(text) {
        Scalar::Int(number) if only_kustomize(&number) => Scalar::String,
        Scalar::Time(_) => Scalar::String,
        other => other,
    }
}

/// A Go integer: decimal, `0x`, `0b`, `0o` or a leading zero, signed, up to 64 bits.
fn integer(plain: &str) -> Option<Number> {
    go_integer(plain).or_else(|| {
        // go-yaml also takes a sign between a binary or octal prefix and its digits.
        let (prefix, digits) = plain.split_at_checked(2)?;
        let radix = match prefix {
            "0b" => 2,
            "0o" => 8,
            _ => return None,
        };
        i64::from_str_radix(digits, radix).ok().map(Number::from)
    })
}

fn go_integer(plain: &str) -> Option<Number> {
    let (sign, digits) = match plain.strip_prefix(['+', '-']) {
        Some(rest) => (&plain[..1], rest),
        None => ("", plain),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        return Some(Number::from(number));
    }
    if sign.is_empty() { u64::from_str_radix(digits, radix).ok().map(Number::from) } else { None }
}

/// A decimal float that fits; what overflows stays a string in Go.
fn float(plain: &str) -> Option<f64> {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) || !exponent {
        return None;
    }
    plain.parse::<f64>().ok().filter(|float| float.is_finite())
}

/// A date or time as kustomize rewrites it: `2001-1-2` is `2001-01-02T00:00:00Z`.
pub(super) fn time(text: &str) -> Option<String> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    let month = after(&mut rest, "-").then(|| digits(&mut rest, 1, 2)).flatten()?;
    let day = after(&mut rest, "-").then(|| digits(&mut rest, 1, 2)).flatten()?;
    if !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}T");
    if rest.is_empty() {
        return Some(date + "00:00:00Z");
    }
    let zoned = if after(&mut rest, "T") || after(&mut rest, "t") {
        true
    } else if rest.starts_with(' ') {
        rest = rest.trim_start_matches(' ');
        false
    } else {
        return None;
    };
    let hour = digits(&mut rest, 1, 2)?;
    let minute = after(&mut rest, ":").then(|| digits(&mut rest, 1, 2)).flatten()?;
    let second = after(&mut rest, ":").then(|| digits(&mut rest, 1, 2)).flatten()?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = fraction(&mut rest)?;
    let zone = if zoned { zone(rest)? } else { rest.is_empty().then(|| "Z".to_owned())? };
    Some(format!("{date}{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// Fractions of a second down to nanoseconds, without trailing zeros.
fn fraction(rest: &mut &str) -> Option<String> {
    if !after(rest, ".") && !after(rest, ",") {
        return Some(String::new());
    }
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    let kept = digits[..digits.len().min(9)].trim_end_matches('0');
    match (digits.is_empty(), kept.is_empty()) {
        (true, _) => None,
        (_, true) => Some(String::new()),
        _ => Some(format!(".{kept}")),
    }
}

fn zone(rest: &str) -> Option<String> {
    if rest == "Z" {
        return Some("Z".to_owned());
    }
    let mut offset = rest.strip_prefix(['+', '-'])?;
    let hours = digits(&mut offset, 2, 2)?;
    let minutes = after(&mut offset, ":").then(|| digits(&mut offset, 2, 2)).flatten()?;
    if hours > 23 || minutes > 59 || !offset.is_empty() {
        return None;
    }
    Some(if hours + minutes == 0 { "Z".to_owned() } else { rest.to_owned() })
}

fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let (number, after) = rest.split_at(count);
    *rest = after;
    number.parse().ok()
}

fn after(rest: &mut &str, prefix: &str) -> bool {
    match rest.strip_prefix(prefix) {
        Some(tail) => {
            *rest = tail;
            true
        }
        None => false,
    }
}

/// How readers differ about a plain scalar, where they do.
pub(super) fn ambiguity(text: &str) -> Option<&'static str> {
    if is_yes_or_no(text) {
        return Some("a boolean for kubectl, a string for kustomize");
    }
    // Of words, only those of yes and no mean two things.
    if text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    if matches!(text, "=" | "<<") {
        return Some("a string for kubectl and kustomize, an error for YAML 1.1 readers");
    }
    match resolve(text) {
        Scalar::Time(time) => {
            (time != text).then_some("a string for kubectl, a time that kustomize writes out in full")
        }
        Scalar::Int(number) => integer_ambiguity(text, &number),
        Scalar::Float(_) => float_ambiguity(text),
        Scalar::String if is_sexagesimal(text) => {
            Some("a string for kubectl and kustomize, a number in base 60 for YAML 1.1 readers")
        }
        Scalar::String if has_numeric_form(text) => {
            Some("a string for kubectl and kustomize, an infinite number for other readers")
        }
        _ => None,
    }
}

fn integer_ambiguity(text: &str, number: &Number) -> Option<&'static str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if number.as_i64().is_none() {
        return Some("a rounded number for kubectl, an exact one for kustomize");
    }
    if text.get(1..).is_some_and(|rest| rest.contains(['+', '-'])) && text.starts_with("0o") {
        return Some("a string for kubectl, a number for kustomize");
    }
    if ["0o", "0O", "0X", "0B"].iter().any(|prefix| digits.starts_with(prefix)) {
        return Some("a number for kubectl and kustomize, a string for YAML 1.1 readers");
    }
    if digits.starts_with("0b") || text.contains('_') {
        return Some("a number for kubectl and kustomize, a string for YAML 1.2 readers");
    }
    // A file mode like `0775` is octal for kubectl, kustomize and YAML 1.1, and means just that to whoever writes it.
    None
}

fn float_ambiguity(text: &str) -> Option<&'static str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(at) = digits.find(['e', 'E']) {
        let (mantissa, exponent) = digits.split_at(at);
        let pointed = mantissa.contains('.');
        let signed = exponent[1..].starts_with(['+', '-']);
        return (!pointed || !signed || text.contains('_'))
            .then_some("a number for kubectl and kustomize, a string for YAML 1.1 readers");
    }
    if text.contains('_') {
        return Some("a number for kubectl and kustomize, a string for YAML 1.2 readers");
    }
    if digits.starts_with('.') && digits != text {
        return Some("a number for kubectl and kustomize, a string for YAML 1.1 readers");
    }
    if !digits.contains('.') {
        return if digits.starts_with('0') {
            Some("a decimal number for kubectl and kustomize, a string for YAML 1.1 readers")
        } else {
            Some("a rounded number for kubectl and kustomize, an exact one for other readers")
        };
    }
    None
}

/// The words only YAML 1.1 takes for booleans.
fn is_yes_or_no(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    if text.len() > 3 {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if !WORDS.contains(&lower.as_str()) {
        return false;
    }
    let title = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    text == lower || text == title(&lower) || text == lower.to_ascii_uppercase()
}

/// Whether a YAML 1.1 reader takes this for hours, minutes, seconds: `12:30:45` is 45045.
pub(super) fn is_sexagesimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or("");
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !first.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let sixty = |part: &str| {
        matches!(part.len(), 1 | 2) && part.parse::<u8>().is_ok_and(|number| number < 60) && !part.starts_with('+')
    };
    let (seconds, fraction) = last.split_once('.').unwrap_or((last, ""));
    let pointed = last.contains('.');
    (pointed || !first.starts_with('0'))
        && middle.iter().all(|part| sixty(part))
        && sixty(seconds)
        && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// Whether this is written as a float, though too large for one.
fn has_numeric_form(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.contains(['e', 'E'])
        && text.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// Whether any reader of any dialect might take this text, written plain, for something other than this string.
/// Errs towards yes; only `write` asks, and pays with a pair of quotes.
pub(super) fn is_special(text: &str) -> bool {
    const WORDS: [&str; 13] = ["", "~", "null", "none", "nil", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let unsigned = text.trim_start_matches(['+', '-']);
    if WORDS.contains(&text.to_ascii_lowercase().as_str())
        || matches!(unsigned.to_ascii_lowercase().as_str(), ".inf" | ".nan" | "inf" | "nan" | "infinity")
    {
        return true;
    }
    // Go drops every `_` before it looks for a number: `+_0` is 0.
    let unsigned = if unsigned == text { text } else { unsigned.trim_start_matches('_') };
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return false;
    }
    let numeric = |c: char| c.is_ascii_hexdigit() || "_.,:+-xXoOtTzZ ".contains(c);
    unsigned.chars().all(numeric) && !is_dotted(text)
}

/// Addresses and versions, such as `10.0.0.1` and `1.2.3`: no reader takes two points for a number.
fn is_dotted(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() >= 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A float as kubectl writes it when it is a key: shortest for 32 bits, in Go's `%g`.
pub(super) fn float_key(float: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "kubectl narrows to 32 bits here")]
    let narrow = float as f32;
    go_shortest(&narrow.to_string(), &format!("{narrow:e}"))
}

/// A float in the shortest form of Go's `%g`: with an exponent from a million on. Wants its digits in both notations of Rust.
fn go_shortest(plain: &str, scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return plain.to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A float of 64 bits as Go prints it: shortest, in its `%g`.
pub(crate) fn as_go_prints(float: f64) -> String {
    go_shortest(&float.to_string(), &format!("{float:e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, number) in [
            ("0775", 509),
            ("0o17", 15),
            ("0x1f", 31),
            ("-0b11", -3),
            ("+010", 8),
            ("1_000", 1000),
            ("0o-17", -15),
            ("0b-11", -3),
            ("0_1", 1),
            ("-0", 0),
        ] {
            assert_eq!(resolve(text), Scalar::Int(Number::from(number)), "{text}");
        }
        for (text, float) in [("08", 8.0), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), (".5_0", 0.5), ("0.1e-400", 0.0)]
        {
            assert_eq!(resolve(text), Scalar::Float(float), "{text}");
        }
        for text in ["0x", "0b2", "0o8", "_1", "1e400", "-0b-11", "12:30:45", ".", "+", "-", "1e", "0x-1", "--1", "é"]
        {
            assert_eq!(resolve(text), Scalar::String, "{text}");
        }
        assert_eq!(resolve("18446744073709551615"), Scalar::Int(Number::from(u64::MAX)));
    }

    #[test]
    fn dates_are_written_out_in_full() {
        for (text, full) in [
            ("2001-1-1", "2001-01-01T00:00:00Z"),
            ("2001-01-01 10:00:00", "2001-01-01T10:00:00Z"),
            ("2001-01-01t10:20:30.500+02:00", "2001-01-01T10:20:30.5+02:00"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(time(text).as_deref(), Some(full), "{text}");
        }
        for text in ["2001-02-30", "2001-01-01 10:20:30 Z", "2001", "2001-01", "01-01-2001", "2001-01-01T10:00:00"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn keys_that_are_floats_are_named_as_kubectl_names_them() {
        assert_eq!(float_key(2.5), "2.5");
        assert_eq!(float_key(0.1), "0.1");
        assert_eq!(float_key(1_000_000.0), "1e+06");
        assert_eq!(float_key(0.000_01), "1e-05");
    }
}
