//! What was counted at which commit: benches/instructions.tsv.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};

const FILE: &str = "benches/instructions.tsv";
const HEAD: &str = "commit\tsdk\tpath\tinstructions";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    commit: String,
    peer: String,
    path: String,
    instructions: f64,
}

impl Row {
    pub(super) fn new(commit: &str, peer: &str, path: &str, instructions: f64) -> Self {
        Row {
            commit: commit.to_owned(),
            peer: peer.to_owned(),
            path: path.to_owned(),
            instructions,
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut cells = line.split('\t');
        let (commit, peer, path) = (cells.next()?, cells.next()?, cells.next()?);
        Some(Row::new(commit, peer, path, cells.next()?.parse().ok()?))
    }

    fn place(&self) -> (&str, &str, &str) {
        (&self.commit, &self.peer, &self.path)
    }
}

/// All rows, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History(Vec<Row>);

impl History {
    pub(super) fn read() -> Result<Self> {
        match fs::read_to_string(FILE) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(History::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {FILE}")),
        }
    }

    fn parse(text: &str) -> Self {
        History(text.lines().filter_map(Row::parse).collect())
    }

    pub(super) fn last(&self, peer: &str, path: &str) -> Option<f64> {
        let of = |row: &&Row| row.peer == peer && row.path == path;
        self.0.iter().rev().find(of).map(|row| row.instructions)
    }

    /// What is counted again at a commit takes the place of what was.
    pub(super) fn with(mut self, rows: Vec<Row>) -> Self {
        self.0
            .retain(|old| rows.iter().all(|new| new.place() != old.place()));
        self.0.extend(rows);
        self
    }

    pub(super) fn write(&self) -> Result<()> {
        fs::write(FILE, self.text()).with_context(|| format!("cannot write {FILE}"))
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for row in &self.0 {
            let (commit, peer, path) = row.place();
            let _ = writeln!(text, "{commit}\t{peer}\t{path}\t{:.0}", row.instructions);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_s_rows_are_replaced_and_the_last_is_found() {
        let old = format!("{HEAD}\na\tours\tlog\t10\na\tours\tspan\t30\nb\tours\tlog\t20\n");
        let history = History::parse(&old);
        assert_eq!(history.text(), old);
        assert_eq!(history.last("ours", "log"), Some(20.0));
        assert_eq!(history.last("ours", "error"), None);
        let history = history.with(vec![Row::new("b", "ours", "log", 19.0)]);
        assert_eq!(history.last("ours", "log"), Some(19.0));
        assert_eq!(history.text(), old.replace("\t20", "\t19"));
    }
}
