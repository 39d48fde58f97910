//! Reads lines {"pattern", "subjects"} and writes them with the results of each version of
//! fancy_regex: E if the pattern is an error, or for each subject 0, 1, L (backtracking limit) or
//! P (panic). `go test -update` of the package around runs it.

use serde_json::{json, Value};
use std::io::{self, BufRead, Write};
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};

const BACKTRACK_LIMIT: usize = 10_000; // PostHog's

macro_rules! results {
    ($version:ident, $pattern:expr, $subjects:expr) => {
        match $version::RegexBuilder::new($pattern).backtrack_limit(BACKTRACK_LIMIT).build() {
            Err(_) => String::from("E"),
            Ok(regex) => $subjects
                .iter()
                .map(|s| match catch_unwind(AssertUnwindSafe(|| regex.find(s.as_str().unwrap()))) {
                    Ok(Ok(found)) => if found.is_some() { '1' } else { '0' },
                    Ok(Err(_)) => 'L',
                    Err(_) => 'P',
                })
                .collect(),
        }
    };
}

fn main() {
    set_hook(Box::new(|_| {}));
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let mut case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let pattern = case["pattern"].as_str().unwrap();
        let subjects = case["subjects"].as_array().unwrap();
        let results = json!([
            results!(v13, pattern, subjects),
            results!(v14, pattern, subjects),
            results!(v16, pattern, subjects),
            results!(v17, pattern, subjects),
            results!(v20, pattern, subjects),
        ]);
        case["results"] = results;
        writeln!(out, "{case}").unwrap();
    }
}
