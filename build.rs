//! Makes the table of diagnostic codes from the pages in `docs/codes/`.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let folder = Path::new(&root).join("docs/codes");
    println!("cargo::rerun-if-changed=docs/codes");
    let mut pages: Vec<(String, String, String)> = Vec::new();
    for entry in fs::read_dir(&folder).expect("docs/codes exists") {
        let path = entry.expect("docs/codes is readable").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        if name == "README" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("pages are UTF-8");
        let mut lines = text.lines().filter(|line| !line.is_empty());
        assert_eq!(lines.next(), Some(format!("# {name}").as_str()), "{name}.md starts with its code");
        let (severity, summary) = lines
            .next()
            .and_then(|line| line.split_once(" · "))
            .unwrap_or_else(|| panic!("{name}.md: the second line is `error · what the code says in one sentence`"));
        let severity = match severity {
            "error" => "Error",
            "warning" => "Warning",
            "note" => "Note",
            other => panic!("{name}.md: `{other}` is not error, warning or note"),
        };
        pages.push((name, severity.to_owned(), summary.to_owned()));
    }
    pages.sort();
    let mut table = String::from("/// Every code, in alphabetical order.\npub static PAGES: &[Page] = &[\n");
    for (name, severity, summary) in &pages {
        let page = folder.join(format!("{name}.md")).display().to_string();
        writeln!(
            table,
            "    Page {{ name: {name:?}, severity: Severity::{severity}, summary: {summary:?}, text: include_str!({page:?}) }},"
        )
        .expect("writing to a string");
    }
    table.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("codes.rs");
    fs::write(out, table).expect("OUT_DIR is writable");
}
