//! `talos`: full machine configurations, for the one moment they are applied.

use zeroize::Zeroizing;

use super::{Answer, Arguments, Surroundings, arguments::Talos, compiled, refusal, report};
use crate::{
    compile::{Compiled, Model},
    delivery::talos::Configured,
    diagnostic::{Diagnostic, Severity, nearest},
    report::{Report, render},
    source::Sources,
    talos::{Bundle, NodeSecrets, Secrets, decrypt_age, generate},
    world::{Access, Error, World},
    yaml,
};

/// Runs `talos`.
pub fn talos(
    arguments: &Arguments,
    what: &Talos,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
    let compiled = compiled(arguments, world, "out")?;
    let Some(model) = &compiled.model else { return Ok(report(arguments, around, &compiled, &compiled.diagnostics)) };
    let node = match what {
        Talos::Config { node, .. } | Talos::Schematic { node } => node,
    };
    let Some(configured) = model.talos.get(node) else { return Ok(unknown(arguments, around, &compiled, model, node)) };
    match what {
        Talos::Schematic { .. } => Ok(Answer {
            stdout: configured.schematic.canonical(),
            stderr: format!("{}\n", configured.schematic.id()),
            exit: 0,
        }),
        Talos::Config { .. } => {
            let errors: Vec<Diagnostic> =
                compiled.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect();
            if !errors.is_empty() {
                return Ok(report(arguments, around, &compiled, &errors));
            }
            config(arguments, what, world, around, configured)
        }
    }
}

fn unknown(arguments: &Arguments, around: &Surroundings<'_>, compiled: &Compiled, model: &Model, node: &str) -> Answer {
    if !compiled.is_sound() {
        return report(arguments, around, compiled, &compiled.diagnostics);
    }
    match nearest(node, model.talos.keys().map(String::as_str)) {
        Some(near) => refusal(format!("there is no node `{node}`"), format!("did you mean `{near}`?")),
        None => refusal(
            format!("there is no Talos node `{node}`"),
            "nodes are the keys of `[nodes]`, and `[versions] talos` is set",
        ),
    }
}

fn config(
    arguments: &Arguments,
    what: &Talos,
    world: &dyn World,
    around: &Surroundings<'_>,
    configured: &Configured,
) -> Result<Answer, Error> {
    let Talos::Config { node, secrets, node_secrets, identity, output } = what else { return Ok(Answer::default()) };
    let mut files = SecretFiles { world, around, identity: identity.as_deref(), sources: Sources::default() };
    let findings = |sources: &Sources, found: &[Diagnostic]| {
        let text = render(arguments.format, &Report { sources, diagnostics: found }, around.color);
        let mut answer = Answer { exit: 1, ..Answer::default() };
        if arguments.format.stdout {
            answer.stdout = text;
        } else {
            answer.stderr = text;
        }
        answer
    };
    let bundle = match files.document(secrets)? {
        Ok(root) => match Bundle::from_node(&root) {
            Ok(bundle) => bundle,
            Err(found) => return Ok(findings(&files.sources, &found)),
        },
        Err(Refused::Findings(found)) => return Ok(findings(&files.sources, &found)),
        Err(Refused::Answer(answer)) => return Ok(answer),
    };
    let own = match node_secrets.as_deref().map(|path| files.document(path)).transpose()? {
        None => NodeSecrets::default(),
        Some(Ok(root)) => NodeSecrets::from_node(&root, node),
        Some(Err(Refused::Findings(found))) => return Ok(findings(&files.sources, &found)),
        Some(Err(Refused::Answer(answer))) => return Ok(answer),
    };
    let documents = match generate(&configured.machine, Secrets::Values { bundle: &bundle, node: &own }) {
        Ok(documents) => documents,
        Err(found) => return Ok(findings(&files.sources, &found)),
    };
    let text = Zeroizing::new(documents.iter().map(yaml::write).collect::<Vec<_>>().join("---\n"));
    let Some(path) = output else { return Ok(Answer { stdout: text.to_string(), ..Answer::default() }) };
    world.save(path, text.as_bytes(), Access::Private)?;
    Ok(Answer {
        stderr: format!("wrote {path}, readable by you alone: it holds the cluster's secrets\n"),
        ..Answer::default()
    })
}

/// Reads files of secrets. What they say never reaches a message: findings name the file, and quote nothing of it.
struct SecretFiles<'f> {
    world: &'f dyn World,
    around: &'f Surroundings<'f>,
    identity: Option<&'f str>,
    sources: Sources,
}

enum Refused {
    Findings(Vec<Diagnostic>),
    Answer(Answer),
}

impl SecretFiles<'_> {
    fn document(&mut self, path: &str) -> Result<Result<crate::node::Node, Refused>, Error> {
        let Some(bytes) = self.world.read(path)? else {
            return Ok(Err(Refused::Answer(refusal(
                format!("there is no file `{path}`"),
                "the path is seen from the inventory's folder, or absolute",
            ))));
        };
        let mut bytes = Zeroizing::new(bytes);
        if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
            let identities = match self.identities()? {
                Ok(identities) => identities,
                Err(refused) => return Ok(Err(Refused::Answer(refused))),
            };
            bytes = match decrypt_age(&bytes, &identities) {
                Ok(plain) => plain,
                Err(finding) => return Ok(Err(Refused::Findings(vec![finding]))),
            };
        }
        // The text goes to the parser alone; what is kept for reports is empty, so that nothing of it can be shown.
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Ok(Err(Refused::Answer(refusal(
                format!("`{path}` is not text"),
                "use the YAML file `talosctl gen secrets` wrote",
            ))));
        };
        let source = self.sources.add(path, "");
        let reading = yaml::read(source, text);
        if !reading.diagnostics.is_empty() {
            return Ok(Err(Refused::Answer(refusal(
                format!("`{path}` is not YAML"),
                "its text is not shown, because it holds secrets",
            ))));
        }
        match reading.documents.into_iter().next() {
            Some(document) => Ok(Ok(document.root)),
            None => Ok(Err(Refused::Answer(refusal(
                format!("`{path}` is empty"),
                "use the file `talosctl gen secrets` wrote",
            )))),
        }
    }

    fn identities(&self) -> Result<Result<Zeroizing<String>, Answer>, Error> {
        let variable = self.around.variable;
        let Some(path) = self.identity.map(str::to_owned).or_else(|| variable("SOPS_AGE_KEY_FILE")) else {
            return Ok(variable("SOPS_AGE_KEY").map(Zeroizing::new).ok_or_else(|| {
                refusal(
                    "the file of secrets is encrypted with age, and there is no identity to decrypt it",
                    "name a file with `--identity`, or set SOPS_AGE_KEY_FILE or SOPS_AGE_KEY",
                )
            }));
        };
        let Some(bytes) = self.world.read(&path)? else {
            return Ok(Err(refusal(
                format!("there is no file `{path}`, which is to hold the age identities"),
                "`--identity` and SOPS_AGE_KEY_FILE name a file as `age-keygen` writes it",
            )));
        };
        Ok(String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            refusal(format!("`{path}` is not text"), "use a file as `age-keygen` writes it")
        }))
    }
}
