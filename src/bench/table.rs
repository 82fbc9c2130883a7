//! The table that a person reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Measured;
use super::figures::{raw_name, raw_operation};

/// Of each board our figures, raw seL4's of the same boot, and those of others.
pub fn table(boards: &[Measured]) -> String {
    let mut rows = vec![vec![String::new()]];
    let mut units = BTreeMap::new();
    for board in boards {
        rows[0].extend([board.platform.name().to_owned(), "raw seL4".to_owned()]);
        rows[0].extend(board.others.iter().map(|other| other.name.clone()));
        // A figure of raw seL4's stands in the row of its operation.
        let figures = board.figures.iter();
        units.extend(figures.map(|(name, figure)| {
            (raw_operation(name).unwrap_or(name), figure.unit.as_str())
        }));
    }
    rows[0].push("unit".to_owned());
    for (operation, unit) in units {
        let mut row = vec![operation.to_owned()];
        for Measured { figures, others, .. } in boards {
            let value = |name: &str| cell(figures.get(name).map(|figure| figure.value));
            row.extend([value(operation), value(&raw_name(operation))]);
            row.extend(others.iter().map(|other| cell(other.get(operation, unit))));
        }
        row.push(unit.to_owned());
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

    use crate::bench::baseline::Baseline;
    use crate::bench::figures::Figures;
    use crate::cli::Platform;

    fn figures(text: &str) -> Figures {
        let mut figures = Figures::default();
        figures.read(text);
        figures
    }

    #[test]
    fn raw_figures_stand_beside_ours() {
        let linux = Baseline::live("Linux", &figures("rpc.null 462 instructions\n"));
        let text = table(&[
            Measured {
                platform: Platform::QemuVirt,
                figures: figures(
                    "rpc.null 402 instructions\nsel4.call 390 instructions\n\
                     sel4.yield 300 instructions\nmem.idle 12345678 bytes\n",
                ),
                others: vec![linux],
            },
            Measured {
                platform: Platform::Pc99,
                figures: figures("rpc.null 500 instructions\n"),
                others: Vec::new(),
            },
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "           qemu-virt  raw seL4  Linux  pc99  raw seL4  unit");
        assert_eq!(lines[1], "mem.idle  12,345,678         -      -     -         -  bytes");
        assert_eq!(lines[2], "rpc.null         402       390    462   500         -  instructions");
        assert_eq!(lines[3], "yield              -       300      -     -         -  instructions");
    }
}
