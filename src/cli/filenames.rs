//! File names that a stranger chose.

/// Bytes of a file name, at most, with room for a number.
const NAME_MAX: usize = 240;

/// `photo.jpg`, `photo (1).jpg`, …
#[must_use]
pub fn numbered(name: &str, copy: u32) -> String {
    if copy == 0 {
        return name.to_owned();
    }
    match name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        Some((stem, ending)) => format!("{stem} ({copy}).{ending}"),
        None => format!("{name} ({copy})"),
    }
}

/// A file name that stays in its directory, whatever the sender called it.
#[must_use]
pub fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut safe: String = last.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    // A hidden file may be one that a shell or a desktop runs.
    if safe.starts_with('.') {
        safe.replace_range(..1, "_");
    }
    while safe.len() > NAME_MAX {
        safe.pop();
    }
    if safe.trim().is_empty() { "unnamed".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_directory() {
        for (name, safe) in [
            ("../../etc/passwd", "passwd"),
            ("..", "_."),
            ("a/", "unnamed"),
            ("", "unnamed"),
            (".bashrc", "_bashrc"),
            ("c:\\x\\y.txt", "y.txt"),
            ("a\nb\u{1b}", "a_b_"),
            ("é.txt", "é.txt"),
        ] {
            assert_eq!(plain(name), safe);
        }
        assert!(plain(&"é".repeat(500)).len() <= NAME_MAX);
        assert_eq!(numbered("a.tar.gz", 2), "a.tar (2).gz");
        assert_eq!(numbered("noending", 1), "noending (1)");
    }
}
