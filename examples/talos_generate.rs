//! Answers the cases of tests/oracle/talos with our code and compares with the official answers.
//!
//! `talos_generate CASES ANSWERS [BUNDLE]`: JSON lines of cases, JSON lines of the official library's answers, and the
//! secrets bundle as JSON. Prints what differs and one closing line.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example run by a test script")]

#[path = "../tests/it/talos_case.rs"]
mod talos_case;

use std::{env, fs, process::ExitCode};

use serde_json::Value;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let lines = |path: &str| -> Vec<Value> {
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let bundle = arguments.get(2).map(|path| lines(path).remove(0));
    let (cases, answers) = (lines(&arguments[0]), lines(&arguments[1]));
    assert_eq!(cases.len(), answers.len(), "an answer for every case");
    let mut failed = 0;
    for (case, official) in cases.iter().zip(&answers) {
        let ours = talos_case::answer(case, bundle.as_ref());
        if !talos_case::agrees(&ours, official) {
            failed += 1;
            println!("{} differs", case["name"]);
            match (&ours, official.get("error")) {
                (Ok(ours), None) => show("", &Value::Array(ours.clone()), &official["documents"]),
                (Err(ours), _) => println!("  only ours refuses: {ours:?}"),
                (Ok(_), Some(error)) => println!("  only theirs refuses: {error}"),
            }
        }
    }
    println!("{} passed, {failed} failed", cases.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn show(path: &str, ours: &Value, official: &Value) {
    if talos_case::same(ours, official) {
        return;
    }
    match (ours, official) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            for key in keys {
                show(&format!("{path}/{key}"), &ours[key], &official[key]);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                show(&format!("{path}/{index}"), left, right);
            }
        }
        _ => println!("  {path}: ours {ours}, theirs {official}"),
    }
}
