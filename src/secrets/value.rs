//! What `gitopsc seal` refuses to seal: values that are almost always a mistake of the command before the pipe.

use crate::{code, diagnostic::Diagnostic};

/// Judges a value before it is sealed: refused, accepted, or accepted with a warning. The findings never quote it.
///
/// `vault read … | jq .token` prints `null` where there is no token, and an unset variable prints nothing: sealed, either
/// looks exactly like a secret until the service that reads it fails.
pub fn check_value(value: &[u8], allow_empty: bool, allow_null: bool) -> Result<Option<Diagnostic>, Diagnostic> {
    let bare = value.trim_ascii();
    if bare.is_empty() && !allow_empty {
        let what = if value.is_empty() { "the value is empty" } else { "the value is nothing but white space" };
        return Err(Diagnostic::new(code!("value-empty"), what)
            .note("the command before the pipe failed, or a variable is not set")
            .help("if it is meant, add `--allow-empty`"));
    }
    if is_null(bare) && !allow_null {
        return Err(Diagnostic::new(code!("value-null"), "the value is a bare `null`")
            .note("this is what `jq` prints where there is no value")
            .help("use `jq -er`, which fails instead")
            .help("if it is meant, add `--allow-null`"));
    }
    Ok(ends_a_single_line(value).then(|| {
        Diagnostic::new(code!("value-newline"), "the value ends with a newline, which is sealed with it")
            .note("a password with a newline at its end is another password")
            .help("use `printf %s` in place of `echo`, or `jq -j` in place of `jq -r`")
    }))
}

/// Whether this is one of YAML's and JSON's words for nothing, in quotes or not.
fn is_null(bare: &[u8]) -> bool {
    let unquoted = match bare {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner.trim_ascii(),
        _ => bare,
    };
    [b"null".as_slice(), b"Null", b"NULL"].contains(&unquoted)
}

/// Whether this is one line with its newline. A text of several lines, such as a private key, ends with one rightly.
fn ends_a_single_line(value: &[u8]) -> bool {
    value.strip_suffix(b"\n").is_some_and(|rest| !rest.contains(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(value: &[u8]) -> &'static str {
        match check_value(value, false, false) {
            Ok(None) => "sealed",
            Ok(Some(finding)) | Err(finding) => finding.code.name(),
        }
    }

    #[test]
    fn nothing_at_all_is_refused() {
        for value in [b"".as_slice(), b"\n", b" \t\r\n"] {
            assert_eq!(verdict(value), "value-empty");
            assert!(check_value(value, true, false).is_ok());
        }
    }

    #[test]
    fn a_bare_null_is_refused_in_every_dress() {
        for value in ["null", "null\n", " null ", "\"null\"", "'null'\n", "NULL", "Null\r\n", "\" null \""] {
            assert_eq!(verdict(value.as_bytes()), "value-null", "{value:?}");
            assert!(check_value(value.as_bytes(), false, true).is_ok());
            assert!(check_value(value.as_bytes(), true, false).is_err());
        }
        for value in ["nulled", "null null", "\"null'", "nul", "\"", "''x"] {
            assert_eq!(verdict(value.as_bytes()), "sealed", "{value:?}");
        }
    }

    #[test]
    fn a_newline_after_one_line_is_a_warning_and_after_several_is_none() {
        assert_eq!(verdict(b"hunter2\n"), "value-newline");
        assert_eq!(verdict(b"hunter2\r\n"), "value-newline");
        assert_eq!(verdict(b"hunter2"), "sealed");
        assert_eq!(verdict(b"-----BEGIN-----\nAAAA\n-----END-----\n"), "sealed");
        assert_eq!(verdict(b"two\n\n"), "sealed");
        assert_eq!(verdict(&[0xff, 0x00]), "sealed");
    }
}
