//! Manifests written inside a text of another file: a block of `inlineManifests`, values in a ConfigMap.

use crate::{
    node::{Entry, Kind, Node},
    source::{Place, Sources, Span},
    yaml,
};

/// The documents in a string, each value at the place where it is written in the file around it.
///
/// That is exact for a block written with `|`; anywhere else every value is at the string's place.
/// None where the string is not YAML.
pub fn documents(sources: &Sources, text: &Node) -> Option<Vec<Node>> {
    within(sources, text, yaml::read(text.place.source, text.as_str()?))
}

/// The values in a string, as Helm reads them: `yes` is a boolean. In the same places.
pub fn values(sources: &Sources, text: &Node) -> Option<Node> {
    let reading = yaml::read_for_kubectl(text.place.source, text.as_str()?);
    within(sources, text, reading)?.into_iter().next()
}

fn within(sources: &Sources, text: &Node, reading: yaml::Reading) -> Option<Vec<Node>> {
    if !reading.diagnostics.is_empty() {
        return None;
    }
    let lines = Lines::of(sources, text);
    Some(reading.documents.into_iter().map(|document| lines.moved(document.root)).collect())
}

/// The same value with everything at one place.
pub fn placed(node: Node, place: Place) -> Node {
    let kind = match node.kind {
        Kind::List(items) => Kind::List(items.into_iter().map(|item| placed(item, place)).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|entry| Entry { key_place: place, value: placed(entry.value, place), ..entry })
                .collect(),
        ),
        kind => kind,
    };
    Node { place, kind }
}

/// Where the lines of a string are in the file around it.
struct Lines {
    whole: Place,
    /// Offset in the string and in the file of each line, without what the block is indented by.
    starts: Vec<(usize, usize)>,
}

impl Lines {
    fn of(sources: &Sources, text: &Node) -> Lines {
        Lines { whole: text.place, starts: starts(sources, text).unwrap_or_default() }
    }

    fn moved(&self, node: Node) -> Node {
        let place = self.place(node.place);
        let kind = match node.kind {
            Kind::List(items) => Kind::List(items.into_iter().map(|item| self.moved(item)).collect()),
            Kind::Map(entries) => Kind::Map(
                entries
                    .into_iter()
                    .map(|Entry { key, key_place, value }| Entry {
                        key,
                        key_place: self.place(key_place),
                        value: self.moved(value),
                    })
                    .collect(),
            ),
            kind => kind,
        };
        Node { place, kind }
    }

    fn place(&self, place: Place) -> Place {
        let moved = |offset: u32| {
            let offset = offset as usize;
            let line = self.starts.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
            let (inside, outside) = self.starts[line];
            Some(outside + offset - inside)
        };
        match (moved(place.span.start), moved(place.span.end)) {
            (Some(start), Some(end)) => Place { source: self.whole.source, span: Span::new(start, end) },
            _ => self.whole,
        }
    }
}

/// None where the string is not written line for line.
fn starts(sources: &Sources, text: &Node) -> Option<Vec<(usize, usize)>> {
    let mut outside = text.place.span.start as usize;
    let mut inside = 0;
    let mut starts = Vec::new();
    let mut written = sources.get(text.place.source).text.get(outside..)?.split_inclusive('\n');
    for line in text.as_str()?.split_inclusive('\n') {
        let around = written.next()?;
        let (content, whole) = (line.trim_end(), around.trim_end());
        let indentation = whole.strip_suffix(content)?;
        if !indentation.trim().is_empty() {
            return None;
        }
        starts.push((inside, outside + indentation.len()));
        inside += line.len();
        outside += around.len();
    }
    Some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(text: &str) -> (String, String) {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", text);
        let reading = yaml::read(source, text);
        let contents = reading.documents[0].root.at(["list", "0", "contents"]).unwrap();
        let documents = documents(&sources, contents).unwrap();
        let name = documents.last().unwrap().at(["metadata", "name"]).unwrap();
        (sources.position(name.place).to_string(), sources.text(name.place).to_owned())
    }

    #[test]
    fn a_value_in_a_block_is_at_its_own_line() {
        let text =
            "list:\n  - contents: |\n      kind: A\n\n      ---\n      kind: B\n      metadata:\n        name: late\n";
        assert_eq!(name_of(text), ("8:15".into(), "late".into()));
        let indented = "list:\n  - contents: |-\n        kind: B\n        metadata: {name: late}\n";
        assert_eq!(name_of(indented), ("4:26".into(), "late".into()));
    }

    #[test]
    fn a_value_in_any_other_text_is_at_that_text() {
        let text = "list:\n  - contents: \"kind: B\\nmetadata: {name: late}\\n\"\n";
        assert_eq!(name_of(text), ("2:15".into(), "\"kind: B\\nmetadata: {name: late}\\n\"".into()));
    }
}
