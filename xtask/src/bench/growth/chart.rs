//! One table and one plot.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::bench::report::shown;

/// Where the plots and their numbers lie, as seen from the workspace's folder.
const FOLDER: &str = "docs/growth";

/// What a record costs at one size.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) peer: &'static str,
    pub(super) size: u32,
    pub(super) caller_ns: f64,
    pub(super) process_ns: f64,
    /// Of 1.
    pub(super) delivered: f64,
}

#[derive(Debug)]
pub(super) struct Chart {
    name: &'static str,
    along: &'static str,
    points: Vec<Point>,
}

impl Chart {
    pub(super) fn new(name: &'static str, along: &'static str) -> Self {
        Chart {
            name,
            along,
            points: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, point: Point) {
        self.points.push(point);
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "\n### By {}\n\n![Cost of a log record by {}](growth/{}.svg)\n\n\
            | {} | SDK | caller CPU, ns | process CPU a delivered record, ns | delivered, % |\n|---:|---|---:|---:|---:|\n",
            self.along, self.along, self.name, self.along
        );
        for point in &self.points {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                point.size,
                point.peer,
                shown(point.caller_ns, 0),
                shown(point.process_ns, 0),
                shown(point.delivered * 100.0, 1)
            );
        }
        text
    }

    /// Writes the numbers as a table of their own and has them drawn beside it.
    pub(super) fn draw(&self, plot: &Path) -> Result<()> {
        let mut lines = String::from("series\tx\ty\n");
        let mut add = |what: &str, of: fn(&Point) -> f64| {
            for point in &self.points {
                let _ = writeln!(
                    lines,
                    "{}, {what}\t{}\t{:.0}",
                    point.peer,
                    point.size,
                    of(point)
                );
            }
        };
        add("caller", |point| point.caller_ns);
        add("whole process", |point| point.process_ns);
        fs::create_dir_all(FOLDER)?;
        let table = format!("{FOLDER}/{}.tsv", self.name);
        fs::write(&table, lines).with_context(|| format!("cannot write {table}"))?;
        let drawn = Command::new(plot)
            .args([&table, &format!("{FOLDER}/{}.svg", self.name), self.along])
            .arg("CPU time of a log record, ns")
            .status()
            .with_context(|| format!("cannot run {}", plot.display()))?;
        ensure!(drawn.success(), "{table} cannot be drawn");
        Ok(())
    }
}
