//! Findings that are accepted: by `[[allow]]` and `[codes]` in settings, by a comment beside the line, by a baseline.
//!
//! Every one but a baseline takes a reason, and is reported itself once it accepts nothing any more.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    checks, code,
    codes::Code,
    diagnostic::{Diagnostic, Severity},
    node::Part,
    report::{Report, fingerprint},
    repository::Repository,
    settings::{Level, Reading},
    source::{Place, SourceId, Sources, Span},
};

/// What an accepting comment begins with: `# gitopsc: allow(owned-twice) the migration ends in March`.
const COMMENT: &str = "gitopsc: allow(";

/// Takes out what settings and comments accept, and reports those that accept nothing.
pub fn accept(repository: &Repository, settings: &Reading, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let found = by_comment(repository, found);
    let found = match &settings.root {
        Some(root) => {
            checks::allow_all(&settings.settings.allow, &|pointer| root.place_of(pointer, Part::Value), found)
        }
        None => found,
    };
    by_level(settings, found)
}

/// Sets the severity of codes as `[codes]` says.
fn by_level(settings: &Reading, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let levels = &settings.settings.codes;
    found.retain_mut(|finding| match levels.get(finding.code.name()) {
        Some(Level::Off) => false,
        Some(level) => {
            finding.severity = match level {
                Level::Error => Severity::Error,
                Level::Warning => Severity::Warning,
                Level::Note | Level::Off => Severity::Note,
            };
            true
        }
        None => true,
    });
    for name in levels.keys().filter(|name| Code::find(name).is_none()) {
        if let Some(place) = settings.place(&format!("/codes/{}", crate::node::escape(name)), Part::Key) {
            found.push(checks::unknown_code(name, place, str::to_owned));
        }
    }
    found
}

/// A comment that accepts findings of one code at its line or the next.
struct Comment {
    code: String,
    place: Place,
    line: usize,
    has_reason: bool,
    is_used: bool,
}

fn by_comment(repository: &Repository, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut comments: BTreeMap<SourceId, Vec<Comment>> = BTreeMap::new();
    for (path, file) in repository.files() {
        // Documentation shows how such a comment is written.
        if let Some(source) = file.source.filter(|_| !path.ends_with(".md")) {
            let own = comments_of(&repository.sources, source);
            if !own.is_empty() {
                comments.insert(source, own);
            }
        }
    }
    if comments.is_empty() {
        return found;
    }
    let mut kept = Vec::with_capacity(found.len());
    for finding in found {
        let mut is_accepted = false;
        for label in &finding.labels {
            let Some(own) = comments.get_mut(&label.place.source) else { continue };
            let line = repository.sources.position(label.place).line;
            for comment in own.iter_mut().filter(|comment| {
                comment.code == finding.code.name() && (comment.line == line || comment.line + 1 == line)
            }) {
                comment.is_used = true;
                is_accepted = true;
            }
        }
        if !is_accepted {
            kept.push(finding);
        }
    }
    kept.extend(comments.into_values().flatten().filter_map(|comment| comment.fault()));
    kept
}

impl Comment {
    /// What is wrong with the comment itself.
    fn fault(&self) -> Option<Diagnostic> {
        let Comment { code, place, .. } = self;
        if Code::find(code).is_none() {
            return Some(checks::unknown_code(code, *place, str::to_owned));
        }
        if !self.is_used {
            let message = format!("`{code}` is allowed here, but not found any more");
            return Some(Diagnostic::new(code!("allow-unused"), message).at(*place, "").help("remove this comment"));
        }
        (!self.has_reason).then(|| {
            Diagnostic::new(code!("allow-unreasoned"), format!("`{code}` is allowed without a reason"))
                .at(*place, "")
                .help("say after the bracket why it is right here: the next reader wants to know")
        })
    }
}

fn comments_of(sources: &Sources, source: SourceId) -> Vec<Comment> {
    let text = &sources.get(source).text;
    let found = text.match_indices(COMMENT).filter_map(|(at, _)| {
        let start = at + COMMENT.len();
        let before = text[..at].rsplit('\n').next().unwrap_or_default().trim_end();
        if !["#", "//", "<!--", "/*"].iter().any(|mark| before.ends_with(mark)) {
            return None;
        }
        let line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        let end = start + text[start..line_end].find(')')?;
        let reason = text[end + 1..line_end].trim().trim_end_matches("-->").trim_end_matches("*/").trim();
        let place = Place { source, span: Span::new(start, end) };
        Some(Comment {
            code: text[start..end].trim().to_owned(),
            place,
            line: sources.position(place).line,
            has_reason: !reason.is_empty(),
            is_used: false,
        })
    });
    found.collect()
}

