//! Rows of words in columns.

use super::failure::one_line;

/// A table with a head.
#[derive(Clone, Debug)]
pub struct Columns {
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// With this head.
    #[must_use]
    pub fn new<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: vec![head.into_iter().map(str::to_owned).collect()] }
    }

    /// Adds a row. What the far side may have chosen cannot leave its line.
    pub fn row(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(|word| one_line(&word)).collect());
    }

    /// Whether there is only the head.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The text, each line behind `indent`.
    #[must_use]
    pub fn text(&self, indent: &str) -> String {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, word) in widths.iter_mut().zip(row) {
                *width = word.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = indent.to_owned();
            for (word, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{word:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_word() {
        let mut columns = Columns::new(["A", "BB"]);
        assert!(columns.is_empty());
        columns.row(["long".into(), "x\ny".into()]);
        columns.row(["é".into(), String::new()]);
        assert_eq!(columns.text(" "), " A     BB\n long  x y\n é\n");
    }
}
