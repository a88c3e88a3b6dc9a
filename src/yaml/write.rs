//! Writing YAML that every reader reads alike: plain where that is beyond doubt, quoted otherwise.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::scalar::is_special;

/// What a key may take on one line; YAML readers give up on a simple key after 1024 characters.
const LONGEST_KEY: usize = 1000;

/// Writes a value as one YAML document in block style, without a `---` line, ending in a newline.
///
/// Keys keep their order; the same value gives the same bytes. The style is what yamllint and prettier ask for by default.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => entries(&mut out, map, 0),
        Value::Array(list) if !list.is_empty() => items(&mut out, list, 0),
        // A block scalar at the top is indented all the same: not every reader takes it at column zero.
        scalar => inline(&mut out, scalar, 2),
    }
    out
}

/// A string on one line, as `write` would write it as a value: plain where safe, otherwise quoted.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    line(&mut out, text);
    out
}

/// The entries of a map, the first one where `out` stands, the others at column `indent`.
fn entries(out: &mut String, map: &Map<String, Value>, indent: usize) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            spaces(out, indent);
        }
        let key = quoted(key);
        if key.len() > LONGEST_KEY {
            out.push_str("? ");
            out.push_str(&key);
            out.push('\n');
            spaces(out, indent);
        } else {
            out.push_str(&key);
        }
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                below(out, indent + 2);
                entries(out, map, indent + 2);
            }
            Value::Array(list) if !list.is_empty() => {
                below(out, indent + 2);
                items(out, list, indent + 2);
            }
            scalar => {
                out.push(' ');
                inline(out, scalar, indent + 2);
            }
        }
    }
}

/// The items of a list, the first one where `out` stands, the others at column `indent`.
fn items(out: &mut String, list: &[Value], indent: usize) {
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            spaces(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => entries(out, map, indent + 2),
            Value::Array(list) if !list.is_empty() => items(out, list, indent + 2),
            scalar => inline(out, scalar, indent + 2),
        }
    }
}

/// A value on the line where `out` stands; the lines of a block scalar go to column `indent`.
fn inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => self::number(out, number),
        Value::String(text) if fits_block(text) => return block(out, text, indent),
        Value::String(text) => line(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
    out.push('\n');
}

/// A number in the one form YAML 1.1 and 1.2 agree on: an exponent has a point before it and a sign.
fn number(out: &mut String, number: &Number) {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else {
        out.push_str(&text);
        return;
    };
    out.push_str(mantissa);
    if !mantissa.contains('.') {
        out.push_str(".0");
    }
    out.push('e');
    if !exponent.starts_with(['-', '+']) {
        out.push('+');
    }
    out.push_str(exponent);
}

fn line(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else if text.contains('"') && text.chars().all(|c| c != '\\' && is_printable(c)) {
        // Prettier's choice where double quotes would need nothing but `\"`.
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        double_quoted(out, text);
    }
}

/// Whether a text of several lines survives `|` in every reader, and leaves nothing yamllint or prettier would change:
/// no leading white space, no trailing white space on a line, no run of more than two empty lines, none at the end.
fn fits_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with("\n\n")
        && !text.contains("\n\n\n\n")
        && text.split('\n').all(|line| !line.ends_with([' ', '\t']))
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        && !text.lines().any(|line| line.starts_with('\t'))
}

fn block(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
    for line in text.lines() {
        if !line.is_empty() {
            spaces(out, indent);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Whether a string can go without quotes: it starts like a word or a path, holds nothing YAML gives a meaning to,
/// and no reader takes it for a number, a date, a boolean or nothing.
fn is_plain(text: &str) -> bool {
    let first = |c: char| c.is_alphanumeric() || "/_$(.-+".contains(c);
    text.starts_with(first)
        && text.chars().all(is_printable)
        && !is_marker(text)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !is_special(text)
}

/// Whether a plain text could be taken for the start of a list item or the border of a document.
fn is_marker(text: &str) -> bool {
    let after_dash = text.strip_prefix('-');
    after_dash.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        || text.starts_with("---")
        || text.starts_with("...")
}

/// Printable in every dialect, and nothing an editor or reader might take for a space or drop.
fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' => false,
        _ => !c.is_whitespace() && !is_invisible(c) && u32::from(c) & 0xfffe != 0xfffe,
    }
}

/// Characters that show nothing, or turn the direction of the text around them: in the open, as escapes.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}')
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c => escaped(out, u32::from(c)),
        }
    }
    out.push('"');
}

