//! Writes each JSON value of stdin (one a line) as a YAML document, for the differential tests.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::io::{self, BufRead as _};

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let value: serde_json::Value = serde_json::from_str(&line?)?;
        print!("---\n{}", gitopsc::yaml::write(&value));
    }
    Ok(())
}
