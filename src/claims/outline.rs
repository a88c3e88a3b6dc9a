//! What a text says whose format cannot be read as a whole: YAML that is a template, or Terraform.
//!
//! It goes by indentation or braces alone, so it sees keys and plain values and nothing that a template computes.

use crate::source::{Place, SourceId, Span};

/// A key with what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The keys above it and its own; an item of a list adds `-`, and one that is a plain value ends with it.
    pub path: Vec<String>,
    /// What stands behind the key, without quotes and comment; empty where its value is on other lines.
    pub value: String,
    /// The key and its value.
    pub place: Place,
    /// Which document of the text it is in.
    pub document: usize,
    /// The text of the block behind the key: its lines without what they are indented by. Empty where there is none.
    pub block: String,
}

impl Line {
    /// Its path.
    pub fn keys(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// The keys of a text that would be YAML if it were not a template.
pub fn of_yaml(source: SourceId, text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    // A block of text ends at the first line that is indented no deeper than its key.
    let mut block: Option<usize> = None;
    let mut indentation = None;
    let mut document = 0;
    let mut offset = 0;
    for written in text.split_inclusive('\n') {
        let start = offset;
        offset += written.len();
        let content = written.trim_end();
        let mut rest = content.trim_start();
        let mut column = content.len() - rest.len();
        if let Some(above) = block
            && (rest.is_empty() || column > above)
        {
            let text = &mut lines.last_mut().expect("a block stands behind a key").block;
            let depth = *indentation.get_or_insert(column);
            text.push_str(content.get(depth..).unwrap_or(""));
            text.push('\n');
            continue;
        }
        if rest.is_empty() || rest.starts_with("{{") || rest.starts_with("{%") {
            continue;
        }
        block = None;
        if rest.starts_with('#') {
            continue;
        }
        if rest == "---" {
            open.clear();
            document += 1;
            continue;
        }
        open.retain(|(at, key)| *at < column || *at == column && key != "-" && rest.starts_with("- "));
        while let Some(item) = rest.strip_prefix("- ") {
            open.push((column, "-".into()));
            let behind = item.trim_start();
            column += rest.len() - behind.len();
            rest = behind;
        }
        let Some((key, value)) = split_key(rest) else {
            // An item of a list that is a plain value.
            if open.last().is_some_and(|(_, key)| key == "-") && content.trim_start().starts_with("- ") {
                lines.push(Line {
                    path: open.iter().map(|(_, key)| key.clone()).collect(),
                    value: unquoted(without_comment(rest)).to_owned(),
                    place: Place { source, span: Span::new(start + column, start + column + rest.len()) },
                    document,
                    block: String::new(),
                });
            }
            continue;
        };
        let value = without_comment(value);
        open.push((column, key.to_owned()));
        if value.starts_with('|') || value.starts_with('>') {
            block = Some(column);
            indentation = None;
        }
        lines.push(Line {
            path: open.iter().map(|(_, key)| key.clone()).collect(),
            value: unquoted(value).to_owned(),
            place: Place { source, span: Span::new(start + column, start + column + rest.len()) },
            document,
            block: String::new(),
        });
    }
    lines
}

/// The keys of Terraform's text: `key = value`, `key = {`, `block "label" {`, on one line or several.
pub fn of_hcl(source: SourceId, text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut offset = 0;
    for written in text.split_inclusive('\n') {
        let start = offset;
        offset += written.len();
        let mut rest = written.trim();
        while !rest.is_empty() && !rest.starts_with('#') && !rest.starts_with("//") {
            let at = start + (rest.as_ptr() as usize - written.as_ptr() as usize);
            let end = rest.find(['{', '}', ',', '[', ']']).unwrap_or(rest.len());
            let piece = rest[..end].trim();
            let (key, value) = piece.split_once('=').map_or((piece, ""), |(key, value)| (key.trim(), value.trim()));
            let opens = rest[end..].starts_with(['{', '[']);
            if !key.is_empty() {
                let mut path = open.clone();
                path.push(unquoted(key).to_owned());
                let place = Place { source, span: Span::new(at, at + rest[..end].trim_end().len()) };
                let value = unquoted(without_comment(value)).to_owned();
                lines.push(Line { path, value, place, document: 0, block: String::new() });
            }
            if opens {
                open.push(unquoted(key).to_owned());
            } else if rest[end..].starts_with(['}', ']']) {
                open.pop();
            }
            rest = rest.get(end + 1..).unwrap_or("").trim_start();
        }
    }
    lines
}

fn split_key(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find(": ").or_else(|| rest.ends_with(':').then(|| rest.len() - 1))?;
    let key = unquoted(&rest[..end]);
    let plain = !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "_-./".contains(letter));
    plain.then(|| (key, rest[end + 1..].trim()))
}

fn without_comment(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    value.find(" #").map_or(value, |at| &value[..at]).trim_end()
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let within = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn shown(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| format!("{}={}", line.path.join("/"), line.value)).collect()
    }

    #[test]
    fn keys_of_a_template_are_seen_and_blocks_of_text_are_not() {
        let text = "cluster:\n  # no\n  proxy:\n    disabled: true # yes\n{% if x %}\n  list:\n    - name: a\n      contents: |\n        kind: Pod\n{{ BODY }}\n    - name: 'b'\n---\nmachine: {}\n";
        let source = Sources::default().add("a.j2", text);
        let seen = shown(&of_yaml(source, text));
        assert_eq!(
            seen,
            [
                "cluster=",
                "cluster/proxy=",
                "cluster/proxy/disabled=true",
                "cluster/list=",
                "cluster/list/-/name=a",
                "cluster/list/-/contents=|",
                "cluster/list/-/name=b",
                "machine={}"
            ]
        );
        assert_eq!(of_yaml(source, text)[5].block, "kind: Pod\n");
    }

    #[test]
    fn items_may_stand_below_their_key_without_indentation() {
        let text = "list:\n- name: a\n  deep:\n  - x: 1\n- name: b\nafter: 1\n";
        let source = Sources::default().add("a.j2", text);
        assert_eq!(
            shown(&of_yaml(source, text)),
            ["list=", "list/-/name=a", "list/-/deep=", "list/-/deep/-/x=1", "list/-/name=b", "after=1"]
        );
    }

    #[test]
    fn plain_items_of_a_list_are_seen() {
        let text = "list:\n  - 10.0.0.0/16 # pods\n  - \"b\"\nmore: [1]\n";
        let source = Sources::default().add("a.j2", text);
        let lines = of_yaml(source, text);
        assert_eq!(shown(&lines), ["list=", "list/-=10.0.0.0/16", "list/-=b", "more=[1]"]);
        assert_eq!(&text[lines[2].place.span.range()], "\"b\"");
    }

    #[test]
    fn keys_of_terraform_are_seen_on_one_line_and_on_several() {
        let text = "locals {\n  common = {\n    cluster = { # note\n      network = { cni = { name = \"none\" } }\n      proxy   = { disabled = true }\n    }\n  }\n}\n";
        let source = Sources::default().add("a.tf", text);
        let lines = of_hcl(source, text);
        assert_eq!(
            shown(&lines),
            [
                "locals=",
                "locals/common=",
                "locals/common/cluster=",
                "locals/common/cluster/network=",
                "locals/common/cluster/network/cni=",
                "locals/common/cluster/network/cni/name=none",
                "locals/common/cluster/proxy=",
                "locals/common/cluster/proxy/disabled=true"
            ]
        );
        assert_eq!(&text[lines.last().unwrap().place.span.range()], "disabled = true");
    }
}