/// The form of a baseline.
const VERSION: u64 = 1;

/// The findings there are today, for later runs to leave out.
pub fn write_baseline(report: &Report) -> String {
    let mut counted: BTreeMap<String, (Value, usize)> = BTreeMap::new();
    for diagnostic in report.diagnostics {
        let path = diagnostic.labels.first().map(|label| report.sources.get(label.place.source).path.as_str());
        let entry = || json!({ "code": diagnostic.code.name(), "path": path, "message": diagnostic.message });
        counted.entry(fingerprint(report, diagnostic)).or_insert_with(|| (entry(), 0)).1 += 1;
    }
    let findings: Vec<Value> = counted
        .into_iter()
        .map(|(print, (mut entry, count))| {
            entry["fingerprint"] = print.into();
            entry["count"] = count.into();
            entry
        })
        .collect();
    format!("{:#}\n", json!({ "version": VERSION, "findings": findings }))
}

/// Takes out what a baseline holds; as many of each finding as it counts. Also gives how many of its findings are gone.
pub fn leave_out(
    baseline: &str,
    sources: &Sources,
    found: Vec<Diagnostic>,
) -> Result<(Vec<Diagnostic>, usize), String> {
    let value: Value = serde_json::from_str(baseline).map_err(|error| format!("it is not JSON: {error}"))?;
    if value["version"].as_u64() != Some(VERSION) {
        return Err(format!("it is not a baseline of version {VERSION}"));
    }
    let list = value["findings"].as_array().ok_or("it has no list `findings`")?;
    let mut left: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in list {
        let print = entry["fingerprint"].as_str().ok_or("a finding of it has no `fingerprint`")?;
        *left.entry(print).or_default() += entry["count"].as_u64().unwrap_or(1);
    }
    let all = left.values().sum::<u64>();
    let mut taken = 0;
    let mut kept = Vec::new();
    for finding in found {
        let print = fingerprint(&Report { sources, diagnostics: &[] }, &finding);
        match left.get_mut(print.as_str()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                taken += 1;
            }
            _ => kept.push(finding),
        }
    }
    Ok((kept, usize::try_from(all - taken).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::MemWorld;

    fn repository(text: &str) -> Repository {
        Repository::read(&MemWorld::new([("a.yaml", text)])).unwrap()
    }

    fn finding(repository: &Repository, what: &str) -> Diagnostic {
        let source = repository.file("a.yaml").unwrap().source.unwrap();
        let start = repository.text("a.yaml").unwrap().find(what).unwrap();
        let place = Place { source, span: Span::new(start, start + what.len()) };
        Diagnostic::new(code!("owned-twice"), "two owners").at(place, "").about(what)
    }

    #[test]
    fn a_comment_accepts_at_its_line_and_the_next() {
        let repository = repository(
            "# gitopsc: allow(owned-twice) it moves next week\nname: a\nother: b # gitopsc: allow(owned-twice) as well\nthird: cc\n\nlast: zz\n",
        );
        let found = ["a\n", "b #", "cc", "zz"].map(|what| finding(&repository, what)).to_vec();
        let kept = accept(&repository, &Reading::default(), found);
        assert_eq!(kept.iter().map(|finding| finding.subject.as_deref()).collect::<Vec<_>>(), [Some("zz")]);
    }

    #[test]
    fn a_comment_that_accepts_nothing_or_without_reason_is_reported() {
        let repository = repository(
            "# gitopsc: allow(owned-twice)\nname: a\n# gitopsc: allow(owned-twice) why\nx: 1\n# gitopsc: allow(owned-twize) why\ny: 1\n",
        );
        let kept = accept(&repository, &Reading::default(), vec![finding(&repository, "a\n")]);
        let codes: Vec<&str> = kept.iter().map(|finding| finding.code.name()).collect();
        assert_eq!(codes, ["allow-unreasoned", "allow-unused", "allow-unknown"]);
    }

    #[test]
    fn a_baseline_leaves_out_as_many_as_it_counts() {
        let repository = repository("name: a\nother: b\n");
        let (a, b) = (finding(&repository, "a\n"), finding(&repository, "b"));
        let all = [a.clone(), b.clone()];
        let baseline = write_baseline(&Report { sources: &repository.sources, diagnostics: &all });
        let (kept, gone) = leave_out(&baseline, &repository.sources, vec![a.clone(), a.clone()]).unwrap();
        assert_eq!((kept.len(), gone), (1, 1));
        assert!(leave_out("{}", &repository.sources, Vec::new()).is_err());
        assert!(leave_out("no", &repository.sources, Vec::new()).unwrap_err().contains("not JSON"));
    }
}
