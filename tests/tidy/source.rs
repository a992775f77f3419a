//! Reading Rust just well enough: comments and texts blanked out, tests cut off.

/// The code alone: comments and the insides of texts become blanks, lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = hidden(rest);
        if length == 0 {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// Bytes of the comment, text or letter that begins here.
fn hidden(rest: &str) -> usize {
    let until = |start: usize, end: &str| {
        rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    if rest.starts_with('"') {
        return text_length(rest);
    }
    if let Some(raw) = rest.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(hashes + 2, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    // A letter, and not a lifetime.
    let mut letters = rest.char_indices().skip(1);
    match (rest.starts_with('\''), letters.next(), letters.next()) {
        (true, Some((_, '\\')), Some(_)) => until(3, "'"),
        (true, Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

fn text_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    rest.len()
}

/// Whether a file is all tests.
pub(crate) fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The code without its tests, which stand last in a file.
pub(crate) fn code_proper(path: &str, text: &str) -> String {
    if is_test(path) {
        return String::new();
    }
    let code = code(text);
    let tests = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..tests].to_owned()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Places where `wanted` stands as a word of its own.
pub(crate) fn words<'a>(code: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(wanted).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + wanted.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The word that begins here.
pub(crate) fn word_at(code: &str) -> &str {
    &code[..code.find(|c| !is_word(c)).unwrap_or(code.len())]
}

/// The line of a place, counted from one.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[test]
fn what_is_no_code_is_blanked_and_the_rest_stays() {
    let text =
        "let a = \"b\\\"c // d\"; // e\nlet f: &'g str = r#\"h\"i\"#; /* j\nk */ 'l' '\\n' m";
    let code = code(text);
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    let left: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(left, ["let", "a", "=", ";", "let", "f:", "&'g", "str", "=", ";", "m"]);
    assert_eq!(words("abc ab cab ab", "ab").count(), 2);
}