fn escaped(out: &mut String, code: u32) {
    match code {
        ..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    }
    .expect("writing to a string");
}

fn below(out: &mut String, indent: usize) {
    out.push('\n');
    spaces(out, indent);
}

fn spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_lie_two_columns_under_their_key() {
        let value = json!({"a": [1, {"b": "x", "c": [[1, 2], [], {}]}], "d": {}, "e": null});
        assert_eq!(
            write(&value),
            "a:\n  - 1\n  - b: x\n    c:\n      - - 1\n        - 2\n      - []\n      - {}\nd: {}\ne: null\n"
        );
    }

    #[test]
    fn what_any_reader_could_misread_is_quoted() {
        for text in [
            "",
            "yes",
            "No",
            "ON",
            "y",
            "~",
            "null",
            "1e3",
            "0777",
            "12:30:45",
            "2001-01-01",
            "1_000",
            ".inf",
            "=",
            "<<",
            "0x1f",
            "- a",
            "a: b",
            "a #b",
            "a:",
            " a",
            "a ",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "[a",
            "{a",
            "'a",
            "---",
            "?a",
            "#a",
            "-",
            "52:54:00:12:34:56",
            "1.5",
            "+1",
            "None",
        ] {
            assert_eq!(quoted(text), format!("\"{text}\""), "{text}");
        }
        assert_eq!(quoted(r#"{"a": 'b'}"#), r#"'{"a": ''b''}'"#);
        assert_eq!(quoted("a\u{85}\u{feff}\u{2028}\r\n\u{7f}\"\\"), r#""a\x85\ufeff\u2028\r\n\x7f\"\\""#);
    }

    #[test]
    fn what_nobody_misreads_is_plain() {
        for text in [
            "nginx",
            "10.0.0.1",
            "10.0.0.0/8",
            "1.2.3",
            "v1",
            "64Mi",
            "100m",
            "--flag=x",
            "a:b",
            "https://a.b/c?d=e#f",
            "${A}",
            "/etc",
            "straße",
        ] {
            assert_eq!(quoted(text), text);
        }
    }

    #[test]
    fn several_lines_become_a_block_where_it_is_safe() {
        assert_eq!(write(&json!({"a": "x\n\n  y\n"})), "a: |\n  x\n\n    y\n");
        assert_eq!(write(&json!(["x\ny"])), "- |-\n  x\n  y\n");
        assert_eq!(write(&json!("x\n# y")), "|-\n  x\n  # y\n");
        for text in ["x\n", "\nx\ny", " x\ny", "\tx\ny", "x \ny", "x\ny\n\n", "x\n\ty\n", "x\r\ny\n", "x\n\n\n\ny"] {
            assert!(write(&json!(text)).starts_with('"'), "{text:?}");
        }
    }

    #[test]
    fn floats_carry_a_point_and_a_signed_exponent() {
        assert_eq!(write(&json!([1e21, 1.5e-9, 0.1, 1.0])), "- 1.0e+21\n- 1.5e-9\n- 0.1\n- 1.0\n");
    }

    #[test]
    fn a_key_too_long_for_one_line_is_written_as_an_explicit_key() {
        let key = "k".repeat(1001);
        let mut map = Map::new();
        map.insert(key.clone(), json!({"a": 1}));
        assert_eq!(write(&Value::Object(map)), format!("? {key}\n:\n  a: 1\n"));
    }
}
