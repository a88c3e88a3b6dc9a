//! `seal`: encrypts one value with the pinned certificate and stores it with its receipt.

use zeroize::Zeroizing;

use super::{Answer, Arguments, Surroundings, arguments::Seal, compiled, refusal, report};
use crate::{
    diagnostic::{Diagnostic, nearest},
    secrets::{OsRng, SealLabel, SealedSecret, SealedValue, check_value, store_path, write_store},
    world::{Access, Error, World},
};

/// Runs `seal`.
pub fn seal(
    arguments: &Arguments,
    wanted: &Seal,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
    let compiled = compiled(arguments, world, "out")?;
    let Some(model) = &compiled.model else { return Ok(report(arguments, around, &compiled, &compiled.diagnostics)) };
    let say = |finding: Diagnostic| {
        let mut answer = report(arguments, around, &compiled, &[finding]);
        answer.exit = 1;
        answer
    };
    let Some(id) = model.plan.unit_called(&wanted.service) else {
        let known: Vec<String> = model.plan.units.iter().map(crate::plan::Unit::label).collect();
        let help = nearest(&wanted.service, known.iter().map(String::as_str));
        let help = help.map_or_else(
            || format!("add `[services.{}]` to the inventory first", wanted.service),
            |near| format!("did you mean `{near}`?"),
        );
        return Ok(refusal(format!("there is no service `{}`", wanted.service), help));
    };
    let unit = &model.plan.units[id];
    let Some(secret) = unit.facets.secrets.get(&wanted.secret) else {
        let near = nearest(&wanted.secret, unit.facets.secrets.keys().map(String::as_str));
        let help = near.map_or_else(
            || {
                format!(
                    "declare it in [{}]: `secrets = {{ {} = {{ sealed = [\"{}\"] }} }}`",
                    unit.title(),
                    wanted.secret,
                    wanted.key
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        return Ok(refusal(format!("[{}] has no Secret `{}`", unit.title(), wanted.secret), help));
    };
    if !secret.sealed.contains(&wanted.key) {
        let near = nearest(&wanted.key, secret.sealed.iter().map(String::as_str));
        let help = near.map_or_else(
            || {
                format!(
                    "add it: `sealed = [… \"{}\"]` under `secrets.{}` of [{}]",
                    wanted.key,
                    wanted.secret,
                    unit.title()
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        return Ok(refusal(format!("Secret `{}` has no sealed key `{}`", wanted.secret, wanted.key), help));
    }
    let Some(certificate) = &model.inputs.sealed.certificate else {
        // Why there is none is among the findings, unless the inventory has no [sealing] at all.
        let about: Vec<Diagnostic> = compiled
            .diagnostics
            .iter()
            .filter(|finding| finding.code.name().starts_with("certificate-"))
            .cloned()
            .collect();
        if about.is_empty() {
            return Ok(refusal(
                "the inventory names no sealing certificate",
                "add `[sealing]` with `cert = \"…\"`, then `gitopsc cert pin`",
            ));
        }
        let mut answer = report(arguments, around, &compiled, &about);
        answer.exit = 1;
        return Ok(answer);
    };
    if let Some(expired) = certificate.refuse_expired(around.now) {
        return Ok(say(expired));
    }
    let store = (unit.namespace.clone(), wanted.secret.clone());
    let path = store_path(&unit.namespace, &wanted.secret);
    let stored = model.inputs.sealed.secrets.get(&store);
    let damaged = model.inputs.sealed.broken.contains(&store)
        || stored.is_some_and(|stored| stored.refused.iter().any(|key| *key != wanted.key));
    if damaged {
        return Ok(refusal(
            format!("`{path}` is damaged, and writing it would lose what cannot be read"),
            "restore it from git, or remove it and seal all its keys anew; `gitopsc check` says what is wrong",
        ));
    }
    let value = match read(wanted, world, around)? {
        Ok(value) => value,
        Err(answer) => return Ok(answer),
    };
    let warning = match check_value(&value, wanted.allow_empty, wanted.allow_null) {
        Ok(warning) => warning,
        Err(refused) => return Ok(say(refused)),
    };
    let label = SealLabel::new(&unit.namespace, &wanted.secret, secret.scope);
    let sealed = SealedValue::seal(&value, &wanted.key, &label, certificate, &mut OsRng);
    drop(value);
    let mut all = stored.map_or_else(SealedSecret::default, super::super::secrets::store::StoredSecret::sealed);
    all.values.insert(wanted.key.clone(), sealed);
    world.save(&path, write_store(&all, &unit.namespace, &wanted.secret).as_bytes(), Access::Shared)?;
    let mut answer = warning.map(|warning| report(arguments, around, &compiled, &[warning])).unwrap_or_default();
    answer.exit = 0;
    answer.stderr.push_str(&format!(
        "sealed `{}` of Secret {}/{} ({}) with the certificate {}\nwrote {path}; `gitopsc build` puts it into out/\n",
        wanted.key,
        unit.namespace,
        wanted.secret,
        secret.scope,
        certificate.spki(),
    ));
    Ok(answer)
}

type Value = Zeroizing<Vec<u8>>;

/// The value, from the file or standard input; never from the command line, where every process could read it.
fn read(wanted: &Seal, world: &dyn World, around: &Surroundings<'_>) -> Result<Result<Value, Answer>, Error> {
    if let Some(path) = &wanted.from_file {
        return Ok(match world.read(path)? {
            Some(bytes) => Ok(Zeroizing::new(bytes)),
            None => Err(refusal(
                format!("there is no file `{path}`"),
                "the path is seen from the inventory's folder, or absolute",
            )),
        });
    }
    if around.stdin_is_terminal {
        return Ok(Err(refusal(
            "the value is read from standard input, and that is a terminal",
            format!(
                "printf %s \"$VALUE\" | gitopsc seal {} {} {}; or use --from-file",
                wanted.service, wanted.secret, wanted.key
            ),
        )));
    }
    match (around.stdin)() {
        Ok(bytes) => Ok(Ok(Zeroizing::new(bytes))),
        Err(error) => Err(Error::io("read", "standard input", &error)),
    }
}
