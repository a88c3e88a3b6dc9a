//! `cert`: shows and pins the certificate that secrets are sealed with.

use toml_edit::{DocumentMut, value};

use super::{Answer, Arguments, Surroundings, arguments::Cert, compiled, refusal, report};
use crate::{
    secrets::Certificate,
    source::Sources,
    world::{Access, Error, World},
};

/// Runs `cert`.
pub fn cert(arguments: &Arguments, what: &Cert, world: &dyn World, around: &Surroundings<'_>) -> Result<Answer, Error> {
    let compiled = compiled(arguments, world, "out")?;
    let Some(model) = &compiled.model else { return Ok(report(arguments, around, &compiled, &compiled.diagnostics)) };
    let Some(sealing) = &model.inventory.sealing else {
        return Ok(refusal(
            "the inventory names no sealing certificate",
            "add `[sealing]` with `cert = \"certs/sealed-secrets.pem\"`",
        ));
    };
    let Some(bytes) = world.read(&sealing.cert)? else {
        return Ok(refusal(
            format!("there is no certificate `{}`", sealing.cert),
            format!("fetch it: kubeseal --fetch-cert > {}", sealing.cert),
        ));
    };
    let mut sources = Sources::default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let source = sources.add(sealing.cert.clone(), text.clone());
    let certificate = match Certificate::read(source, &text) {
        Ok(certificate) => certificate,
        Err(finding) => {
            let report = crate::report::Report { sources: &sources, diagnostics: &[finding] };
            let text = crate::report::render(arguments.format, &report, around.color);
            return Ok(Answer { stderr: text, exit: 1, ..Answer::default() });
        }
    };
    match what {
        Cert::Show => Ok(show(&sealing.cert, &certificate, sealing.spki.as_deref())),
        Cert::Pin => pin(arguments, world, &certificate, sealing.spki.as_deref()),
    }
}

fn show(path: &str, certificate: &Certificate, pinned: Option<&str>) -> Answer {
    let pinned = match pinned {
        Some(pin) if pin == certificate.spki() => "yes",
        Some(_) => "no, the inventory pins another key",
        None => "no",
    };
    let stdout = format!(
        "file        {path}\nsubject     {}\nserial      {}\nkey         RSA {} bits\nvalid from  {}\nvalid to    {}\nspki        {}\npinned      {pinned}\n",
        certificate.subject(),
        certificate.serial(),
        certificate.bits(),
        certificate.not_before().text,
        certificate.not_after().text,
        certificate.spki(),
    );
    Answer { stdout, ..Answer::default() }
}

/// Writes the digest into the inventory and leaves every other byte as it is.
fn pin(
    arguments: &Arguments,
    world: &dyn World,
    certificate: &Certificate,
    pinned: Option<&str>,
) -> Result<Answer, Error> {
    if pinned == Some(certificate.spki()) {
        return Ok(Answer { stderr: format!("{} is pinned already\n", certificate.spki()), ..Answer::default() });
    }
    let path = &arguments.inventory;
    let bytes = world.read(path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Ok(refusal(format!("`{path}` is not TOML"), "`gitopsc check` says where"));
    };
    let Some(sealing) = document.get_mut("sealing").and_then(toml_edit::Item::as_table_like_mut) else {
        return Ok(refusal(format!("`{path}` has no table `[sealing]`"), "add it with `cert = \"…\"`"));
    };
    let mut digest = value(certificate.spki());
    if let (Some(new), Some(old)) = (digest.as_value_mut(), sealing.get("spki").and_then(toml_edit::Item::as_value)) {
        *new.decor_mut() = old.decor().clone();
    }
    sealing.insert("spki", digest);
    world.save(path, document.to_string().as_bytes(), Access::Shared)?;
    let was = pinned
        .map(|old| format!("it was {old}; values sealed for that key must be sealed again\n"))
        .unwrap_or_default();
    Ok(Answer { stderr: format!("pinned {} in {path}\n{was}", certificate.spki()), ..Answer::default() })
}
