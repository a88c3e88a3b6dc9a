//! Seals JSON lines `{namespace, name, scope, key, value}` (value in base64) from stdin; prints one SealedSecret a line.
//!
//! Usage: `seal_values CERTIFICATE.pem < values.jsonl`. `tests/oracle/kubeseal.py` hands the result to kubeseal.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, Write as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gitopsc::{
    secrets::{Certificate, Scope, SealLabel, SealedSecret, SealedValue, seal::OsRng, sealed_secret_object},
    source::Sources,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = env::args().nth(1).ok_or("usage: seal_values CERTIFICATE.pem")?;
    let text = fs::read_to_string(&path)?;
    let certificate = Certificate::read(Sources::default().add(path, text.clone()), &text)
        .map_err(|finding| format!("{}: {}", finding.code, finding.message))?;
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line: BTreeMap<String, String> = serde_json::from_str(&line?)?;
        let scope = Scope::find(&line["scope"]).ok_or("no such scope")?;
        let label = SealLabel::new(&line["namespace"], &line["name"], scope);
        let value = STANDARD.decode(&line["value"])?;
        let sealed = SealedValue::seal(&value, &line["key"], &label, &certificate, &mut OsRng);
        let secret = SealedSecret { values: BTreeMap::from([(line["key"].clone(), sealed)]) };
        writeln!(out, "{}", sealed_secret_object(&secret, &label, Some("Opaque")))?;
    }
    Ok(())
}
