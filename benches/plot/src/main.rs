//! Draws a table of numbers as lines: `plot TABLE.tsv FILE.svg X-AXIS Y-AXIS`.
//!
//! The table's columns are series, x and y. Both axes are logarithmic where x spans more than two decades; else both start at zero.

use std::error::Error;

use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

/// Dark for the first SDK, light for the second, and the other way about for what is measured.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 90, 170),
    RGBColor(200, 80, 0),
    RGBColor(110, 180, 235),
    RGBColor(245, 175, 100),
];

type Lines = Vec<(String, Vec<(f64, f64)>)>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, file, x, y] = &arguments[..] else {
        return Err("usage: plot TABLE.tsv FILE.svg X-AXIS Y-AXIS".into());
    };
    let lines = read(&std::fs::read_to_string(table)?)
        .ok_or("the table has three columns: series, x and y")?;
    let points = || lines.iter().flat_map(|(_, points)| points);
    let largest = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let smallest = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let (right, top) = (largest(|point| point.0), largest(|point| point.1));
    let (left, bottom) = (smallest(|point| point.0), smallest(|point| point.1));
    if left > 0.0 && right / left > 100.0 {
        draw(
            file,
            &lines,
            [x, y],
            (left..right).log_scale(),
            (bottom / 1.5..top * 1.5).log_scale(),
        )
    } else {
        draw(file, &lines, [x, y], 0.0..right * 1.02, 0.0..top * 1.1)
    }
}

fn read(table: &str) -> Option<Lines> {
    let mut lines = Lines::new();
    for line in table.lines().skip(1) {
        let mut cells = line.split('\t');
        let series = cells.next()?;
        let point = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        match lines.iter_mut().find(|(name, _)| name == series) {
            Some((_, points)) => points.push(point),
            None => lines.push((series.to_owned(), vec![point])),
        }
    }
    Some(lines)
}

fn draw<X, Y>(file: &str, lines: &Lines, axes: [&str; 2], x: X, y: Y) -> Result<(), Box<dyn Error>>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let area = SVGBackend::new(file, (760, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(76)
        .build_cartesian_2d(x, y)?;
    let number = |value: &f64| format!("{value:.0}");
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(axes[0])
        .y_desc(axes[1])
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .label_style(("sans-serif", 14))
        .draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(name)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 14))
        .draw()?;
    area.present()?;
    Ok(())
}
