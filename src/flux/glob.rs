//! The patterns of `${name#pattern}` and its kin: `*`, `?`, `[a-z]`, `[^a-z]` and `\`, over bytes.
//!
//! As kustomize-controller matches them; a `*` runs over `/` too, and a pattern that is none leaves the value as it is.

/// A pattern that is none.
struct BadPattern;

type Result<T> = std::result::Result<T, BadPattern>;

/// The first character of a text with its bytes; U+FFFD and one byte where there is none, as Go says it.
pub(super) fn decode(text: &[u8]) -> (char, usize) {
    let whole = |length: usize| std::str::from_utf8(text.get(..length)?).ok()?.chars().next();
    (1..=4).find_map(|length| whole(length).map(|found| (found, length))).unwrap_or((char::REPLACEMENT_CHARACTER, 1))
}

/// A text from its last character to its first.
pub(super) fn reversed(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text).chars().rev().collect::<String>().into_bytes()
}

/// A value without the shortest beginning that a pattern matches.
pub(super) fn without_shortest(value: &[u8], pattern: &[u8]) -> Vec<u8> {
    let mut shortest = 0;
    for length in (1..=value.len()).rev() {
        match matches(pattern, &value[..length]) {
            Err(BadPattern) => return value.to_vec(),
            Ok(true) => shortest = length,
            Ok(false) => {}
        }
    }
    value[shortest..].to_vec()
}

/// A value without the longest beginning that a pattern matches.
pub(super) fn without_longest(value: &[u8], pattern: &[u8]) -> Vec<u8> {
    for length in (1..=value.len()).rev() {
        match matches(pattern, &value[..length]) {
            Err(BadPattern) => break,
            Ok(true) => return value[length..].to_vec(),
            Ok(false) => {}
        }
    }
    value.to_vec()
}

fn matches(mut pattern: &[u8], mut text: &[u8]) -> Result<bool> {
    'chunks: while !pattern.is_empty() {
        let (star, chunk, rest) = chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(true);
        }
        if let Some(tail) = matched(chunk, text)?.filter(|tail| tail.is_empty() || !pattern.is_empty()) {
            text = tail;
            continue;
        }
        if star {
            for start in 1..=text.len() {
                let Some(tail) = matched(chunk, &text[start..])? else { continue };
                if pattern.is_empty() && !tail.is_empty() {
                    continue;
                }
                text = tail;
                continue 'chunks;
            }
        }
        return Ok(false);
    }
    Ok(text.is_empty())
}

/// Whether stars come first, what then comes up to the next star, and the rest.
fn chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
    let pattern = &pattern[stars..];
    let mut in_range = false;
    let mut end = 0;
    while end < pattern.len() {
        match pattern[end] {
            b'\\' if end + 1 < pattern.len() => end += 1,
            b'[' => in_range = true,
            b']' => in_range = false,
            b'*' if !in_range => break,
            _ => {}
        }
        end += 1;
    }
    (stars > 0, &pattern[..end], &pattern[end..])
}

/// What is left of a text whose beginning a chunk matches.
fn matched<'t>(mut chunk: &[u8], mut text: &'t [u8]) -> Result<Option<&'t [u8]>> {
    while let Some(&first) = chunk.first() {
        if text.is_empty() {
            return Ok(None);
        }
        match first {
            b'[' => {
                let (character, width) = decode(text);
                text = &text[width..];
                let (found, rest) = in_class(&chunk[1..], character)?;
                chunk = rest;
                if !found {
                    return Ok(None);
                }
                continue;
            }
            b'?' => text = &text[decode(text).1..],
            b'\\' => {
                chunk = &chunk[1..];
                match chunk.first() {
                    None => return Err(BadPattern),
                    Some(byte) if *byte != text[0] => return Ok(None),
                    Some(_) => text = &text[1..],
                }
            }
            byte if byte != text[0] => return Ok(None),
            _ => text = &text[1..],
        }
        chunk = &chunk[1..];
    }
    Ok(Some(text))
}

/// Whether a class, from behind its `[`, holds a character, and what follows its `]`.
fn in_class(mut chunk: &[u8], character: char) -> Result<(bool, &[u8])> {
    let negated = chunk.first() == Some(&b'^');
    if negated {
        chunk = &chunk[1..];
    }
    let mut found = false;
    let mut ranges = 0;
    loop {
        if chunk.first() == Some(&b']') && ranges > 0 {
            return Ok((found != negated, &chunk[1..]));
        }
        let (low, rest) = border(chunk)?;
        chunk = rest;
        let mut high = low;
        if chunk[0] == b'-' {
            (high, chunk) = border(&chunk[1..])?;
        }
        found |= low <= character && character <= high;
        ranges += 1;
    }
}

/// A character of a class, and what follows it, which is never nothing.
fn border(chunk: &[u8]) -> Result<(char, &[u8])> {
    let chunk = match chunk.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => &chunk[1..],
        Some(_) => chunk,
    };
    if chunk.is_empty() {
        return Err(BadPattern);
    }
    let (character, width) = decode(chunk);
    let broken = character == char::REPLACEMENT_CHARACTER && width == 1;
    let rest = &chunk[width..];
    if broken || rest.is_empty() { Err(BadPattern) } else { Ok((character, rest)) }
}
