//! Which functions the instructions are in, read from callgrind's file.
//!
//! Unlike `callgrind_annotate`, a function is one line whatever files its inlined parts come from.
//! The format: <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::HashMap;
use std::fmt::Write as _;

/// Instructions of one function, alone and with what it calls.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    alone: u64,
    with_callees: u64,
}

/// The `top` functions by their own instructions, and by those of what they call too, each for one of `calls`.
pub(super) fn heaviest(text: &str, calls: u32, top: usize) -> String {
    let costs = costs(text);
    let total: u64 = costs.values().map(|cost| cost.alone).sum();
    let mut page = String::new();
    for title in ["alone", "with what it calls"] {
        let of = |cost: &Cost| match title {
            "alone" => cost.alone,
            _ => cost.with_callees,
        };
        let _ = writeln!(page, "\n{:>7} {:>7}  {title}", "a call", "%");
        let mut sorted: Vec<_> = costs.iter().map(|(name, cost)| (of(cost), name)).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        // What is around the harness's function has all of it.
        let inside = sorted
            .into_iter()
            .filter(|(cost, _)| *cost < total * 995 / 1_000);
        for (cost, name) in inside.take(top) {
            let each = cost / u64::from(calls);
            let tenths = cost * 1_000 / total.max(1);
            let _ = writeln!(page, "{each:>7} {:>5}.{}  {name}", tenths / 10, tenths % 10);
        }
    }
    page
}

fn costs(text: &str) -> HashMap<&str, Cost> {
    let mut names = HashMap::new();
    let mut costs: HashMap<&str, Cost> = HashMap::new();
    let (mut function, mut callee) = ("", "");
    let mut is_call = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = full(name, &mut names);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = full(name, &mut names);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
            let cost: u64 = cost.unwrap_or(0);
            let entry = costs.entry(function).or_default();
            let is_recursion = is_call && function == callee;
            entry.alone += if is_call { 0 } else { cost };
            entry.with_callees += if is_recursion { 0 } else { cost };
            is_call = false;
        }
    }
    costs
}

/// A name is written out once, as `(7) name`, and is `(7)` from then on.
fn full<'a>(written: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match written.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(written).copied().unwrap_or(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inlined_parts_and_calls_add_up_by_function() {
        let text = "events: Ir\n\nfl=(1) a.rs\nfn=(1) outer\n1 400\nfi=(2) b.rs\n+2 200\nfe=(1)\ncfn=(2) inner\n\
            calls=1 7\n* 400\n\nfn=(2)\n7 400\n\ntotals: 1000\n";
        let costs = costs(text);
        assert_eq!(costs["outer"].alone, 600);
        assert_eq!(costs["outer"].with_callees, 1_000);
        assert_eq!(costs["inner"].with_callees, 400);
        let page = heaviest(text, 10, 5);
        assert!(page.contains("     60    60.0  outer"), "{page}");
        assert!(page.contains("     40    40.0  inner"), "{page}");
    }
}
