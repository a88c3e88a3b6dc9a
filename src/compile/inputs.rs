//! Reads what a compilation needs: templates, sealed values, the sealing certificate.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::Diagnostic,
    inventory::Inventory,
    node::{Node, Part, escape},
    secrets::{Certificate, StoredSecret, check_pin, read_store},
    source::{Place, SourceId, Sources, Span},
    template::{Renders, Templates, Writer},
    world::{Error, World},
    yaml,
};

/// A file larger than this is none of ours.
const LARGEST: usize = 32 << 20;

/// What was read from the repository besides the inventory.
#[derive(Debug)]
pub struct Inputs {
    /// Every template.
    pub templates: Templates,
    /// Which text came from which of them.
    pub renders: Renders,
    /// Paths and texts of the files in `templates/`.
    pub files: BTreeMap<String, SourceId>,
    /// Those that something asked for.
    pub used: BTreeSet<String>,
    /// Sealed values.
    pub sealed: SealedStore,
    /// Files git tracks among the inputs; None outside git.
    pub tracked: Option<BTreeSet<String>>,
    /// Folders of charts in this repository that exist.
    pub charts: BTreeSet<String>,
    /// Folders of OpenTofu code that exist, or that lie where we do not look.
    pub tofu: BTreeSet<String>,
}

/// The sealed values that are committed, and the certificate they are sealed with.
#[derive(Debug, Default)]
pub struct SealedStore {
    /// By namespace and name.
    pub secrets: BTreeMap<(String, String), StoredSecret>,
    /// Stores that could not be read, by namespace and name.
    pub broken: BTreeSet<(String, String)>,
    /// The certificate, if its key is the pinned one.
    pub certificate: Option<Certificate>,
}

impl Inputs {
    /// Reads them all; unreadable texts are findings.
    pub fn read(
        world: &dyn World,
        inventory: &Inventory,
        root: &Node,
        sources: &mut Sources,
        found: &mut Vec<Diagnostic>,
    ) -> Result<Inputs, Error> {
        let mut templates = Templates::new(Writer { write: yaml::write, quoted: yaml::quoted });
        let mut files = BTreeMap::new();
        for path in world.files("templates")? {
            if let Some(source) = text(world, &path, sources, found)? {
                templates.add(&path, source, &sources.get(source).text);
                files.insert(path, source);
            }
        }
        let sealed = sealed(world, inventory, root, sources, found)?;
        let mut charts = BTreeSet::new();
        let facets = inventory
            .services
            .values()
            .flat_map(|service| std::iter::once(&service.facets).chain(service.phases.values()));
        for chart in facets.filter_map(|facets| facets.chart.as_ref()).filter_map(|chart| chart.path.as_ref()) {
            let folder = crate::facets::folder_of(chart);
            if world.read(&format!("{folder}/Chart.yaml"))?.is_some() {
                charts.insert(folder.to_owned());
            }
        }
        let mut tofu = BTreeSet::new();
        for (_, folder) in tofu_folders(inventory) {
            let is_code = |path: &String| [".tf", ".tofu", ".tf.json"].iter().any(|ending| path.ends_with(ending));
            let folder_below = crate::facets::folder_of(folder);
            // What lies above the inventory's folder is not ours to look through.
            let is_above = folder_below.split('/').any(|step| step == "..");
            if is_above || world.files(folder_below)?.iter().any(is_code) {
                tofu.insert(folder.to_owned());
            }
        }
        let tracked = world.tracked(&["inventory.toml", "templates", "secrets"])?;
        let (renders, used) = (Renders::default(), BTreeSet::new());
        Ok(Inputs { templates, renders, files, used, sealed, tracked, charts, tofu })
    }
}

impl Inputs {
    /// Moves findings from rendered texts to their templates.
    pub fn translate(&self, found: &mut [Diagnostic], sources: &Sources) {
        self.renders.translate(found, &self.templates, sources);
    }
}

