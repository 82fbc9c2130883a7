//! What was measured: a number and a unit for each name.

use std::collections::BTreeMap;

/// A figure whose name begins so is raw seL4's for the operation of that name.
pub const RAW_PREFIX: &str = "sel4.";

/// Operations whose raw counterpart has a name of its own.
const RAW_NAMES: [(&str, &str); 2] = [
    ("rpc.null", "sel4.call"),
    ("rpc.4words", "sel4.call.4words"),
];

/// The name of raw seL4's figure for an operation.
pub fn raw_name(operation: &str) -> String {
    let known = RAW_NAMES.iter().find(|(name, _)| *name == operation);
    known.map_or_else(
        || format!("{RAW_PREFIX}{operation}"),
        |(_, raw)| (*raw).to_owned(),
    )
}

/// The operation that a raw figure belongs to, if the name is one of raw seL4's.
pub fn raw_operation(name: &str) -> Option<&str> {
    let known = RAW_NAMES.iter().find(|(_, raw)| *raw == name);
    known
        .map(|(operation, _)| *operation)
        .or_else(|| name.strip_prefix(RAW_PREFIX))
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub value: f64,
    pub unit: String,
}

/// All figures, by name.
#[derive(Clone, Debug, Default)]
pub struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// Adds or replaces a figure.
    pub fn set(&mut self, name: &str, value: f64, unit: &str) {
        self.0.insert(
            name.to_owned(),
            Figure {
                value,
                unit: unit.to_owned(),
            },
        );
    }

    /// Takes the lines `NAME VALUE UNIT` of a text; others are ignored.
    pub fn read(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, value, unit] = words.as_slice() else {
                continue;
            };
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
            if let Ok(value) = value.parse::<f64>()
                && value.is_finite()
                && name.chars().all(good)
            {
                self.set(name, value, unit);
            }
        }
    }

    /// Keeps the figures whose name the test accepts.
    pub fn retain(&mut self, mut test: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| test(name));
    }

    /// A figure.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.0.get(name)
    }

    /// All of them in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Figure)> {
        self.0.iter().map(|(name, figure)| (name.as_str(), figure))
    }

    /// One JSON object, name to number; whole numbers without a fraction.
    pub fn json(&self) -> String {
        let number = |value: f64| {
            if value.fract() == 0.0 && value.abs() < 2f64.powi(53) {
                serde_json::Value::from(value as i64)
            } else {
                serde_json::Value::from(value)
            }
        };
        let object: serde_json::Map<_, _> = self
            .0
            .iter()
            .map(|(name, figure)| (name.clone(), number(figure.value)))
            .collect();
        serde_json::Value::Object(object).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_three_words_with_a_number_are_figures() {
        let mut figures = Figures::default();
        figures.read("hello\nrpc.null 402 instructions\nx y z\nsel4.rpc.null 390.5 instructions\n");
        assert_eq!(figures.json(), r#"{"rpc.null":402,"sel4.rpc.null":390.5}"#);
    }
}
