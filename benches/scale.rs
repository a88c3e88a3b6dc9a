//! Writes a made-up repository of any size, or times its compilation in memory.
//!
//! ```text
//! cargo run --release --example scale -- write 1000 DIR
//! cargo run --release --example scale -- time 100 1000 10000
//! cargo run --release --example scale -- units 1000 DIR
//! ```
//!
//! `units` writes one without an inventory, to be checked: so many Flux Kustomizations, as people write them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it answers on a terminal")]

mod cluster;
mod repository;

use std::{
    env, fs, io,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use gitopsc::{
    compile::{Options, compile},
    report::{Report, render},
    world::MemWorld,
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["write", count, folder] => number(count).and_then(|count| write(cluster::files(count), Path::new(folder))),
        ["units", count, folder] => number(count).and_then(|count| write(repository::files(count), Path::new(folder))),
        ["time", counts @ ..] if !counts.is_empty() => {
            counts.iter().map(|count| number(count)).collect::<Result<Vec<_>, _>>().and_then(|counts| time(&counts))
        }
        _ => Err("usage: scale write COUNT DIR | scale units COUNT DIR | scale time COUNT…".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn write(files: cluster::Files, folder: &Path) -> Result<(), String> {
    let write = |path: &str, text: &str| -> io::Result<()> {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("every file lies in the folder"))?;
        fs::write(path, text)
    };
    for (path, text) in files {
        write(&path, &text).map_err(|error| format!("cannot write `{path}`: {error}"))?;
    }
    Ok(())
}

/// How often each size is compiled; the fastest counts, as everything else on the machine only ever slows it down.
const RUNS: usize = 3;

fn time(counts: &[usize]) -> Result<(), String> {
    println!("services  files read  files written  compile (ms)  per service (µs)");
    for &count in counts {
        let files = cluster::files(count);
        let read = files.len();
        let world = MemWorld::new(files.into_iter().map(|(path, text)| (path, text.into_bytes())));
        let mut fastest = Duration::MAX;
        let mut written = 0;
        for _ in 0..RUNS {
            let start = Instant::now();
            let compiled = compile(&world, &Options::default()).map_err(|error| error.to_string())?;
            fastest = fastest.min(start.elapsed());
            let Some(tree) = compiled.tree else {
                let report = Report { sources: &compiled.sources, diagnostics: &compiled.diagnostics };
                return Err(render(gitopsc::report::FORMATS[0], &report, false));
            };
            written = tree.len();
        }
        let each = fastest / u32::try_from(count.max(1)).expect("fewer services than that");
        println!(
            "{count:8}  {read:10}  {written:13}  {:12.1}  {:16.1}",
            milliseconds(fastest),
            milliseconds(each) * 1000.0
        );
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
