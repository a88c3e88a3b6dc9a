//! Durations as Go writes them (`1h30m`), which is how Flux reads them.

use std::time::Duration;

/// Reads a duration of hours, minutes and seconds: `90s`, `1h30m`.
pub fn parse(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b'h' => 3600,
            b'm' if rest.as_bytes().get(digits + 1) != Some(&b's') => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(Duration::from_secs(total))
}

/// Writes a duration without empty parts: `1h30m`, `20m`, `0s`.
pub fn write(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds % 3600 / 60, 'm'), (seconds % 60, 's')];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if said.is_empty() { "0s".into() } else { said.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_go_does() {
        assert_eq!(parse("1h30m").map(write).as_deref(), Some("1h30m"));
        assert_eq!(parse("90s").map(write).as_deref(), Some("1m30s"));
        assert_eq!(parse("0s").map(write).as_deref(), Some("0s"));
        for wrong in ["", "5", "m", "5x", "5 m", "-5m", "5ms", "99999999999999999999h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
