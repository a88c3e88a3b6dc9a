//! Reads each JSON string of stdin (one a line) as a YAML text and prints what it holds as one line of JSON, for the
//! differential tests: `{"documents": […], "ambiguous": ["text", …], "codes": ["code", …]}`.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::io::{self, BufRead as _};

use gitopsc::{source::Sources, yaml};
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let source = Sources::default().add("stdin", "");
    for line in io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let reading = yaml::read(source, &text);
        let documents: Vec<Value> = reading.documents.iter().map(|document| document.root.to_json()).collect();
        let ambiguous: Vec<&str> = reading
            .documents
            .iter()
            .flat_map(|document| &document.ambiguous)
            .map(|found| found.text.as_str())
            .collect();
        let codes: Vec<&str> = reading.diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect();
        println!("{}", json!({"documents": documents, "ambiguous": ambiguous, "codes": codes}));
    }
    Ok(())
}
