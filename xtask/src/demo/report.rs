//! What arrived, read back from ClickHouse: the sessions, then each one's logs, spans and errors.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::sql::Sql;
use super::table::{WIDTH, cut, render};
use super::visits::{SHOPPERS, Shopper};

const FRAMES: usize = 3;

/// Keys that every record has from its process, place or request; the tables show what is left.
const USUAL: &str = "^(client|code|error|exception|highlight|host|http|network|os|process|server|telemetry|thread|url|user_agent)[.]";

/// The name of each span, to join by its id.
const NAMES: &str =
    "(SELECT SpanId, any(SpanName) AS SpanName FROM traces GROUP BY SpanId) AS spans";

/// The whole report.
///
/// # Errors
/// When ClickHouse cannot be asked.
pub(super) fn report(sql: Sql) -> Result<String> {
    let mut text = format!("\nSESSIONS\n\n{}", sessions(sql)?);
    for Shopper { session, does } in SHOPPERS {
        let _ = writeln!(text, "\nSESSION {session}: {does}\n");
        text.push_str(&logs(sql, session)?);
        text.push('\n');
        text.push_str(&spans(sql, session)?);
        text.push_str(&errors(sql, session)?);
    }
    text.push_str("\nNO SESSION: requests whose session header was not one\n\n");
    text.push_str(&spans(sql, "")?);
    Ok(text)
}

fn sessions(sql: Sql) -> Result<String> {
    let rows = sql.rows(
        "SELECT SecureSessionId, formatDateTime(FirstSeen, '%F %T'), Logs, Spans, Errors, arrayStringConcat(Services, ', ') \
         FROM sessions ORDER BY FirstSeen",
    )?;
    let headings = [
        "SESSION",
        "FIRST SEEN (UTC)",
        "LOGS",
        "SPANS",
        "ERRORS",
        "SERVICES",
    ];
    Ok(render("  ", &headings, &rows))
}

fn logs(sql: Sql, session: &str) -> Result<String> {
    let rows = sql.rows(&format!(
        "SELECT formatDateTime(Timestamp, '%T.') || leftPad(toString(toUnixTimestamp64Milli(Timestamp) % 1000), 3, '0'), \
         upper(SeverityText), Body, {fields}, left(TraceId, 8), spans.SpanName, \
         trim(TRAILING ':' FROM replaceRegexpOne(LogAttributes['code.file.path'], '^.*/', '') || ':' || LogAttributes['code.line.number']) \
         FROM logs LEFT JOIN {NAMES} ON logs.SpanId = spans.SpanId \
         WHERE SecureSessionId = '{session}' ORDER BY Timestamp",
        fields = fields("LogAttributes"),
    ))?;
    let headings = [
        "TIME", "LEVEL", "LOG", "FIELDS", "TRACE", "IN SPAN", "WHERE",
    ];
    Ok(render("  ", &headings, &rows))
}

fn spans(sql: Sql, session: &str) -> Result<String> {
    let rows = sql.rows(&format!(
        "SELECT SpanId, ParentSpanId, left(TraceId, 8), SpanName, SpanKind, toString(round(Duration / 1e6, 2)) || ' ms', \
         trimBoth(HttpAttributes['http.response.status_code'] || if(StatusCode = 'Error', ' failed', '')), {fields} \
         FROM traces WHERE SecureSessionId = '{session}' ORDER BY Timestamp",
        fields = fields("TraceAttributes"),
    ))?;
    let headings = ["TRACE", "SPAN", "KIND", "TOOK", "STATUS", "FIELDS"];
    Ok(render("  ", &headings, &tree(&rows)))
}

/// Rows of (span, parent, trace, name, rest…) without the ids, each name set in below its parent's.
fn tree(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let depth = |row: &[String]| {
        let (mut depth, mut parent) = (0, &row[1]);
        while let Some(above) = rows.iter().find(|row| row[0] == *parent)
            && depth < rows.len()
        {
            (depth, parent) = (depth + 1, &above[1]);
        }
        depth
    };
    rows.iter()
        .map(|row| {
            let mut shown = row[2..].to_vec();
            shown[1].insert_str(0, &"  ".repeat(depth(row)));
            shown
        })
        .collect()
}

