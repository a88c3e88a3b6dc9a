//! The embedded table of kinds: which objects each Kubernetes release knows, and what their fields hold.
//!
//! `make_table.py` makes it and describes its form. Only the slices a run asks for are inflated.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::schema::{Schema, Shape};

static BYTES: &[u8] = include_bytes!("kubernetes.table");

/// The mask of kinds that belong to no Kubernetes release: custom resources of well-known projects.
const CUSTOM: u32 = u32::MAX;

/// One kind at one apiVersion.
#[derive(Debug)]
pub(super) struct Kind {
    pub namespaced: bool,
    /// For each set of releases, the definition that holds there.
    definitions: Vec<(u32, String)>,
}

impl Kind {
    /// Whether Kubernetes itself serves it, in whatever release.
    pub(super) fn is_native(&self) -> bool {
        self.definitions.iter().any(|(mask, _)| *mask != CUSTOM)
    }

    /// The releases that serve it.
    pub(super) fn mask(&self) -> u32 {
        self.definitions.iter().fold(0, |all, (mask, _)| all | mask)
    }

    pub(super) fn definition(&self, release: u32) -> Option<&str> {
        self.definitions.iter().find(|(mask, _)| mask & release != 0).map(|(_, name)| name.as_str())
    }
}

/// The table as one Kubernetes release sees it.
#[derive(Debug)]
pub(super) struct Table {
    first: u32,
    last: u32,
    /// The definition of every object's metadata.
    metadata: String,
    /// By apiVersion, then by kind.
    kinds: BTreeMap<String, BTreeMap<String, Kind>>,
    /// Where each slice lies in the asset.
    slices: Vec<&'static [u8]>,
    /// The definitions of the slices inflated so far that nobody asked for yet, still as text.
    texts: Mutex<HashMap<usize, HashMap<String, String>>>,
    read: RwLock<HashMap<String, Arc<Schema>>>,
}

impl Table {
    /// Reads the index, and nothing else.
    pub(super) fn open() -> Table {
        let (length, rest) = BYTES.split_first_chunk::<4>().expect("the table starts with a length");
        let length = u32::from_le_bytes(*length) as usize;
        let (index, body) = rest.split_at(length);
        let mut table = Table {
            first: 0,
            last: 0,
            metadata: String::new(),
            kinds: BTreeMap::new(),
            slices: Vec::new(),
            texts: Mutex::default(),
            read: RwLock::default(),
        };
        for line in inflate(index).lines() {
            table.record(line, body).expect("make_table.py writes this form, and a test reads it whole");
        }
        table
    }

    fn record(&mut self, line: &str, body: &'static [u8]) -> Option<()> {
        let mut columns = line.split('\t');
        match columns.next()? {
            "versions" => {
                self.first = columns.next()?.parse().ok()?;
                self.last = columns.next()?.parse().ok()?;
            }
            "metadata" => columns.next()?.clone_into(&mut self.metadata),
            "slice" => {
                let start: usize = columns.next()?.parse().ok()?;
                let length: usize = columns.next()?.parse().ok()?;
                self.slices.push(body.get(start..start + length)?);
            }
            _ => {
                let kinds = self.kinds.entry(columns.next()?.to_owned()).or_default();
                let name = columns.next()?.to_owned();
                let namespaced = columns.next()? == "N";
                let mask = u32::from_str_radix(columns.next()?, 16).ok()?;
                let definition = columns.next()?.to_owned();
                let kind = kinds.entry(name).or_insert_with(|| Kind { namespaced, definitions: Vec::new() });
                kind.definitions.push((mask, definition));
            }
        }
        Some(())
    }

    /// The minor releases it holds.
    pub(super) fn minors(&self) -> std::ops::RangeInclusive<u32> {
        self.first..=self.last
    }

    /// The bit of a minor release in masks.
    pub(super) fn release(&self, minor: u32) -> Option<u32> {
        self.minors().contains(&minor).then(|| 1 << (minor - self.first))
    }

    /// A kind, whichever releases have it.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.kinds.get(api_version)?.get(kind)
    }

    /// Every kind with its apiVersion.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&str, &str, &Kind)> {
        self.kinds.iter().flat_map(|(api_version, kinds)| {
            kinds.iter().map(move |(name, kind)| (api_version.as_str(), name.as_str(), kind))
        })
    }

    /// What the metadata of every object holds.
    pub(super) fn metadata(&self) -> Schema {
        Schema { shape: Shape::Reference(self.metadata.clone()), nullable: false, choices: Vec::new() }
    }

    /// The definition of this name in a release; names are what schemas refer by.
    pub(super) fn definition(&self, name: &str, release: u32) -> Option<Arc<Schema>> {
        let known = || self.read.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(schema) = known() {
            return Some(schema);
        }
        let (slice, local) = name.split_once(':')?;
        let slice: usize = slice.parse().ok()?;
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have read it meanwhile; its text is gone then.
        if let Some(schema) = known() {
            return Some(schema);
        }
        let texts = match texts.entry(slice) {
            std::collections::hash_map::Entry::Occupied(texts) => texts.into_mut(),
            std::collections::hash_map::Entry::Vacant(texts) => {
                texts.insert(definitions(&inflate(self.slices.get(slice)?), release))
            }
        };
        let schema = Arc::new(Schema::read::<serde_json::Value>(&serde_json::from_str(&texts.remove(local)?).ok()?));
        self.read.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::clone(&schema));
        Some(schema)
    }
}

fn definitions(slice: &str, release: u32) -> HashMap<String, String> {
    let mut texts = HashMap::new();
    for line in slice.lines() {
        let mut columns = line.splitn(3, '\t');
        let (Some(name), Some(mask), Some(text)) = (columns.next(), columns.next(), columns.next()) else { continue };
        if u32::from_str_radix(mask, 16).is_ok_and(|mask| mask & release != 0) {
            texts.insert(name.to_owned(), text.to_owned());
        }
    }
    texts
}

fn inflate(packed: &[u8]) -> String {
    let bytes = miniz_oxide::inflate::decompress_to_vec(packed).expect("make_table.py deflates what is embedded");
    String::from_utf8(bytes).expect("make_table.py writes text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::schema::Others;

    fn references(schema: &Schema, found: &mut Vec<String>) {
        match &schema.shape {
            Shape::Reference(name) => found.push(name.clone()),
            Shape::List(list) => references(&list.items, found),
            Shape::Map(fields) => {
                fields.known.values().for_each(|field| references(field, found));
                if let Others::Each(each) = &fields.others {
                    references(each, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_kind_of_every_release_is_complete() {
        let mut kinds = 0;
        for minor in Table::open().minors() {
            let table = Table::open();
            let release = table.release(minor).expect("a release of the table");
            let mut names: Vec<String> =
                table.kinds().filter_map(|(_, _, kind)| kind.definition(release)).map(str::to_owned).collect();
            kinds += names.len();
            let mut seen = std::collections::BTreeSet::new();
            while let Some(name) = names.pop() {
                if seen.insert(name.clone()) {
                    let schema = table.definition(&name, release).unwrap_or_else(|| panic!("{name} in 1.{minor}"));
                    references(&schema, &mut names);
                }
            }
            assert!(seen.len() > 700, "1.{minor} has {} definitions", seen.len());
        }
        assert!(kinds > 1500, "{kinds}");
    }

    #[test]
    fn the_table_is_small() {
        assert!(BYTES.len() < 300_000, "{}", BYTES.len());
    }
}
