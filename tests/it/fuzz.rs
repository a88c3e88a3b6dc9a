//! Laws over damaged repositories: never a panic, never a hang, the same answer twice, and an order of tables that means nothing.
//!
//! The seeds are the worked example's own files. `PROPTEST_CASES=5000 cargo test --test it fuzz` looks longer; the fuzzers in
//! `fuzz/` look without end.

use std::{
    fs,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    compile::{Options, compile},
    report::FORMATS,
    world::MemWorld,
};
use proptest::{prelude::*, sample::Index};

type Files = Vec<(String, Vec<u8>)>;

/// The inputs of the worked example, the inventory first.
static EXAMPLE: LazyLock<Files> = LazyLock::new(|| {
    let mut files = Vec::new();
    for part in ["inventory.toml", "templates", "secrets", "certs", "charts", "terraform"] {
        collect(Path::new(env!("CARGO_MANIFEST_DIR")), part, &mut files);
    }
    files
});

fn collect(root: &Path, path: &str, files: &mut Files) {
    let at = root.join(path);
    if at.is_file() {
        files.push((path.to_owned(), fs::read(&at).unwrap()));
        return;
    }
    let mut names: Vec<String> =
        fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        collect(root, &format!("{path}/{name}"), files);
    }
}

/// Pieces that mean something to one of the languages, and so lead further in than noise does.
const PIECES: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "=",
    ".",
    ",",
    "\n",
    "\r\n",
    "\t",
    "#",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: *a\n",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "!!binary ",
    "? ",
    "{{ ",
    " }}",
    "{% for x in range(100000) %}",
    "{% endfor %}",
    "{% include \"parts/x\" %}",
    "{{ service.name }}",
    "{{ nodes | items }}",
    "null",
    "true",
    "~",
    "0",
    "-1",
    "1e999",
    "9223372036854775808",
    "nan",
    "inf",
    "1979-05-27",
    "0x",
    "\u{feff}",
    "\u{0}",
    "\u{2028}",
    "é",
    "🦀",
    "${VAR}",
    "/",
    "~1",
    "..",
    "10.2.3.1",
    "10.2.0.0/99",
    "::/0",
    "10.2.3.9-10.2.3.1",
    "0.0.0.0-255.255.255.255",
    "depends = [\"vault\"]\n",
    "[services.x]\n",
    "phases.x = {}\n",
    "pool = \"x\"\n",
    "host = \"@\"\n",
    "kind: List\nitems: [1]\n",
    "$patch: delete\n",
    "apiVersion: v1\nkind: Secret\n",
];

