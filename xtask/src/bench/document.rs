//! Puts what was measured between the markers of docs/performance.md, or on the terminal alone.

use std::fs;

use anyhow::{Context as _, Result};

use super::machine;
use crate::show;

const FILE: &str = "docs/performance.md";

/// Where results go.
#[derive(Debug)]
pub(super) struct Document {
    /// Into the file too.
    pub(super) write: bool,
}

impl Document {
    /// Prints a result, and with `--write` replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
    pub(super) fn put(&mut self, name: &str, result: &str) -> Result<()> {
        let text = format!("{}\n{result}", machine::sentence()?);
        show(&text);
        if self.write {
            let page = fs::read_to_string(FILE).with_context(|| format!("cannot read {FILE}"))?;
            let page = replaced(&page, name, &text)
                .with_context(|| format!("{FILE} has no <!-- {name} --> and <!-- /{name} -->"))?;
            fs::write(FILE, page).with_context(|| format!("cannot write {FILE}"))?;
        }
        Ok(())
    }
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(&format!("<!-- {name} -->\n"))?;
    let end = format!("<!-- /{name} -->");
    let (_, after) = rest.split_once(&end)?;
    let text = text.trim_end();
    Some(format!("{before}<!-- {name} -->\n{text}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_markers_is_replaced_and_nothing_else() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n";
        let new = "a\n<!-- x -->\nnew\n\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n";
        assert_eq!(replaced(page, "x", "new\n").unwrap(), new);
        assert_eq!(replaced(new, "x", "new").unwrap(), new);
        assert!(replaced(page, "z", "new").is_none());
    }
}
