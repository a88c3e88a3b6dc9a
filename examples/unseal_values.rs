//! Opens JSON lines `{namespace, name, scope, sealed}` from stdin; prints the plaintext of each in base64, or `failed`.
//!
//! Usage: `unseal_values PRIVATE-KEY.pem < sealed.jsonl`. `tests/oracle/kubeseal.py` feeds it what kubeseal sealed.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, Write as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gitopsc::secrets::{Scope, SealLabel};

#[path = "../tests/common/unseal.rs"]
mod unseal;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = env::args().nth(1).ok_or("usage: unseal_values PRIVATE-KEY.pem")?;
    let key = unseal::private_key(&fs::read_to_string(path)?);
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line: BTreeMap<String, String> = serde_json::from_str(&line?)?;
        let scope = Scope::find(&line["scope"]).ok_or("no such scope")?;
        let label = SealLabel::new(&line["namespace"], &line["name"], scope);
        let opened = unseal::unseal(&line["sealed"], &label.text(), &key);
        writeln!(out, "{}", opened.map_or_else(|| "failed".to_owned(), |value| STANDARD.encode(value)))?;
    }
    Ok(())
}
