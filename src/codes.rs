//! The table of diagnostic codes: one page in `docs/codes/` each, which is documentation, `explain` text, SARIF rule and test.

use std::fmt;

use crate::diagnostic::Severity;

/// One page of `docs/codes/`.
#[derive(Debug)]
pub struct Page {
    /// The code.
    pub name: &'static str,
    /// How bad it is unless a finding says otherwise.
    pub severity: Severity,
    /// What it says, in a sentence.
    pub summary: &'static str,
    /// The whole page, Markdown.
    pub text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/codes.rs"));

/// A code that has a page. Made by [`code!`](crate::code), which does not compile without one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(usize);

impl Code {
    /// The code of this name; panics at compile time when `docs/codes/` has no such page.
    pub const fn named(name: &str) -> Code {
        let mut index = 0;
        while index < PAGES.len() {
            if same(PAGES[index].name.as_bytes(), name.as_bytes()) {
                return Code(index);
            }
            index += 1;
        }
        panic!("this code has no page in docs/codes/")
    }

    /// The code of this name, if there is one.
    pub fn find(name: &str) -> Option<Code> {
        PAGES.iter().position(|page| page.name == name).map(Code)
    }

    /// Its page.
    pub fn page(self) -> &'static Page {
        &PAGES[self.0]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.page().name
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A diagnostic code by name: `code!("address-twice")`. Fails to compile when the code has no page.
#[macro_export]
macro_rules! code {
    ($name:literal) => {{
        const CODE: $crate::codes::Code = $crate::codes::Code::named($name);
        CODE
    }};
}