/// Every folder of OpenTofu code that the inventory names, with the pointer it is named at.
pub fn tofu_folders(inventory: &Inventory) -> Vec<(String, &str)> {
    let mut folders = Vec::new();
    for (name, service) in &inventory.services {
        let at = format!("/services/{}", escape(name));
        if let Some(sso) = &service.sso {
            folders.push((format!("{at}/sso/tofu"), sso.tofu.as_str()));
        }
        let phases = service.phases.iter().map(|(phase, facets)| (format!("{at}/phases/{}", escape(phase)), facets));
        for (at, facets) in std::iter::once((at.clone(), &service.facets)).chain(phases) {
            if let Some(tofu) = &facets.tofu {
                folders.push((format!("{at}/tofu/dir"), tofu.dir.as_str()));
            }
        }
    }
    folders
}

/// Reads a text; None if there is no such file, or if it is no text, which is then a finding.
pub fn text(
    world: &dyn World,
    path: &str,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> Result<Option<SourceId>, Error> {
    let Some(bytes) = world.read(path)? else { return Ok(None) };
    let start = |sources: &mut Sources| Place { source: sources.add(path, ""), span: Span::default() };
    if bytes.len() > LARGEST {
        let place = start(sources);
        let text = format!("`{path}` is larger than {} MiB", LARGEST >> 20);
        found.push(
            Diagnostic::new(code!("file-too-large"), text).at(place, "").help("keep it outside of what gitopsc reads"),
        );
        return Ok(None);
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text };
            // A byte order mark belongs to the file, not to its text, which ends up in the middle of another file.
            let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
            Ok(Some(sources.add(path, text)))
        }
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let line = bytes[..offset].split(|byte| *byte == b'\n').count();
            let readable = String::from_utf8_lossy(&bytes[..offset]).into_owned();
            let span = Span::new(readable.len(), readable.len());
            let place = Place { source: sources.add(path, readable), span };
            found.push(
                Diagnostic::new(code!("not-utf8"), format!("`{path}` is not UTF-8 from line {line} on"))
                    .at(place, "")
                    .help("save it as UTF-8"),
            );
            Ok(None)
        }
    }
}

fn sealed(
    world: &dyn World,
    inventory: &Inventory,
    root: &Node,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> Result<SealedStore, Error> {
    let mut store = SealedStore::default();
    for path in world.files("secrets/sealed")? {
        let parts: Vec<&str> = path.split('/').collect();
        let [_, _, namespace, file] = parts.as_slice() else { continue };
        let Some(name) = file.strip_suffix(".toml") else { continue };
        let label = ((*namespace).to_owned(), name.to_owned());
        let Some(source) = text(world, &path, sources, found)? else {
            store.broken.insert(label);
            continue;
        };
        let (secret, findings) = read_store(source, &sources.get(source).text);
        found.extend(findings);
        match secret {
            Some(secret) => {
                store.secrets.insert(label, secret);
            }
            None => {
                store.broken.insert(label);
            }
        }
    }
    let Some(sealing) = &inventory.sealing else { return Ok(store) };
    let place = root.place_of("/sealing/cert", Part::Value);
    let Some(source) = text(world, &sealing.cert, sources, found)? else {
        found.push(
            Diagnostic::new(code!("certificate-missing"), format!("there is no certificate `{}`", sealing.cert))
                .at(place, "")
                .help(format!("fetch it: `kubeseal --fetch-cert > {}`", sealing.cert)),
        );
        return Ok(store);
    };
    match Certificate::read(source, &sources.get(source).text) {
        Ok(certificate) => {
            let pin = sealing.spki.as_deref().map(|pin| (pin, root.place_of("/sealing/spki", Part::Value)));
            match check_pin(&certificate, pin, root.place_of("/sealing", Part::Key)) {
                Some(finding) => found.push(finding),
                None => store.certificate = Some(certificate),
            }
        }
        Err(finding) => found.push(finding),
    }
    Ok(store)
}
