//! `cert`: shows and pins the certificate that secrets are sealed with.

use toml_edit::Document;

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
    let Some(text) = with_pin(&text, certificate.spki()) else {
        return Ok(refusal(
            format!("`{path}` has no line for the digest of the certificate"),
            "add `[sealing]` with `cert = \"…\"`",
        ));
    };
    world.save(path, text.as_bytes(), Access::Shared)?;
    let was = pinned
        .map(|old| format!("it was {old}; values sealed for that key must be sealed again\n"))
        .unwrap_or_default();
    Ok(Answer { stderr: format!("pinned {} in {path}\n{was}", certificate.spki()), ..Answer::default() })
}

/// The inventory's text with this digest, every other byte as it was; nothing if it has no `[sealing]` with a `cert`.
fn with_pin(text: &str, spki: &str) -> Option<String> {
    let body = text.trim_start_matches('\u{feff}');
    let mark = text.len() - body.len();
    let document = Document::parse(body).ok()?;
    let sealing = document.get("sealing")?.as_table_like()?;
    if let Some(range) = sealing.get("spki").and_then(toml_edit::Item::span) {
        return Some(format!("{}\"{spki}\"{}", &text[..mark + range.start], &text[mark + range.end..]));
    }
    let (key, cert) = sealing.get_key_value("cert")?;
    let (key, cert) = (mark + key.span()?.start, mark + cert.span()?.end);
    let line = text[..key].rfind('\n').map_or(mark, |end| end + 1);
    let before = &text[line..key];
    // `cert` begins its line, perhaps as `sealing.cert`; otherwise it stands in `{ … }` among others.
    let is_alone = before.chars().all(|letter| letter.is_whitespace() || letter.is_alphanumeric() || letter == '.');
    if !is_alone {
        return Some(format!("{}, spki = \"{spki}\"{}", &text[..cert], &text[cert..]));
    }
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let end = text[cert..].find('\n').map_or(text.len(), |end| cert + end + 1);
    let lacks_end = if text[..end].ends_with('\n') { "" } else { line_end };
    Some(format!("{}{lacks_end}{before}spki = \"{spki}\"{line_end}{}", &text[..end], &text[end..]))
}
