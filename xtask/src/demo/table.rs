//! Rows as text in aligned columns.

/// Lines do not become longer than this, in characters.
pub(super) const WIDTH: usize = 120;
const GAP: &str = "  ";
/// Columns are not cut below this.
const NARROWEST: usize = 8;

/// The rows below their headings, indented; the widest cells are cut until a line fits, and empty columns left out.
pub(super) fn render(indent: &str, headings: &[&str], rows: &[Vec<String>]) -> String {
    let columns: Vec<Vec<String>> = headings
        .iter()
        .enumerate()
        .map(|(at, heading)| column(heading, rows.iter().filter_map(|row| row.get(at))))
        .filter(|column| column[1..].iter().any(|cell| !cell.is_empty()))
        .collect();
    let widest = |column: &Vec<String>| column.iter().map(|cell| length(cell)).max();
    let mut widths: Vec<usize> = columns.iter().filter_map(widest).collect();
    fit(&mut widths, WIDTH - length(indent));
    let mut text = String::new();
    for at in 0..=rows.len() {
        let cells: Vec<String> = columns
            .iter()
            .zip(&widths)
            .map(|(column, &width)| {
                let cell = column.get(at).map_or("", String::as_str);
                format!("{:<width$}", cut(cell, width))
            })
            .collect();
        text.push_str(format!("{indent}{}", cells.join(GAP)).trim_end());
        text.push('\n');
    }
    text
}

/// A heading and its cells.
fn column<'a>(heading: &str, cells: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut column = vec![heading.to_owned()];
    column.extend(cells.cloned());
    column
}

/// Takes from the widest column, one character at a time, until all fit into `room`.
fn fit(widths: &mut [usize], room: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

/// The text in one line of at most `width` characters, ending in `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    let line = text.replace(['\n', '\t', '\r'], " ");
    if length(&line) <= width {
        return line;
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, cut, length, render};

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_empty_ones_left_out() {
        let rows = [row(&["é", "", "1"]), row(&["long", "", ""])];
        assert_eq!(
            render("  ", &["A", "EMPTY", "B"], &rows),
            "  A     B\n  é     1\n  long\n"
        );
    }

    #[test]
    fn lines_are_cut_at_the_widest_columns() {
        let rows = [row(&["short", &"x".repeat(200), &"y".repeat(150)])];
        let table = render("    ", &["A", "B", "C"], &rows);
        assert!(table.lines().all(|line| length(line) <= WIDTH), "{table}");
        assert!(table.contains("short  x"));
        assert_eq!(table.matches('…').count(), 2);
    }

    #[test]
    fn a_cell_is_one_line() {
        assert_eq!(cut("a\nb\tc", 10), "a b c");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äöüß", 4), "äöüß");
    }
}
