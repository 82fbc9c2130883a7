//! The table that a person reads.

use std::fmt::Write as _;

use super::baseline::Baseline;
use super::figures::{Figures, raw_name, raw_operation};

/// Our figures, raw seL4's of the same boot, and those of others.
pub fn table(figures: &Figures, others: &[Baseline]) -> String {
    let mut rows = vec![vec![
        String::new(),
        "Hird".to_owned(),
        "raw seL4".to_owned(),
    ]];
    rows[0].extend(others.iter().map(|other| other.name.clone()));
    rows[0].push("unit".to_owned());
    for (name, figure) in figures.iter() {
        let raw = figures.get(&raw_name(name));
        let alone = raw_operation(name);
        if alone.is_some_and(|name| figures.get(name).is_some()) {
            // It stands in the row of its operation.
            continue;
        }
        let shown = Some(figure.value);
        let (ours, raw) = match alone {
            Some(_) => (None, shown),
            None => (shown, raw.map(|raw| raw.value)),
        };
        let operation = alone.unwrap_or(name);
        let mut row = vec![operation.to_owned(), cell(ours), cell(raw)];
        row.extend(
            others
                .iter()
                .map(|other| cell(other.get(operation, &figure.unit))),
        );
        row.push(figure.unit.clone());
        rows.push(row);
    }

    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            // Names and units stand left, numbers right.
            let width = widths[column];
            let _ = if column == 0 || column == columns - 1 {
                write!(line, "{cell:<width$}  ")
            } else {
                write!(line, "{cell:>width$}  ")
            };
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// A number with a comma at every third digit.
fn cell(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_figures_stand_beside_ours() {
        let mut figures = Figures::default();
        figures.read("rpc.null 402 instructions\nsel4.call 390 instructions\n");
        figures.read("sel4.yield 300 instructions\nmem.idle 12345678 bytes\n");
        let mut linux = Figures::default();
        linux.read("rpc.null 462 instructions\n");
        let text = table(&figures, &[Baseline::live("Linux", &linux)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "                Hird  raw seL4  Linux  unit");
        assert_eq!(lines[1], "mem.idle  12,345,678         -      -  bytes");
        assert_eq!(
            lines[2],
            "rpc.null         402       390    462  instructions"
        );
        assert_eq!(
            lines[3],
            "yield              -       300      -  instructions"
        );
    }
}