/// One piece of damage to one file.
#[derive(Clone, Debug)]
enum Damage {
    Insert(Index, Index),
    Remove(Index, usize),
    Repeat(Index, usize),
    Byte(Index, u8),
    SwapLines(Index, Index),
    RemoveLine(Index),
    Truncate(Index),
    Copy(Index),
    Delete,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => any::<(Index, Index)>().prop_map(|(at, piece)| Damage::Insert(at, piece)),
        3 => (any::<Index>(), 1..40usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        2 => (any::<Index>(), 1..200usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        2 => any::<(Index, u8)>().prop_map(|(at, byte)| Damage::Byte(at, byte)),
        2 => any::<(Index, Index)>().prop_map(|(one, other)| Damage::SwapLines(one, other)),
        3 => any::<Index>().prop_map(Damage::RemoveLine),
        1 => any::<Index>().prop_map(Damage::Truncate),
        1 => any::<Index>().prop_map(Damage::Copy),
        1 => Just(Damage::Delete),
    ]
}

fn apply(files: &mut Files, file: Option<Index>, damage: &Damage) {
    if files.is_empty() {
        return;
    }
    // Half of the damage is to the inventory, on which everything else depends.
    let file = file.map_or(0, |index| index.index(files.len()));
    let copied = match damage {
        Damage::Copy(from) => files[from.index(files.len())].1.clone(),
        _ => Vec::new(),
    };
    let bytes = &mut files[file].1;
    let at = |index: &Index, bytes: &Vec<u8>| index.index(bytes.len() + 1);
    let lines = |bytes: &Vec<u8>| bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    match damage {
        Damage::Insert(place, piece) => {
            let place = at(place, bytes);
            bytes.splice(place..place, PIECES[piece.index(PIECES.len())].bytes());
        }
        Damage::Remove(place, length) => {
            let start = at(place, bytes);
            bytes.drain(start..(start + length).min(bytes.len()));
        }
        Damage::Repeat(place, length) => {
            let start = at(place, bytes);
            let part = bytes[start..(start + length).min(bytes.len())].to_vec();
            bytes.splice(start..start, part);
        }
        Damage::Byte(place, byte) => {
            let place = at(place, bytes);
            if let Some(old) = bytes.get_mut(place) {
                *old = *byte;
            }
        }
        Damage::SwapLines(one, other) if !bytes.is_empty() => {
            let mut all = lines(bytes);
            let (one, other) = (one.index(all.len()), other.index(all.len()));
            all.swap(one, other);
            *bytes = all.concat();
        }
        Damage::RemoveLine(line) if !bytes.is_empty() => {
            let mut all = lines(bytes);
            all.remove(line.index(all.len()));
            *bytes = all.concat();
        }
        Damage::SwapLines(..) | Damage::RemoveLine(_) => {}
        Damage::Truncate(place) => bytes.truncate(place.index(bytes.len() + 1)),
        Damage::Copy(_) => *bytes = copied,
        Damage::Delete => {
            files.remove(file);
        }
    }
}

fn build(world: &MemWorld, format: &str) -> Answer {
    let arguments = ["gitopsc", "--format", format, "build"];
    let arguments = <Arguments as clap::Parser>::parse_from(arguments);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, world, &around)
}

/// An unoptimised build is some thirty times slower than what is released.
const LONG: Duration = Duration::from_secs(20);

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_damaged_repository_gets_the_same_sound_answer_twice(
        damages in prop::collection::vec((prop::option::of(any::<Index>()), damage()), 1..6),
        format in any::<Index>(),
    ) {
        let mut files = EXAMPLE.clone();
        for (file, damage) in &damages {
            apply(&mut files, *file, damage);
        }
        let format = FORMATS[format.index(FORMATS.len())].name;
        let start = Instant::now();
        let world = MemWorld::new(files.clone());
        let answer = build(&world, format);
        prop_assert!(start.elapsed() < LONG, "took {:?}", start.elapsed());
        let again = MemWorld::new(files.clone());
        let answer_again = build(&again, format);
        prop_assert_eq!(&answer.stdout, &answer_again.stdout);
        prop_assert_eq!(&answer.stderr, &answer_again.stderr);
        prop_assert_eq!(world.snapshot(), again.snapshot());
        let written = world.snapshot().keys().any(|path| path.starts_with("out/"));
        prop_assert_eq!(answer.exit == 0, written, "{}", answer.stderr);
        prop_assert!(answer.exit != 0 || world.snapshot().len() > files.len());
    }

    #[test]
    fn the_order_of_tables_means_nothing(tables in Just(tables()).prop_shuffle()) {
        let first = String::from_utf8(EXAMPLE[0].1.clone()).unwrap();
        let head = &first[..=first.find("\n[").unwrap()];
        let mut files = EXAMPLE.clone();
        files[0].1 = format!("{head}{}", tables.concat()).into_bytes();
        let tree = |files: Files| compile(&MemWorld::new(files), &Options::default()).unwrap().tree;
        let expected = tree(EXAMPLE.clone());
        prop_assert!(expected.is_some());
        prop_assert!(tree(files) == expected);
    }
}

/// The tables of the worked example's inventory, each with its heading.
fn tables() -> Vec<String> {
    let text = std::str::from_utf8(&EXAMPLE[0].1).unwrap();
    text.split("\n[").skip(1).map(|table| format!("[{table}\n")).collect()
}
