//! Builds kustomizations with our engine, for `tests/oracle/kustomize.py`.
//!
//! Reads trees, one a line (its root, a tab, and the folder in it), and answers each with a line of JSON:
//! `{"objects": […]}`, `{"fails": "why"}`, `{"refused": "what"}` or `{"panics": true}`.

#![expect(clippy::print_stdout, reason = "its answers")]

use std::{
    error::Error,
    io::{self, BufRead, Write},
    panic::{self, AssertUnwindSafe},
};

use gitopsc::{
    kustomize::{self, Stop},
    repository::Repository,
    world::OsWorld,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (root, folder) = line.split_once('\t').ok_or("a line is a root, a tab and a folder")?;
        let answer = panic::catch_unwind(AssertUnwindSafe(|| built(root, folder)));
        println!("{}", answer.unwrap_or_else(|_| Ok(json!({"panics": true})))?);
        io::stdout().flush()?;
    }
    Ok(())
}

fn built(root: &str, folder: &str) -> Result<Value, gitopsc::world::Error> {
    let repository = Repository::read(&OsWorld::new(root))?;
    Ok(match kustomize::build(&repository, folder, None).result {
        Ok(resources) => json!({"objects": resources.iter().map(|it| it.object.to_json()).collect::<Vec<_>>()}),
        Err(Stop::Fails(diagnostic)) => json!({"fails": diagnostic.message}),
        Err(Stop::Refused(refusal)) => json!({"refused": refusal.what}),
    })
}