fn errors(sql: Sql, session: &str) -> Result<String> {
    let rows = sql.rows(&format!(
        "WITH JSONExtract(Frames, 'Array(Tuple(functionName String, fileName String, lineNumber UInt32, lineContent String))') AS stack \
         SELECT Type, Message, JSONExtractString(Payload, 'exception.chain.0'), left(TraceId, 8), spans.SpanName, \
         toString(length(stack)), stack[1].4, \
         arrayStringConcat(arrayMap(frame -> frame.1 || '\\t' || frame.2 || ':' || toString(frame.3), \
         arraySlice(stack, 1, {FRAMES})), '\\n') \
         FROM errors LEFT JOIN {NAMES} ON errors.SpanId = spans.SpanId \
         WHERE SecureSessionId = '{session}' ORDER BY Timestamp",
    ))?;
    let mut text = String::new();
    for row in rows {
        let [kind, message, cause, trace, span, frames, source, stack] = &row[..] else {
            continue;
        };
        let _ = writeln!(text, "\n  ERROR {kind}: {message}");
        if !cause.is_empty() {
            let _ = writeln!(text, "    cause    {cause}");
        }
        let _ = writeln!(text, "    in span  {span} of trace {trace}");
        if !source.is_empty() {
            let _ = writeln!(text, "    source   {}", source.trim());
        }
        text.push_str(&stack_lines(stack, frames.parse().unwrap_or(0)));
    }
    Ok(text)
}

/// The first frames, each given as `function<TAB>file:line`, and how many follow.
fn stack_lines(stack: &str, frames: usize) -> String {
    let shown: Vec<(&str, &str)> = stack
        .lines()
        .map(|frame| frame.split_once('\t').unwrap_or((frame, "")))
        .map(|(function, place)| (short(place), function))
        .collect();
    let places = shown.iter().map(|(place, _)| place.chars().count());
    let width = places.max().unwrap_or(0);
    let mut text = String::new();
    let mut label = "stack";
    for (place, function) in shown {
        let line = format!("    {label:<7}  {place:<width$}  {function}");
        let _ = writeln!(text, "{}", cut(&line, WIDTH));
        label = "";
    }
    if frames > FRAMES {
        let _ = writeln!(text, "             and {} frames below", frames - FRAMES);
    }
    text
}

/// A source file without the part that is this machine's: where the workspace, the dependencies and the toolchain are.
fn short(file: &str) -> &str {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let workspace = workspace.and_then(Path::to_str).unwrap_or_default();
    if let Some(own) = file.strip_prefix(workspace) {
        return own.trim_start_matches('/');
    }
    let dependency = file
        .split_once("/registry/src/")
        .or_else(|| file.split_once("/rustc/"));
    dependency
        .and_then(|(_, path)| path.split_once('/'))
        .map_or(file, |(_, path)| path)
}

/// An SQL expression for a map's entries as `key=value`, but for the usual ones.
fn fields(map: &str) -> String {
    format!(
        "arrayStringConcat(arrayMap(pair -> toString(pair.1) || '=' || pair.2, \
         arrayFilter(pair -> NOT match(pair.1, '{USUAL}'), arrayZip(mapKeys({map}), mapValues({map})))), ' ')"
    )
}

#[cfg(test)]
mod tests {
    use super::{short, stack_lines, tree};

    fn row(cells: [&str; 5]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn spans_are_set_in_below_their_parents() {
        let rows = [
            row(["a", "browser", "t", "server", "1 ms"]),
            row(["b", "a", "t", "charge", "2 ms"]),
            row(["c", "b", "t", "bank", "3 ms"]),
            row(["d", "d", "t", "its own parent", "4 ms"]),
        ];
        let names: Vec<_> = tree(&rows).into_iter().map(|row| row[1].clone()).collect();
        assert_eq!(
            names,
            ["server", "  charge", "    bank", "        its own parent"]
        );
    }

    #[test]
    fn files_are_shown_without_the_machines_part() {
        let own = format!("{}/src/demo.rs:1", env!("CARGO_MANIFEST_DIR"));
        for (file, shown) in [
            (own.as_str(), "xtask/src/demo.rs:1"),
            (
                "/rustc/0123abcd/library/core/src/pin.rs:2",
                "library/core/src/pin.rs:2",
            ),
            (
                "/home/me/.cargo/registry/src/index-12ab/axum-0.8.9/src/lib.rs:3",
                "axum-0.8.9/src/lib.rs:3",
            ),
            ("/elsewhere/main.rs:4", "/elsewhere/main.rs:4"),
        ] {
            assert_eq!(short(file), shown);
        }
    }

    #[test]
    fn a_long_stack_tells_how_much_is_left_out() {
        assert_eq!(
            stack_lines("shop::pay\t/a/pay.rs:12\nmain\t/main.rs:1", 5),
            "    stack    /a/pay.rs:12  shop::pay\n             /main.rs:1    main\n             and 2 frames below\n"
        );
    }
}
